//! Runs other programs, so that an interrupt is noticed and a failure is explained.

use std::fs;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::say;

/// How long a program may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(25);

/// Somebody wants this command to end.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

fn flag() -> &'static Arc<AtomicBool> {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    FLAG.get_or_init(Arc::default)
}

/// From now on SIGINT, SIGTERM and SIGHUP only set a flag: what was started gets stopped in order.
pub(crate) fn catch_signals() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag()))?;
    }
    Ok(())
}

pub(crate) fn interrupted() -> bool {
    flag().load(Ordering::Relaxed) && !STOPPING.load(Ordering::Relaxed)
}

/// Whether an orderly stop is under way, which a second Ctrl-C must not cut short.
static STOPPING: AtomicBool = AtomicBool::new(false);

/// Does work that an interrupt must not cut short: stopping what was started.
pub(crate) fn uninterruptible<T>(work: impl FnOnce() -> T) -> T {
    let before = STOPPING.swap(true, Ordering::Relaxed);
    let result = work();
    STOPPING.store(before, Ordering::Relaxed);
    result
}

/// # Errors
/// When an interrupt came.
pub(crate) fn check() -> Result<()> {
    if interrupted() {
        return Err(Interrupted.into());
    }
    Ok(())
}

/// Waits, unless interrupted. Between two looks at a condition, never instead of one.
pub(crate) fn pause(time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        check()?;
        thread::sleep(POLL.min(end.saturating_duration_since(Instant::now())));
    }
    check()
}

/// Polls until `ready` is true.
///
/// # Errors
/// After the deadline, with `what`; or when interrupted.
pub(crate) fn until(what: &str, deadline: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
    let end = Instant::now() + deadline;
    loop {
        if ready() {
            return Ok(());
        }
        if Instant::now() >= end {
            bail!("{what}: not within {}", say::took(deadline));
        }
        pause(Duration::from_millis(100))?;
    }
}

/// A command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

fn spawn(command: &mut Command) -> Result<Child> {
    command
        .spawn()
        .with_context(|| format!("starting `{}`", shown(command)))
}

/// Waits for the child; an interrupt is passed on to it and becomes the error.
fn wait(child: &mut Child, group: bool) -> Result<ExitStatus> {
    let mut asked: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait()? {
            check()?;
            return Ok(status);
        }
        match asked {
            None if interrupted() => {
                signal(child, group, Signal::TERM);
                asked = Some(Instant::now());
            }
            Some(since) if since.elapsed() > GRACE => {
                signal(child, group, Signal::KILL);
                asked = Some(Instant::now());
            }
            _ => {}
        }
        thread::sleep(POLL);
    }
}

fn signal(child: &Child, group: bool, signal: Signal) {
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return;
    };
    // It may just have ended by itself.
    let _ = if group {
        kill_process_group(pid, signal)
    } else {
        kill_process(pid, signal)
    };
}

fn verdict(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    match (status.code(), status.signal()) {
        (Some(code), _) => bail!("`{}` ended with exit code {code}", shown(command)),
        (_, signal) => bail!(
            "`{}` was killed by signal {}",
            shown(command),
            signal.unwrap_or(0)
        ),
    }
}

/// Runs a program whose output people want to see as it comes.
pub(crate) fn visibly(command: &mut Command) -> Result<()> {
    check()?;
    command.stdin(Stdio::null());
    let status = wait(&mut spawn(command)?, false)?;
    verdict(command, status)
}

/// Runs a program in a process group of its own, so that an interrupt reaches all that it started.
/// It does not share our terminal's Ctrl-C, so it gets exactly one signal.
pub(crate) fn visibly_as_group(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    check()?;
    command.stdin(Stdio::null()).process_group(0);
    let mut child = spawn(command)?;
    let status = wait(&mut child, true);
    // Whatever the program left behind in its group ends with it.
    signal(&child, true, Signal::KILL);
    verdict(command, status?)
}

/// Runs a program quietly: progress when it is slow, its last words when it fails.
pub(crate) fn quietly(what: &str, command: &mut Command) -> Result<()> {
    say::progress(what, || captured(command))
        .map(|_| ())
        .with_context(|| what.to_owned())
}

/// What a program prints.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    captured(command)
}

fn captured(command: &mut Command) -> Result<String> {
    check()?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = spawn(command)?;
    let mut out = child.stdout.take().context("stdout is piped")?;
    let mut err = child.stderr.take().context("stderr is piped")?;
    // Both pipes are drained at once, or a talkative program would block on the other.
    let errors = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = err.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let results = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = out.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let status = wait(&mut child, false)?;
    let results = results.join().unwrap_or_default();
    let errors = errors.join().unwrap_or_default();
    verdict(command, status).with_context(|| both_ends(&format!("{results}\n{errors}")))?;
    Ok(results)
}

/// What a failed program said, shortened in the middle: some tell the cause first, some last.
fn both_ends(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.len() <= 30 {
        return lines.join("\n");
    }
    let (first, last) = (&lines[..12], &lines[lines.len() - 15..]);
    format!("{}\n[…]\n{}", first.join("\n"), last.join("\n"))
}

/// The end of a text, without blank lines.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Whether a program is on the PATH (or in the folders where Debian keeps servers).
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin", "/sbin"])
        .any(|folder| is_executable(&std::path::Path::new(folder).join(program)))
}

fn is_executable(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Sends a signal to a process that need not exist any more.
pub(crate) fn kill(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_the_last_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let error = format!("{:#}", output(&mut command).unwrap_err());
        assert!(error.contains("two"), "{error}");
        assert!(error.contains("exit code 3"), "{error}");
    }

    #[test]
    fn both_pipes_are_drained() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; echo end",
        ]);
        assert!(output(&mut command).unwrap().ends_with("end\n"));
    }

    #[test]
    fn long_output_keeps_both_ends() {
        let text: String = (1..=100).map(|n| format!("{n}\n")).collect();
        let short = both_ends(&text);
        assert!(
            short.starts_with("1\n2\n") && short.ends_with("99\n100"),
            "{short}"
        );
        assert_eq!(short.lines().count(), 28);
        assert_eq!(both_ends("a\n\nb\n"), "a\nb");
    }

    #[test]
    fn last_lines_skip_blanks() {
        assert_eq!(last_lines("a\n\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("", 2), "");
    }
}
