//! What benches hold our services against: the bare work, without a service around it; and load that no
//! tool of others can make.
//!
//! `cargo xtask bench` builds and runs this program; nothing that ships uses it. Its measuring commands
//! print one line of JSON: how many operations, in how many seconds, for how many nanoseconds of CPU.

mod bare;
mod company;
mod fanout;
mod forward;
mod hashing;
mod keys;
mod verify;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use http::uri::Authority;
use secrecy::SecretString;

/// The bare work that benches compare with.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the keys and tokens of one run.
    Keys {
        /// The folder that they are written to.
        #[arg(long)]
        out: PathBuf,
        /// How many people get a token, each with a workspace and a session of their own.
        #[arg(long)]
        people: usize,
        /// How many colleagues a company has that all of them share.
        #[arg(long, default_value_t = 0)]
        colleagues: usize,
        /// How many rooms that company has.
        #[arg(long, default_value_t = 0)]
        rooms: usize,
    },
    /// Check one token again and again.
    Verify {
        /// How much of the check.
        #[arg(long, value_enum)]
        what: What,
        /// For how long.
        #[arg(long)]
        seconds: u64,
    },
    /// Check one password again and again, on several threads at once.
    Hash {
        /// The stored hash, as a PHC string; it says the parameters.
        #[arg(long)]
        stored: String,
        /// Its password.
        #[arg(long)]
        password: SecretString,
        /// How many threads.
        #[arg(long)]
        threads: usize,
        /// For how long.
        #[arg(long)]
        seconds: u64,
    },
    /// Follow rooms, send into them at a fixed rate, and check what each socket gets.
    Fanout(fanout::Plan),
    /// Forward every request as it is, until told to stop.
    Forward {
        /// By what.
        #[arg(long, value_enum)]
        by: By,
        /// Where it listens.
        #[arg(long)]
        bind: SocketAddr,
        /// Where it forwards to.
        #[arg(long)]
        upstream: Authority,
    },
}

/// How much of a token's check.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// All that our services do: parse, signature, issuer, audience, expiry, key id.
    Whole,
    /// ECDSA P-256 of aws-lc-rs alone, by a key that was parsed once.
    Raw,
    /// The same by a key that is parsed each time, which is how `jsonwebtoken` calls it.
    RawUnparsed,
}

/// What a bare forwarder is made of.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// A hyper HTTP/1.1 service and hyper-util's client, on one runtime for all cores.
    Hyper,
    /// A hyper HTTP/1.1 service and connections of hyper's own, on a runtime for each core.
    PerCore,
    /// The fallback of an axum router and the same client.
    Axum,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Keys {
            out,
            people,
            colleagues,
            rooms,
        } => keys::write(&out, people, (colleagues, rooms)),
        Command::Verify { what, seconds } => verify::run(what, Duration::from_secs(seconds)),
        Command::Hash {
            stored,
            password,
            threads,
            seconds,
        } => hashing::run(&stored, &password, threads, Duration::from_secs(seconds)),
        Command::Fanout(plan) => fanout::run(&plan),
        Command::Forward { by, bind, upstream } => forward::run(by, bind, upstream),
    }
}

#[expect(clippy::print_stderr, reason = "why the command failed")]
fn complain(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
