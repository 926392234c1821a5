//! Settings and subcommands; `--help` lists them all.

use std::path::PathBuf;

use bus::BusConfig;
use clap::{Args, Parser, Subcommand};
use common::{server::ServerConfig, telemetry::TelemetryConfig, tokens::TokensConfig};
use stores::{mongo::MongoConfig, redis::RedisConfig};

/// Channels, their logs, and the sockets that follow them.
#[derive(Debug, Parser)]
#[command(name = "chat", version)]
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
    /// Create the collections' indexes (and shard keys, where the server knows sharding), then exit.
    Migrate(MigrateConfig),
    /// Print the OpenAPI document.
    Openapi,
}

/// Settings of `migrate`.
#[derive(Debug, Clone, Args)]
pub struct MigrateConfig {
    /// MongoDB.
    #[command(flatten)]
    pub mongo: MongoConfig,
}

/// Settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Listeners.
    #[command(flatten)]
    pub server: ServerConfig,
    /// Logs, traces, metrics.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// MongoDB.
    #[command(flatten)]
    pub mongo: MongoConfig,
    /// Redis.
    #[command(flatten)]
    pub redis: RedisConfig,
    /// RabbitMQ.
    #[command(flatten)]
    pub bus: BusConfig,
    /// Access tokens and service tokens.
    #[command(flatten)]
    pub tokens: TokensConfig,
    /// This service's private key (PKCS#8, PEM), for asking auth.
    #[arg(long, env = "SYNTERA_SERVICE_KEY_FILE")]
    pub service_key_file: PathBuf,
    /// Seconds without an entry after which a conversation is closed.
    #[arg(long, env = "SYNTERA_CHAT_IDLE_SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u32).range(1..))]
    pub idle_seconds: u32,
}
