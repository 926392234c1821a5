//! Settings and subcommands; `--help` lists them all.

use std::time::Duration;

use bus::BusConfig;
use clap::{Args, Parser, Subcommand};
use common::{server::ServerConfig, telemetry::TelemetryConfig, tokens::TokensConfig};
use secrecy::{ExposeSecret, SecretString};
use stores::{postgres::DatabaseConfig, redis::RedisConfig};

/// Metrics and reports.
#[derive(Debug, Parser)]
#[command(name = "analytics", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until told to stop.
    Serve(Box<Config>),
    /// Ask the process beside this one whether it is ready: for containers.
    Healthcheck(common::server::Healthcheck),
    /// Bring the schema `analytics` up to date, then exit.
    Migrate(DatabaseConfig),
    /// Print the OpenAPI document.
    Openapi,
    /// Move the dead letters of a queue back to it, once what they died of is mended.
    Replay(bus::Replay),
}

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Where it listens.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Where logs and traces go.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// How tokens are checked.
    #[command(flatten)]
    pub tokens: TokensConfig,
    /// Where PostgreSQL is.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Where RabbitMQ is.
    #[command(flatten)]
    pub bus: BusConfig,
    /// Where Redis is.
    #[command(flatten)]
    pub redis: RedisConfig,
    /// A replica of PostgreSQL that metrics and reports are read from; the primary when empty.
    #[arg(long, env = "SYNTERA_REPLICA_DATABASE_URL", hide_env_values = true)]
    pub replica_database_url: Option<SecretString>,
    /// Seconds that a report may be served again from Redis; 0 turns the cache off.
    #[arg(long, env = "SYNTERA_REPORT_CACHE_SECONDS", default_value_t = 5)]
    pub report_cache_seconds: u16,
}

impl Config {
    /// The replica, where one is configured.
    #[must_use]
    pub fn replica(&self) -> Option<DatabaseConfig> {
        let url = self.replica_database_url.clone()?;
        // Compose passes an unset variable as an empty one.
        (!url.expose_secret().is_empty()).then(|| DatabaseConfig {
            database_url: url,
            ..self.database.clone()
        })
    }

    /// How long a report may be served again.
    #[must_use]
    pub fn report_cache(&self) -> Duration {
        Duration::from_secs(self.report_cache_seconds.into())
    }
}
