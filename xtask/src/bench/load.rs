//! Load: wrk for as much as goes, vegeta for a fixed rate. Both tell what they got.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::ground::{self, Ground};
use crate::run;

/// Connections of wrk, on one thread: enough to keep a proxy busy, few enough to leave it a core.
const CONNECTIONS: &str = "16";
/// The most connections of vegeta.
const MOST: &str = "256";

/// What `bench/gateway/load.lua` sums up.
#[derive(Debug, Deserialize)]
struct Flood {
    requests: u64,
    micros: u64,
    broken: u64,
    refused: u64,
}

/// How many requests were answered, and how many a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) requests: u64,
    pub(super) per_second: f64,
}

/// As many requests as sixteen connections can carry, each with the next of the tokens.
///
/// # Errors
/// When one was refused or broke.
pub(super) fn flood(
    ground: &Ground<'_>,
    url: &str,
    tokens: &Path,
    time: Duration,
) -> Result<Answered> {
    let mut wrk = Command::new("wrk");
    wrk.args([
        "--threads",
        "1",
        "--connections",
        CONNECTIONS,
        "--timeout",
        "5s",
    ])
    .args(["--duration", &format!("{}s", whole_seconds(time))])
    .arg("--script")
    .arg(ground.source("gateway/load.lua"))
    .args([url, "--"])
    .arg(tokens);
    let flood: Flood = ground::json(&mut wrk)?;
    ensure!(
        flood.broken == 0 && flood.refused == 0,
        "of {} requests {} were refused and {} broke",
        flood.requests,
        flood.refused,
        flood.broken
    );
    ensure!(flood.requests > 0, "nothing was answered");
    let per_second = flood.requests as f64 * 1e6 / flood.micros as f64;
    Ok(Answered {
        requests: flood.requests,
        per_second,
    })
}

/// Requests at a steady pace, whatever the answers do.
pub(super) struct Attack<'a> {
    /// What to ask, in vegeta's format.
    pub(super) targets: &'a Path,
    pub(super) pace: Pace,
    pub(super) time: Duration,
    /// Where the raw results go.
    pub(super) results: PathBuf,
}

/// When the next request is sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// So many a second.
    PerSecond(u32),
    /// When one of so many was answered.
    Waiting(u32),
}

/// vegeta's report, as far as it is read; times are nanoseconds.
#[derive(Debug, Deserialize)]
struct Report {
    requests: u64,
    throughput: f64,
    success: f64,
    latencies: Latencies,
    bytes_in: Bytes,
    errors: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Latencies {
    #[serde(rename = "99th")]
    p99: f64,
}

#[derive(Debug, Deserialize)]
struct Bytes {
    total: u64,
}

/// What came back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steady {
    pub(super) requests: u64,
    /// Answers in a second, until the last one.
    pub(super) per_second: f64,
    pub(super) p99_micros: f64,
    /// Of all bodies.
    pub(super) bytes: u64,
}

impl Attack<'_> {
    /// # Errors
    /// When an answer was no success.
    pub(super) fn run(&self, ground: &Ground<'_>) -> Result<Steady> {
        let mut attack = Command::new(&ground.vegeta);
        attack.args(["attack", "-timeout=10s", "-connections", MOST]);
        match self.pace {
            Pace::PerSecond(rate) => attack.arg(format!("-rate={rate}/s")),
            Pace::Waiting(many) => attack.args([
                "-rate=0".to_owned(),
                format!("-workers={many}"),
                format!("-max-workers={many}"),
            ]),
        };
        attack
            .arg(format!("-duration={}s", whole_seconds(self.time)))
            .arg("-targets")
            .arg(self.targets)
            .arg("-output")
            .arg(&self.results);
        run::output(&mut attack)?;
        let mut report = Command::new(&ground.vegeta);
        report.args(["report", "-type=json"]).arg(&self.results);
        let report: Report = ground::json(&mut report)?;
        fs::remove_file(&self.results)?;
        report.read()
    }
}

impl Report {
    fn read(&self) -> Result<Steady> {
        let all_well = self.success == 1.0;
        ensure!(
            all_well && self.requests > 0,
            "of {} requests {:.2} % were answered well: {}",
            self.requests,
            self.success * 100.0,
            self.errors.join("; ")
        );
        Ok(Steady {
            requests: self.requests,
            per_second: self.throughput,
            p99_micros: self.latencies.p99 / 1000.0,
            bytes: self.bytes_in.total,
        })
    }
}

/// Both programs take whole seconds.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"latencies":{"total":237119463,"mean":2371194,"50th":2854306,
        "90th":3228223,"95th":3478629,"99th":3530000,"max":3660505,"min":1949582},
        "bytes_in":{"total":606700,"mean":6067},"bytes_out":{"total":0,"mean":0},
        "earliest":"2015-09-19T14:45:50Z","latest":"2015-09-19T14:45:51Z","end":"2015-09-19T14:45:51Z",
        "duration":990000000,"wait":1949582,"requests":100,"rate":101.0,"throughput":100.5,
        "success":1,"status_codes":{"200":100},"errors":[]}"#;

    #[test]
    fn a_report_is_read_in_microseconds() {
        let report: Report = serde_json::from_str(REPORT).unwrap();
        let steady = report.read().unwrap();
        assert_eq!((steady.requests, steady.bytes), (100, 606_700));
        assert!((steady.p99_micros - 3530.0).abs() < 1e-9);
    }

    #[test]
    fn one_refusal_is_enough_to_be_told() {
        let text = REPORT
            .replace("\"success\":1", "\"success\":0.99")
            .replace("[]", "[\"401 Unauthorized\"]");
        let report: Report = serde_json::from_str(&text).unwrap();
        let error = report.read().unwrap_err().to_string();
        assert!(error.contains("99.00 %"), "{error}");
        assert!(error.contains("401 Unauthorized"), "{error}");
    }
}
