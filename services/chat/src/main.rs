//! `chat serve|migrate|openapi|vault`.

use std::process::ExitCode;

use chat::config::{Cli, Command};
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    common::server::run_main(async {
        match cli.command {
            Command::Serve(config) => chat::serve(*config).await,
            Command::Healthcheck(check) => check.run(chat::PORT).await,
            Command::Migrate(config) => chat::migrate(config).await,
            Command::Openapi => {
                rest::print(&chat::openapi());
                Ok(())
            }
            Command::Vault { command } => chat::reseal::run(&command).await,
        }
    })
}
