//! `inference serve|install|openapi|migrate|healthcheck`.

use std::process::ExitCode;

use clap::Parser;
use common::server::run_main;
use inference::config::{Cli, Command};
use inference::{install, manifest};

fn main() -> ExitCode {
    let cli = Cli::parse();
    run_main(async {
        match cli.command {
            Command::Serve(config) => inference::serve(*config).await?,
            Command::Healthcheck(check) => check.run(inference::PORT).await?,
            Command::Install(config) => {
                let pip = install::Pip {
                    python: config.python,
                };
                install::install(&config.models.dir()?, manifest::FILES, &pip, &mut say)?;
            }
            Command::Openapi => say(&inference::openapi().to_pretty_json()?),
            Command::Migrate => say("nothing to migrate: this service has no stores"),
        }
        Ok(())
    })
}

#[expect(clippy::print_stdout, reason = "the subcommands' output")]
fn say(line: &str) {
    println!("{line}");
}
