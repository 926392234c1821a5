//! The project's own commands: `cargo xtask up`, `down`, `status`, `logs`, `test`, …
//!
//! Each capability is a module. This crate stays light and knows the services only as programs.

mod bench;
mod cargo;
mod deps;
mod doctor;
mod down;
mod fleet;
mod holders;
mod http;
mod infra;
mod install;
mod lint;
mod logs;
mod npm;
mod openapi;
mod place;
mod ports;
mod python;
mod run;
mod say;
mod secrets;
mod settings;
mod sqlx;
mod status;
mod supervise;
mod test;
mod up;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::place::{Instance, Workspace};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install, build, migrate, start, seed; then show the logs until Ctrl-C
    Up {
        #[command(flatten)]
        which: Which,
        /// Leave everything running in the background
        #[arg(long)]
        detach: bool,
    },
    /// Start only PostgreSQL, MongoDB, Redis and RabbitMQ, in the background
    Infra {
        #[command(flatten)]
        which: Which,
    },
    /// Stop everything of an instance and check that nothing is left
    Down {
        #[command(flatten)]
        which: Which,
        /// Delete its data, secrets and logs, too
        #[arg(long)]
        purge: bool,
    },
    /// What runs, where, since when, and whether it is ready
    Status {
        #[command(flatten)]
        which: Which,
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// What a process logs
    Logs {
        /// auth, agent, crm, chat, analytics, gateway, inference, postgres, mongo, redis, rabbitmq
        process: String,
        /// Go on with what comes
        #[arg(short, long)]
        follow: bool,
        /// How many lines from the end
        #[arg(short = 'n', long, default_value_t = 100)]
        lines: usize,
        #[command(flatten)]
        which: Which,
    },
    /// What this machine has and lacks
    Doctor {
        #[command(flatten)]
        which: Which,
    },
    /// Everything that CI runs, with a summary
    Test {
        /// Only these steps
        steps: Vec<String>,
        /// Print the steps
        #[arg(long)]
        list: bool,
        /// The instance that the tests use
        #[arg(long, default_value = "test", value_name = "NAME")]
        instance: String,
        /// Its first port
        #[arg(long, value_name = "N")]
        port_base: Option<u16>,
    },
    /// Lint all that is neither Rust nor TypeScript
    Lint,
    /// What our programs cost, as multiples of what others cost in the same run
    Bench(bench::Options),
    /// Write openapi/<service>.json from the services
    Openapi {
        /// Fail where a file differs instead of writing it
        #[arg(long)]
        check: bool,
    },
    /// Who depends on whom
    Deps {
        /// Only check the rules
        #[arg(long)]
        check: bool,
    },
    /// Write .sqlx/ from a live database
    Sqlx {
        /// Fail where it differs instead of writing it
        #[arg(long)]
        check: bool,
        #[command(flatten)]
        which: Which,
    },
    /// The settings of an instance, in the form of a .env file
    Env {
        #[command(flatten)]
        which: Which,
    },
}

/// The instance that a command is about.
#[derive(Args)]
struct Which {
    /// A private fleet with its own data and ports, under .dev/NAME
    #[arg(long, default_value = "up", value_name = "NAME")]
    instance: String,
    /// Its first port; the others follow from it [default: SYNTERA_PORT_BASE or 4000, and 10000 more for `test`]
    #[arg(long, value_name = "N")]
    port_base: Option<u16>,
}

impl Which {
    fn find(&self, workspace: &Workspace) -> Result<Instance> {
        workspace.instance(&self.instance, self.port_base)
    }
}

fn main() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn execute(task: Task) -> Result<()> {
    run::catch_signals()?;
    let workspace = Workspace::find()?;
    match task {
        Task::Up { which, detach } => up::command(&workspace, &which.find(&workspace)?, detach),
        Task::Infra { which } => infra::command(&workspace, &which.find(&workspace)?),
        Task::Down { which, purge } => down::command(&which.find(&workspace)?, purge),
        Task::Status { which, json } => status::command(&workspace, &which.find(&workspace)?, json),
        Task::Logs {
            process,
            follow,
            lines,
            which,
        } => logs::command(&which.find(&workspace)?, &process, follow, lines),
        Task::Doctor { which } => doctor::command(&workspace, &which.find(&workspace)?),
        Task::Test { list: true, .. } => {
            test::list();
            Ok(())
        }
        Task::Test {
            steps,
            instance,
            port_base,
            ..
        } => test::command(
            &workspace,
            &workspace.instance(&instance, port_base)?,
            &steps,
        ),
        Task::Lint => lint::command(&workspace),
        Task::Bench(options) => bench::command(&workspace, &options),
        Task::Openapi { check } => openapi::command(&workspace, check),
        Task::Deps { check } => deps::command(&workspace, check),
        Task::Sqlx { check, which } => {
            let instance = which.find(&workspace)?;
            infra::during(&instance, || sqlx::command(&workspace, &instance, check))
        }
        Task::Env { which } => {
            let instance = which.find(&workspace)?;
            let secrets = secrets::Secrets::of(&instance)?;
            say::line(settings::Settings::new(&workspace, &instance, &secrets).render());
            Ok(())
        }
    }
}
