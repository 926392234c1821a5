//! What a program and its children took of the machine: proc(5), `stat` and `smaps_rollup`.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};

use crate::run;

/// One line of `/proc/PID/stat`, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    pid: i32,
    parent: i32,
    /// User and system time of all its threads, and of children that it waited for.
    ticks: u64,
}

impl Stat {
    fn parse(line: &str) -> Option<Self> {
        let pid = line.split(' ').next()?.parse().ok()?;
        // The name stands in parentheses and may have spaces and parentheses in it.
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        // The state, field 3 in the manual, is the first here.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            ticks: number(14)? + number(15)? + number(16)? + number(17)?,
        })
    }
}

/// The CPU time that the process and its descendants have used since they were started, in
/// microseconds. A tick is 10 ms, so measure for seconds.
///
/// # Errors
/// When the process has ended.
pub(super) fn cpu_micros(root: i32) -> Result<f64> {
    let ticks: u64 = tree(&table(), root)?.iter().map(|stat| stat.ticks).sum();
    Ok(ticks as f64 * 1e6 / ticks_per_second()?)
}

/// The memory of the process and its descendants, in KiB: what they share with others counts by
/// its share (PSS).
///
/// # Errors
/// When the process has ended, or is not ours to look at.
pub(super) fn pss_kib(root: i32) -> Result<u64> {
    let mut sum = 0;
    for stat in tree(&table(), root)? {
        let path = format!("/proc/{}/smaps_rollup", stat.pid);
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        sum += pss(&text).with_context(|| format!("{path} names no Pss"))?;
    }
    Ok(sum)
}

fn pss(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// All processes of the machine.
fn table() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit())
        .filter_map(|entry| Stat::parse(&fs::read_to_string(entry.path().join("stat")).ok()?))
        .collect()
}

/// A process and its descendants.
fn tree(table: &[Stat], root: i32) -> Result<Vec<&Stat>> {
    let Some(first) = table.iter().find(|stat| stat.pid == root) else {
        bail!("process {root} has ended");
    };
    let mut found = vec![first];
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|stat| stat.pid) {
        found.extend(table.iter().filter(|stat| stat.parent == parent));
        next += 1;
    }
    Ok(found)
}

fn ticks_per_second() -> Result<f64> {
    static TICKS: OnceLock<f64> = OnceLock::new();
    if let Some(ticks) = TICKS.get() {
        return Ok(*ticks);
    }
    let text = run::output(Command::new("getconf").arg("CLK_TCK"))?;
    let ticks = text.trim().parse().context("getconf CLK_TCK")?;
    Ok(*TICKS.get_or_init(|| ticks))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_line_of_stat_whose_name_looks_like_fields() {
        let line =
            "42 (odd ) 7 (name) S 7 42 42 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 3 0 99 1 2\n";
        let expected = Stat {
            pid: 42,
            parent: 7,
            ticks: 110,
        };
        assert_eq!(Stat::parse(line), Some(expected));
        assert_eq!(Stat::parse("42 (cut"), None);
    }

    #[test]
    fn a_tree_has_all_generations_and_no_stranger() {
        let stat = |pid, parent| Stat {
            pid,
            parent,
            ticks: 0,
        };
        let table = [stat(1, 0), stat(5, 3), stat(3, 2), stat(2, 1), stat(4, 1)];
        let pids: Vec<i32> = tree(&table, 2).unwrap().iter().map(|s| s.pid).collect();
        assert_eq!(pids, [2, 3, 5]);
        assert!(tree(&table, 9).is_err());
    }

    #[test]
    fn the_proportional_share_is_read_and_not_its_parts() {
        let text = "00400000-7ffe ---p 00000000 00:00 0 [rollup]\n\
             Rss:    5000 kB\nPss:    1234 kB\nPss_Anon:    900 kB\n";
        assert_eq!(pss(text), Some(1234));
        assert_eq!(pss("Rss: 1 kB\n"), None);
    }

    #[test]
    fn a_child_that_works_is_counted_with_its_parent() {
        let mut shell = Command::new("sh")
            .args([
                "-c",
                "(while :; do :; done) & worker=$!; trap 'kill $worker' TERM; wait",
            ])
            .spawn()
            .unwrap();
        let pid = i32::try_from(shell.id()).unwrap();
        let began = Instant::now();
        let mut used = 0.0;
        while used < 50_000.0 && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(20));
            used = cpu_micros(pid).unwrap();
        }
        let memory = pss_kib(pid);
        run::kill(pid, rustix::process::Signal::TERM);
        shell.wait().unwrap();
        assert!(used >= 50_000.0, "{used}");
        assert!(memory.unwrap() > 0);
        assert!(cpu_micros(pid).is_err());
    }
}
