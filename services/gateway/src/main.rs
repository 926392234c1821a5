//! `gateway serve | migrate | openapi | seed`.

use std::process::ExitCode;

use clap::Parser;
use gateway::config::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    common::server::run_main(async {
        match cli.command {
            Command::Serve(config) => gateway::serve(*config).await,
            Command::Healthcheck(check) => check.run(gateway::PORT).await,
            Command::Migrate => Ok(()),
            Command::Openapi => gateway::print_openapi(),
            Command::Seed(config) => gateway::demo::seed(&config).await,
        }
    })
}
