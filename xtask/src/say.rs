//! What a person reads: lines, progress of slow steps, durations.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Prints one line.
pub(crate) fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    // A closed pipe (`xtask status | head -1`) is no reason to fail.
    let _ = writeln!(out, "{}", text.as_ref());
}

/// Prints why a command failed.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "error: {text}");
}

/// A duration as a person says it: `0.4 s`, `12 s`, `3 min 05 s`.
pub(crate) fn took(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Runs `work` and tells about it when it takes longer than two seconds.
pub(crate) fn progress<T, E>(what: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let (done, waiting) = mpsc::channel::<bool>();
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || tell(what, start, &waiting));
        let result = work();
        // The other side only ends after this.
        let _ = done.send(result.is_ok());
        result
    })
}

/// On a terminal the line counts on in place; in a log it is said at the start and every 15 s.
fn tell(what: &str, start: Instant, waiting: &mpsc::Receiver<bool>) {
    let terminal = std::io::stdout().is_terminal();
    let every = Duration::from_secs(if terminal { 1 } else { 15 });
    let show = |mark: &str, last: bool| {
        let text = format!("  {mark} {what} ({})", took(start.elapsed()));
        let mut out = std::io::stdout().lock();
        let _ = match (terminal, last) {
            (false, _) => writeln!(out, "{text}"),
            (true, true) => writeln!(out, "\r\x1b[K{text}"),
            (true, false) => write!(out, "\r\x1b[K{text}").and_then(|()| out.flush()),
        };
    };
    let mut wait = Duration::from_secs(2);
    loop {
        match waiting.recv_timeout(wait) {
            Err(mpsc::RecvTimeoutError::Timeout) => show("…", false),
            // Nothing was said of a quick step, so its end is not news either.
            Ok(_) if start.elapsed() < Duration::from_secs(2) => return,
            Ok(true) => return show("✓", true),
            Ok(false) | Err(mpsc::RecvTimeoutError::Disconnected) => return show("✗", true),
        }
        wait = every;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(took(Duration::from_millis(449)), "0.4 s");
        assert_eq!(took(Duration::from_secs(59)), "59 s");
        assert_eq!(took(Duration::from_secs(185)), "3 min 05 s");
        assert_eq!(took(Duration::from_secs(3700)), "1 h 01 min");
    }
}
