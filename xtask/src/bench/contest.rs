//! A contest: the contestants take turns, round after round, and are compared within each round.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::spread::Spread;
use crate::{run, say};

/// How often and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) rounds: usize,
    /// Of each measurement.
    pub(super) time: Duration,
}

/// Somebody who is measured. It runs while it exists, and stops when it is dropped.
pub(super) trait Contestant {
    /// What tables call it.
    fn name(&self) -> &'static str;

    /// What it is, in a sentence.
    fn about(&self) -> &'static str;

    /// Asks for right answers and for refusals before each measurement.
    ///
    /// # Errors
    /// When an answer is wrong: the whole run is void, because who does less is faster.
    fn check(&mut self) -> Result<()>;

    /// Puts it under load.
    ///
    /// # Errors
    /// When an answer under load was wrong.
    fn measure(&mut self, time: Duration) -> Result<Sample>;
}

/// What one measurement gave; what a contestant does not measure is `None`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Sample {
    /// Operations that were counted.
    pub(super) operations: u64,
    pub(super) per_second: Option<f64>,
    /// User and system time for each operation, in microseconds.
    pub(super) cpu_micros: Option<f64>,
    /// The 99th percentile of the times of answers at a fixed rate, in microseconds.
    pub(super) p99_micros: Option<f64>,
    /// Memory after the load, in KiB.
    pub(super) pss_kib: Option<u64>,
    /// What only some benches measure, in the unit of its title.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) more: BTreeMap<Figure, f64>,
}

/// What can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Figure {
    Cpu,
    P99,
    Rate,
    Memory,
    /// What the stores behind a service used for each operation.
    Stores,
    SocketMemory,
    Gzip,
    Brotli,
    /// Lighthouse's points for performance, of 100.
    Points,
    /// Cumulative layout shift.
    Shift,
    /// Total blocking time.
    Blocking,
    /// Tasks of 50 ms and longer before the first click.
    LongTasks,
    /// Those in which a script of the contestant ran.
    OwnLongTasks,
}

impl Figure {
    pub(super) const ALL: [Self; 13] = [
        Self::Cpu,
        Self::Stores,
        Self::Rate,
        Self::P99,
        Self::Memory,
        Self::SocketMemory,
        Self::Gzip,
        Self::Brotli,
        Self::Points,
        Self::Shift,
        Self::Blocking,
        Self::LongTasks,
        Self::OwnLongTasks,
    ];

    /// With its unit.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU, µs",
            Self::P99 => "p99, ms",
            Self::Rate => "per second",
            Self::Memory => "memory, MiB",
            Self::Stores => "stores' CPU, µs",
            Self::SocketMemory => "memory a socket, KiB",
            Self::Gzip => "gzip, KiB",
            Self::Brotli => "brotli, KiB",
            Self::Points => "performance, points",
            Self::Shift => "layout shift",
            Self::Blocking => "blocking time, ms",
            Self::LongTasks => "long tasks",
            Self::OwnLongTasks => "long tasks of its own",
        }
    }

    /// In the unit of the title.
    pub(super) fn of(self, sample: &Sample) -> Option<f64> {
        match self {
            Self::Cpu => sample.cpu_micros,
            Self::P99 => sample.p99_micros.map(|micros| micros / 1000.0),
            Self::Rate => sample.per_second,
            Self::Memory => sample.pss_kib.map(|kib| kib as f64 / 1024.0),
            _ => sample.more.get(&self).copied(),
        }
    }
}

/// What a ratio or a figure shall be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    pub(super) fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(limit) => ratio <= limit,
            Self::AtLeast(limit) => ratio >= limit,
        }
    }
}

/// Which figure is held against a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) figure: Figure,
    pub(super) of: &'static str,
    pub(super) goal: Goal,
}

/// Which figure of ours is held against whose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison {
    pub(super) figure: Figure,
    pub(super) ours: &'static str,
    pub(super) theirs: &'static str,
    pub(super) goal: Option<Goal>,
}

/// All measurements of one contestant, in the order of the rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) samples: Vec<Sample>,
}

impl Entry {
    /// A figure in each round; `None` when it was not measured in all of them.
    pub(super) fn figures(&self, figure: Figure) -> Option<Vec<f64>> {
        self.samples
            .iter()
            .map(|sample| figure.of(sample))
            .collect()
    }
}

/// The ratio of one figure.
pub(super) fn ratio(entries: &[Entry], comparison: &Comparison) -> Option<Spread> {
    let figures = |name: &str| {
        let entry = entries.iter().find(|entry| entry.name == name)?;
        entry.figures(comparison.figure)
    };
    Spread::ratio(&figures(comparison.ours)?, &figures(comparison.theirs)?)
}

/// Lets all contestants take their turns: a warm-up that is not counted, then the rounds, each begun
/// by another one.
///
/// # Errors
/// At the first wrong answer.
pub(super) fn run(contestants: &mut [Box<dyn Contestant + '_>], plan: Plan) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = contestants
        .iter()
        .map(|contestant| Entry {
            name: contestant.name().to_owned(),
            about: contestant.about().to_owned(),
            samples: Vec::with_capacity(plan.rounds),
        })
        .collect();
    for contestant in contestants.iter_mut() {
        turn(contestant.as_mut(), "warming up", plan.time.min(WARM_UP))?;
    }
    for round in 0..plan.rounds {
        for index in order(contestants.len(), round) {
            let contestant = contestants[index].as_mut();
            let about = format!("round {} of {}", round + 1, plan.rounds);
            let sample = turn(contestant, &about, plan.time)?;
            say::line(format!(
                "  {about}: {}: {}",
                contestant.name(),
                said(&sample)
            ));
            entries[index].samples.push(sample);
        }
    }
    Ok(entries)
}

const WARM_UP: Duration = Duration::from_secs(2);

fn turn(contestant: &mut dyn Contestant, about: &str, time: Duration) -> Result<Sample> {
    run::check()?;
    let result = contestant.check().and_then(|()| contestant.measure(time));
    result.with_context(|| format!("the run is void: {}, {about}", contestant.name()))
}

/// Who is first moves on by one each round, so that nobody always follows the same one.
fn order(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |turn| (turn + round) % count)
}

fn said(sample: &Sample) -> String {
    let figures = Figure::ALL.into_iter().filter_map(|figure| {
        let value = figure.of(sample)?;
        Some(format!("{} {value:.2}", figure.title()))
    });
    figures.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use anyhow::bail;

    use super::*;

    fn sample(cpu: f64) -> Sample {
        Sample {
            operations: 1,
            per_second: Some(1.0),
            cpu_micros: Some(cpu),
            pss_kib: Some(2048),
            ..Sample::default()
        }
    }

    /// Writes down its turns, and gives a wrong answer in the one named.
    struct Scripted<'a> {
        name: &'static str,
        turns: &'a RefCell<Vec<&'static str>>,
        wrong_at: Option<usize>,
    }

    impl Contestant for Scripted<'_> {
        fn name(&self) -> &'static str {
            self.name
        }

        fn about(&self) -> &'static str {
            "a test's"
        }

        fn check(&mut self) -> Result<()> {
            if self.wrong_at == Some(self.turns.borrow().len()) {
                bail!("200 without a token");
            }
            Ok(())
        }

        fn measure(&mut self, _: Duration) -> Result<Sample> {
            self.turns.borrow_mut().push(self.name);
            Ok(sample(self.turns.borrow().len() as f64))
        }
    }

    fn contest(wrong_at: Option<usize>) -> (Result<Vec<Entry>>, Vec<&'static str>) {
        let turns = RefCell::default();
        let mut contestants: Vec<Box<dyn Contestant>> = Vec::new();
        for name in ["a", "b", "c"] {
            contestants.push(Box::new(Scripted {
                name,
                turns: &turns,
                wrong_at,
            }));
        }
        let plan = Plan {
            rounds: 2,
            time: Duration::ZERO,
        };
        let result = run(&mut contestants, plan);
        drop(contestants);
        (result, turns.into_inner())
    }

    #[test]
    fn turns_rotate_and_the_warm_up_is_not_counted() {
        let (entries, turns) = contest(None);
        assert_eq!(turns.concat(), "abcabcbca");
        let cpu: Vec<_> = entries
            .unwrap()
            .iter()
            .map(|entry| entry.figures(Figure::Cpu).unwrap())
            .collect();
        assert_eq!(cpu, [[4.0, 9.0], [5.0, 7.0], [6.0, 8.0]]);
    }

    #[test]
    fn a_wrong_answer_voids_the_run() {
        let (entries, turns) = contest(Some(4));
        let error = format!("{:#}", entries.unwrap_err());
        assert!(error.contains("void: b, round 1 of 2"), "{error}");
        assert!(error.contains("200 without a token"), "{error}");
        assert_eq!(turns.len(), 4);
    }

    #[test]
    fn ratios_need_the_figure_in_every_round() {
        let entry = |name: &str, cpu: &[f64]| Entry {
            name: name.to_owned(),
            about: String::new(),
            samples: cpu.iter().map(|cpu| sample(*cpu)).collect(),
        };
        let entries = [entry("ours", &[8.0, 6.0]), entry("theirs", &[10.0, 10.0])];
        let comparison = |figure| Comparison {
            figure,
            ours: "ours",
            theirs: "theirs",
            goal: None,
        };
        let cpu = ratio(&entries, &comparison(Figure::Cpu)).unwrap();
        assert!((cpu.median - 0.7).abs() < 1e-9, "{cpu:?}");
        assert_eq!(ratio(&entries, &comparison(Figure::P99)), None);
    }

    #[test]
    fn goals_include_their_limit() {
        assert!(Goal::AtMost(0.8).is_met(0.8) && !Goal::AtMost(0.8).is_met(0.81));
        assert!(Goal::AtLeast(0.9).is_met(0.9) && !Goal::AtLeast(0.9).is_met(0.89));
    }
}
