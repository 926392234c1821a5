//! `analytics serve|migrate|openapi|replay`.

use std::process::ExitCode;

use analytics::config::{Cli, Command};
use clap::Parser;
use common::server::run_main;

fn main() -> ExitCode {
    let cli = Cli::parse();
    run_main(async {
        match cli.command {
            Command::Serve(config) => analytics::serve(*config).await,
            Command::Healthcheck(check) => check.run(analytics::PORT).await,
            Command::Migrate(database) => analytics::migrate(&database).await,
            Command::Openapi => {
                rest::print(&analytics::openapi());
                Ok(())
            }
            Command::Replay(replay) => replay.run("analytics").await,
        }
    })
}
