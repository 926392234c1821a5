//! `cargo xtask bench`: what our programs cost, as multiples of what others cost in the same run.
//!
//! Absolute figures say little on a machine that others use, too: its speed drifts. So contestants take
//! turns in one run ([`contest`]), their CPU time is read from `/proc` ([`usage`]), and what is recorded
//! ([`results`]) are ratios within a round. docs/benchmarks.md tells how to read them, and how to add one:
//! a file here with a [`Bench`], and its line in [`ALL`].

mod contest;
mod fanout;
mod forward;
mod gateway;
mod ground;
mod load;
mod login;
mod machine;
mod proxy;
mod results;
mod server;
mod spread;
mod token;
mod upstream;
mod usage;
mod verdict;
mod widget;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use self::contest::{Comparison, Entry, Limit, Plan};
use self::ground::Ground;
use self::machine::Machine;
use self::results::Record;
use self::verdict::{Held, Ratio};
use crate::install::{self, Need};
use crate::place::Workspace;
use crate::supervise::{self, Supervisor};
use crate::{infra, run, say};

/// One bench.
struct Bench {
    name: &'static str,
    /// What it measures, for the page of results.
    about: &'static str,
    /// Our programs that it needs.
    programs: &'static [&'static str],
    /// What it needs from Debian.
    needs: &'static [Need],
    /// Whether its measurements take the time of the plan. Others take as long as they take.
    timed: bool,
    comparisons: &'static [Comparison],
    /// Figures of ours with goals of their own.
    limits: &'static [Limit],
    /// Contestants that this machine may lack; what is compared with them is then left out.
    optional: &'static [&'static str],
    /// Starts the contestants, lets them compete, stops them.
    run: fn(&Ground<'_>, Plan) -> Result<Vec<Entry>>,
}

const ALL: [&Bench; 6] = [
    &token::BENCH,
    &forward::BENCH,
    &gateway::BENCH,
    &login::BENCH,
    &fanout::BENCH,
    &widget::BENCH,
];

/// Fewer rounds are a trial, which is shown and not recorded.
const ENOUGH: usize = 5;

/// What to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Only these benches
    names: Vec<String>,
    /// Print the benches
    #[arg(long)]
    list: bool,
    /// How often everybody takes a turn; fewer than 5 are a trial, which is not recorded
    #[arg(long, default_value_t = ENOUGH)]
    rounds: usize,
    /// How long each measurement takes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// The first port of the benches' own instance
    #[arg(long, default_value_t = 24_000, value_name = "N")]
    port_base: u16,
}

/// `cargo xtask bench`
pub(crate) fn command(workspace: &Workspace, options: &Options) -> Result<()> {
    let benches = chosen(&options.names)?;
    if options.list {
        for bench in benches {
            say::line(format!("{:<10} {}", bench.name, bench.about));
        }
        return Ok(());
    }
    let instance = workspace.instance("bench", Some(options.port_base))?;
    if Supervisor::infra(&instance).is_running() {
        bail!("instance bench runs already: cargo xtask down --instance bench");
    }
    let needs: Vec<&Need> = benches.iter().flat_map(|bench| bench.needs).collect();
    install::debian(&needs)?;
    let programs: BTreeSet<&str> = benches
        .iter()
        .flat_map(|bench| bench.programs)
        .copied()
        .collect();
    let programs: Vec<&str> = programs.into_iter().collect();
    let ground = Ground::prepare(workspace, &instance, &programs)?;
    infra::during(&instance, || {
        supervise::sweep_before_start(&instance.folder, None)?;
        let plan = Plan {
            rounds: options.rounds,
            time: Duration::from_secs(options.seconds),
        };
        benches
            .iter()
            .try_for_each(|bench| compete(bench, &ground, plan))
    })
}

/// Runs one bench, shows it, and records it when it had enough rounds.
fn compete(bench: &Bench, ground: &Ground<'_>, plan: Plan) -> Result<()> {
    let root = &ground.workspace.root;
    say::line(format!("── {}: {}", bench.name, bench.about));
    let packages: Vec<&str> = bench.needs.iter().map(|need| need.package).collect();
    let mut machine = Machine::look(root, &packages)?;
    let contestants = (bench.run)(ground, plan)?;
    machine.end()?;
    let missing = |name: &str| {
        bench.optional.contains(&name) && !contestants.iter().any(|entry| entry.name == name)
    };
    let ratios = bench
        .comparisons
        .iter()
        .filter(|comparison| !missing(comparison.theirs))
        .map(|comparison| Ratio::of(&contestants, comparison))
        .collect::<Result<_>>()?;
    let limits = bench
        .limits
        .iter()
        .map(|limit| Held::of(&contestants, limit))
        .collect::<Result<_>>()?;
    let record = Record {
        bench: bench.name.to_owned(),
        about: bench.about.to_owned(),
        at: run::output(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]))?
            .trim()
            .to_owned(),
        rounds: plan.rounds,
        seconds: if bench.timed { plan.time.as_secs() } else { 0 },
        machine,
        contestants,
        ratios,
        limits,
    };
    say::line(format!("\n{}", record.markdown()));
    if plan.rounds < ENOUGH {
        say::line(format!("a trial: {ENOUGH} rounds are recorded"));
        return Ok(());
    }
    results::write(&root.join("bench/results"), &record)
}

fn chosen(names: &[String]) -> Result<Vec<&'static Bench>> {
    let known = |name: &String| ALL.iter().any(|bench| bench.name == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        bail!("no bench is called {unknown:?}: cargo xtask bench --list");
    }
    let named = |bench: &&Bench| names.is_empty() || names.iter().any(|name| name == bench.name);
    Ok(ALL.into_iter().filter(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benches_are_chosen_by_name_and_all_without_one() {
        let names = |chosen: Vec<&Bench>| chosen.iter().map(|b| b.name).collect::<Vec<_>>();
        assert_eq!(names(chosen(&[]).unwrap()).len(), ALL.len());
        let two = ["login".to_owned(), "token".to_owned()];
        assert_eq!(names(chosen(&two).unwrap()), ["token", "login"]);
        assert!(chosen(&["logins".to_owned()]).is_err());
    }
}
