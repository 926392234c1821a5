//! The project's own commands: `cargo xtask up`, `down`, `status`, `logs`, `test`, …
//!
//! Each capability is a module. This crate stays light and knows the services only as programs.

mod down;
mod holders;
mod http;
mod infra;
mod install;
mod place;
mod ports;
mod run;
mod say;
mod secrets;
mod settings;
mod status;
mod supervise;

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
        Task::Infra { which } => infra::command(&workspace, &which.find(&workspace)?),
        Task::Down { which, purge } => down::command(&which.find(&workspace)?, purge),
        Task::Status { which, json } => status::command(&workspace, &which.find(&workspace)?, json),
        Task::Env { which } => {
            let instance = which.find(&workspace)?;
            let secrets = secrets::Secrets::of(&instance)?;
            say::line(settings::Settings::new(&workspace, &instance, &secrets).render());
            Ok(())
        }
    }
}
