//! `agent serve|migrate|openapi|replay`.

use std::process::ExitCode;

use agent::config::{Cli, Command};
use clap::Parser;
use common::server::run_main;

fn main() -> ExitCode {
    let cli = Cli::parse();
    run_main(async {
        match cli.command {
            Command::Serve(config) => agent::serve(*config).await,
            Command::Healthcheck(check) => check.run(agent::PORT).await,
            Command::Migrate(stores) => agent::migrate(&stores).await,
            Command::Openapi => {
                rest::print(&agent::openapi());
                Ok(())
            }
            Command::Replay(replay) => replay.run("agent").await,
        }
    })
}
