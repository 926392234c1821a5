//! `auth serve|migrate|openapi|keys|vault|accounts`.

use std::process::ExitCode;

use auth::config::{Cli, Command, KeysCommand};
use clap::Parser;
use common::server::run_main;

fn main() -> ExitCode {
    let cli = Cli::parse();
    run_main(async {
        match cli.command {
            Command::Serve(config) => auth::serve(*config).await,
            Command::Healthcheck(check) => check.run(auth::PORT).await,
            Command::Migrate(config) => auth::migrate(&config).await,
            Command::Openapi => {
                rest::print(&auth::openapi());
                Ok(())
            }
            Command::Keys { command } => match command {
                KeysCommand::Generate { out } => auth::generate::key_files(&out),
                KeysCommand::Rotate(config) => auth::signing::run(&config).await,
            },
            Command::Vault { command } => auth::reseal::run(&command).await,
            Command::Accounts { command } => auth::accounts(&command).await,
        }
    })
}
