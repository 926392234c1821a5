//! Repeating an operation for a while, and what it took.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde::Serialize;

/// Between two looks at the clock. Reading it costs a hundredth of the cheapest operation here.
const BATCH: u64 = 16;

/// What a thread did.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Figures {
    pub(crate) ops: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_nanos: u64,
}

impl Figures {
    /// Repeats `operation` on this thread for `time`.
    ///
    /// # Errors
    /// The first error of the operation: a wrong answer is not worth measuring.
    pub(crate) fn of(
        time: Duration,
        mut operation: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        // The first ones fill the caches.
        for _ in 0..BATCH {
            operation()?;
        }
        let (cpu, started) = (cpu_nanos()?, Instant::now());
        let mut ops = 0;
        while started.elapsed() < time {
            for _ in 0..BATCH {
                operation()?;
            }
            ops += BATCH;
        }
        Ok(Self {
            ops,
            seconds: started.elapsed().as_secs_f64(),
            cpu_nanos: cpu_nanos()? - cpu,
        })
    }

    /// What threads did that ran side by side.
    pub(crate) fn together(all: &[Self]) -> Self {
        Self {
            ops: all.iter().map(|figures| figures.ops).sum(),
            seconds: all
                .iter()
                .map(|figures| figures.seconds)
                .fold(0.0, f64::max),
            cpu_nanos: all.iter().map(|figures| figures.cpu_nanos).sum(),
        }
    }

    /// Tells the caller.
    #[expect(clippy::print_stdout, reason = "the command's output")]
    pub(crate) fn print(self) -> anyhow::Result<()> {
        println!("{}", serde_json::to_string(&self)?);
        Ok(())
    }
}

/// The nanoseconds that this thread has run (proc(5), `schedstat`).
fn cpu_nanos() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split(' ').next().context("an empty schedstat")?;
    Ok(first.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_what_it_did_after_the_warm_up() {
        let mut calls = 0;
        let figures = Figures::of(Duration::from_millis(30), || {
            calls += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(figures.ops, calls - BATCH);
        assert!(figures.seconds >= 0.03, "{figures:?}");
        assert!(figures.cpu_nanos > 0, "{figures:?}");
    }

    #[test]
    fn a_wrong_answer_ends_it() {
        let figures = Figures::of(Duration::from_secs(60), || anyhow::bail!("wrong"));
        assert!(figures.is_err());
    }

    #[test]
    fn threads_side_by_side_take_as_long_as_the_slowest() {
        let one = |ops, seconds, cpu_nanos| Figures {
            ops,
            seconds,
            cpu_nanos,
        };
        let both = Figures::together(&[one(10, 1.0, 5), one(20, 2.0, 7)]);
        assert_eq!((both.ops, both.cpu_nanos), (30, 12));
        assert!((both.seconds - 2.0).abs() < 1e-9);
    }
}
