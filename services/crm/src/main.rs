//! `crm serve|migrate|openapi|replay`.

use std::process::ExitCode;

use clap::Parser;
use common::server::run_main;
use crm::config::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    run_main(async {
        match cli.command {
            Command::Serve(config) => crm::serve(*config).await,
            Command::Healthcheck(check) => check.run(crm::PORT).await,
            Command::Migrate(database) => crm::migrate(&database).await,
            Command::Openapi => {
                rest::print(&crm::openapi());
                Ok(())
            }
            Command::Replay(replay) => replay.run("crm").await,
        }
    })
}
