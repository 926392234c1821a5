//! `auth keys generate`.

use std::process::ExitCode;

use auth::config::{Cli, Command, KeysCommand};
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    common::server::run_main(async {
        match cli.command {
            Command::Keys {
                command: KeysCommand::Generate { out },
            } => auth::generate::key_files(&out),
        }
    })
}
