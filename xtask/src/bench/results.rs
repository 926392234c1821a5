//! The record: `bench/results/<name>.json`, and the page that shows all of them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::contest::{Entry, Figure};
use super::machine::Machine;
use super::spread::Spread;
use super::verdict::{Held, Ratio, verdict};

/// One run of one bench.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) bench: String,
    pub(super) about: String,
    /// RFC 3339, UTC.
    pub(super) at: String,
    pub(super) rounds: usize,
    /// Of each measurement; 0 where each takes as long as it takes.
    pub(super) seconds: u64,
    pub(super) machine: Machine,
    pub(super) contestants: Vec<Entry>,
    pub(super) ratios: Vec<Ratio>,
    /// Figures with goals of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) limits: Vec<Held>,
}

impl Record {
    /// As a section of the page.
    pub(super) fn markdown(&self) -> String {
        let machine = &self.machine;
        let load = |load: [f64; 3]| load.map(|load| format!("{load:.2}")).join(" ");
        let versions: Vec<String> = machine
            .versions
            .iter()
            .map(
                |(name, version)| match version.strip_prefix(name.as_str()) {
                    Some(_) => version.clone(),
                    None => format!("{name} {version}"),
                },
            )
            .collect();
        let time = match self.seconds {
            0 => String::new(),
            seconds => format!(" of {seconds} s"),
        };
        let mut text = format!(
            "## {}\n\n{}\n\n{} rounds{time} at {}, commit {}; {} × {}, {} MiB, Linux {}; load {} before, {} after; {}.\n\n",
            self.bench,
            self.about,
            self.rounds,
            self.at,
            machine.commit,
            machine.cores,
            machine.processor,
            machine.memory_mib,
            machine.kernel,
            load(machine.load_before),
            load(machine.load_after),
            versions.join(", "),
        );
        text += &self.figures();
        text += &self.ratios();
        text += &self.limits();
        text
    }

    /// Medians over the rounds; only the figures that somebody measured.
    fn figures(&self) -> String {
        let of = |entry: &Entry, figure| Some(Spread::of(entry.figures(figure)?)?.median);
        let figures: Vec<Figure> = Figure::ALL
            .into_iter()
            .filter(|&figure| self.contestants.iter().any(|e| of(e, figure).is_some()))
            .collect();
        let titles: Vec<&str> = figures.iter().map(|figure| figure.title()).collect();
        let mut text = format!(
            "| | {} |\n|---|{}\n",
            titles.join(" | "),
            "---:|".repeat(titles.len())
        );
        for entry in &self.contestants {
            let cells: Vec<String> = figures
                .iter()
                .map(|&figure| of(entry, figure).map_or_else(String::new, short))
                .collect();
            // A write into a string cannot fail.
            let _ = writeln!(
                text,
                "| **{}**: {} | {} |",
                entry.name,
                entry.about,
                cells.join(" | ")
            );
        }
        text
    }

    fn ratios(&self) -> String {
        if self.ratios.is_empty() {
            return String::new();
        }
        let mut text =
            "\n| ours | against | figure | ratio (smallest–largest) | goal | |\n|---|---|---|---:|---:|---|\n"
                .to_owned();
        for ratio in &self.ratios {
            let Spread { median, min, max } = ratio.ratio;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {median:.2} ({min:.2}–{max:.2}) | {} |",
                ratio.ours,
                ratio.theirs,
                ratio.figure.title(),
                verdict(ratio.goal, median),
            );
        }
        text
    }

    fn limits(&self) -> String {
        if self.limits.is_empty() {
            return String::new();
        }
        let mut text =
            "\n| | figure | value (smallest–largest) | goal | |\n|---|---|---:|---:|---|\n"
                .to_owned();
        for held in &self.limits {
            let Spread { median, min, max } = held.value;
            let _ = writeln!(
                text,
                "| {} | {} | {} ({}–{}) | {} |",
                held.of,
                held.figure.title(),
                short(median),
                short(min),
                short(max),
                verdict(Some(held.goal), median),
            );
        }
        text
    }
}

/// Three digits that matter.
fn short(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Writes a record, and the page anew.
pub(super) fn write(folder: &Path, record: &Record) -> Result<()> {
    let path = folder.join(&record.bench).with_extension("json");
    let text = serde_json::to_string_pretty(record)? + "\n";
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    let page = folder.join("README.md");
    fs::write(&page, render(&read(folder)?)).with_context(|| page.display().to_string())
}

/// All records of a folder, by name.
fn read(folder: &Path) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let text = fs::read_to_string(&path)?;
            let record: Record =
                serde_json::from_str(&text).with_context(|| path.display().to_string())?;
            records.push(record);
        }
    }
    records.sort_by(|one, other| one.bench.cmp(&other.bench));
    Ok(records)
}

fn render(records: &[Record]) -> String {
    let mut text = "# Results of the benchmarks\n\n\
        Written by `cargo xtask bench`, which docs/benchmarks.md explains; do not edit. Figures are medians over the rounds; \
        a ratio is taken within each round, so it holds when the machine's speed drifts, and absolute \
        figures do not.\n"
        .to_owned();
    for record in records {
        text += "\n";
        text += &record.markdown();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::contest::{Comparison, Goal, Limit, Sample};
    use crate::place::Workspace;

    fn entry(name: &str, cpu: [f64; 3], p99: Option<f64>) -> Entry {
        let samples = cpu.map(|cpu| Sample {
            operations: 1000,
            per_second: Some(12_345.6),
            cpu_micros: Some(cpu),
            p99_micros: p99,
            ..Sample::default()
        });
        Entry {
            name: name.to_owned(),
            about: format!("what {name} is"),
            samples: samples.to_vec(),
        }
    }

    fn record() -> Record {
        let contestants = vec![
            entry("peer", [40.0, 50.0, 60.0], None),
            entry("gateway", [30.0, 40.0, 60.0], Some(1500.0)),
        ];
        let comparison = |goal| Comparison {
            figure: Figure::Cpu,
            ours: "gateway",
            theirs: "peer",
            goal,
        };
        let ratios = [Some(Goal::AtMost(0.8)), Some(Goal::AtMost(0.7)), None]
            .map(|goal| Ratio::of(&contestants, &comparison(goal)).unwrap());
        Record {
            bench: "gateway".into(),
            about: "What it measures.".into(),
            at: "2026-11-23T17:00:00Z".into(),
            rounds: 3,
            seconds: 5,
            machine: Machine {
                cores: 2,
                processor: "Some CPU".into(),
                memory_mib: 1024,
                kernel: "6.1".into(),
                load_before: [0.5, 0.4, 0.3],
                load_after: [1.5, 0.6, 0.4],
                commit: "abc1234".into(),
                versions: vec![
                    ("rustc".into(), "rustc 1.95.0".into()),
                    ("nginx".into(), "1.22.1".into()),
                ],
            },
            contestants,
            ratios: ratios.to_vec(),
            limits: Vec::new(),
        }
    }

    #[test]
    fn the_page_tells_figures_ratios_goals_and_the_machine() {
        let text = record().markdown();
        assert!(text.contains("2 × Some CPU"), "{text}");
        assert!(text.contains("load 0.50 0.40 0.30 before"), "{text}");
        assert!(text.contains("; rustc 1.95.0, nginx 1.22.1."), "{text}");
        assert!(
            text.contains("| | CPU, µs | per second | p99, ms |"),
            "{text}"
        );
        assert!(text.contains("what peer is | 50.0 | 12346 |  |"), "{text}");
        assert!(
            text.contains("what gateway is | 40.0 | 12346 | 1.50 |"),
            "{text}"
        );
        assert!(
            text.contains("| 0.80 (0.75–1.00) | ≤ 0.8 | met |"),
            "{text}"
        );
        assert!(
            text.contains("| 0.80 (0.75–1.00) | ≤ 0.7 | **missed** |"),
            "{text}"
        );
        assert!(text.contains("| 0.80 (0.75–1.00) |  |  |"), "{text}");
    }

    #[test]
    fn a_figure_can_have_a_goal_of_its_own() {
        let mut record = record();
        record.seconds = 0;
        for entry in &mut record.contestants {
            for (sample, points) in entry.samples.iter_mut().zip([3.0, 0.0, 1.0]) {
                sample.more.insert(Figure::Shift, points);
            }
        }
        let limit = |figure, most| Limit {
            figure,
            of: "gateway",
            goal: Goal::AtMost(most),
        };
        for most in [1.0, 0.5] {
            let held = Held::of(&record.contestants, &limit(Figure::Shift, most));
            record.limits.push(held.unwrap());
        }
        assert!(Held::of(&record.contestants, &limit(Figure::Gzip, 1.0)).is_err());
        let text = record.markdown();
        assert!(text.contains("3 rounds at 2026"), "{text}");
        let row = "| gateway | layout shift | 1.00 (0.00–3.00) | ≤";
        assert!(text.contains(&format!("{row} 1 | met |")), "{text}");
        assert!(
            text.contains(&format!("{row} 0.5 | **missed** |")),
            "{text}"
        );
        let json = serde_json::to_string(&record).unwrap();
        assert!(json.contains(r#""more":{"shift":3.0}"#), "{json}");
        let back: Record = serde_json::from_str(&json).unwrap();
        assert_eq!(back.markdown(), text);
    }

    #[test]
    fn a_figure_that_was_not_measured_cannot_be_compared() {
        let comparison = Comparison {
            figure: Figure::P99,
            ours: "gateway",
            theirs: "peer",
            goal: None,
        };
        let error = Ratio::of(&record().contestants, &comparison).unwrap_err();
        assert!(error.to_string().contains("p99, ms of gateway and peer"));
    }

    #[test]
    fn what_is_written_is_read_back_into_the_same_page() {
        let folder = std::env::temp_dir().join(format!("results-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        write(&folder, &record()).unwrap();
        let page = fs::read_to_string(folder.join("README.md")).unwrap();
        assert_eq!(page, render(&[record()]));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_committed_page_shows_the_committed_records() {
        let folder = Workspace::find().unwrap().root.join("bench/results");
        let page = fs::read_to_string(folder.join("README.md")).unwrap();
        assert_eq!(page, render(&read(&folder).unwrap()));
    }
}
