//! Settings and subcommands; `--help` lists them all.

use std::path::PathBuf;

use bus::BusConfig;
use clap::{Args, Parser, Subcommand};
use common::{server::ServerConfig, telemetry::TelemetryConfig, tokens::TokensConfig};
use stores::postgres::DatabaseConfig;
use url::Url;

/// Contacts and their interactions.
#[derive(Debug, Parser)]
#[command(name = "crm", version)]
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
    /// Bring the schema `crm` up to date, then exit.
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
    /// This service's private key (PKCS#8, PEM), for asking chat.
    #[arg(long, env = "SYNTERA_SERVICE_KEY_FILE")]
    pub service_key_file: PathBuf,
    /// Chat's internal listener.
    #[arg(
        long,
        env = "SYNTERA_CHAT_INTERNAL_URL",
        default_value = "http://127.0.0.1:4104"
    )]
    pub chat_internal_url: Url,
}
