//! `token`: the whole check of an access token against its signature alone.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::Bench;
use super::contest::{self, Comparison, Contestant, Entry, Figure, Goal, Plan, Sample};
use super::ground::{self, Ground};

pub(super) const BENCH: Bench = Bench {
    name: "token",
    about: "One access token checked again and again on one thread. A wrong verdict ends the program.",
    programs: &["bench"],
    needs: &[],
    timed: true,
    comparisons: &[
        against("raw", Some(Goal::AtMost(1.25))),
        against("raw, key parsed each time", None),
    ],
    limits: &[],
    optional: &[],
    run,
};

const fn against(theirs: &'static str, goal: Option<Goal>) -> Comparison {
    Comparison {
        figure: Figure::Cpu,
        ours: "whole",
        theirs,
        goal,
    }
}

fn run(ground: &Ground<'_>, plan: Plan) -> Result<Vec<Entry>> {
    let worker = |name, about, what| Worker {
        name,
        about,
        program: ground.program("bench"),
        arguments: ["verify", "--what", what].map(str::to_owned).into(),
    };
    let mut contestants: Vec<Box<dyn Contestant>> = vec![
        Box::new(worker(
            "whole",
            "parse, signature, issuer, audience, expiry, key id, as every service does it",
            "whole",
        )),
        Box::new(worker(
            "raw",
            "ECDSA P-256 with SHA-256 of aws-lc-rs, by a key that was parsed once",
            "raw",
        )),
        Box::new(worker(
            "raw, key parsed each time",
            "the same as `jsonwebtoken` calls it",
            "raw-unparsed",
        )),
    ];
    contest::run(&mut contestants, plan)
}

/// A command of the program `bench` that repeats something and counts.
pub(super) struct Worker {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
}

/// What it prints.
#[derive(Debug, Deserialize)]
struct Figures {
    ops: u64,
    seconds: f64,
    cpu_nanos: u64,
}

impl Contestant for Worker {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    /// It checks each verdict itself.
    fn check(&mut self) -> Result<()> {
        Ok(())
    }

    fn measure(&mut self, time: Duration) -> Result<Sample> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .args(["--seconds", &time.as_secs().max(1).to_string()]);
        let figures: Figures = ground::json(&mut command)?;
        ensure!(figures.ops > 0, "nothing was done");
        let (ops, nanos) = (figures.ops as f64, figures.cpu_nanos as f64);
        Ok(Sample {
            operations: figures.ops,
            per_second: Some(ops / figures.seconds),
            cpu_micros: Some(nanos / 1000.0 / ops),
            ..Sample::default()
        })
    }
}
