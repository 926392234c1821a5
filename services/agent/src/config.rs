//! Settings and subcommands; `--help` lists them all.

use std::{path::PathBuf, time::Duration};

use bus::BusConfig;
use clap::{Args, Parser, Subcommand};
use common::{server::ServerConfig, telemetry::TelemetryConfig, tokens::TokensConfig};
use llm::LlmConfig;
use stores::{mongo::MongoConfig, postgres::DatabaseConfig};
use url::Url;

/// Agents, the texts that they answer from, and their answers.
#[derive(Debug, Parser)]
#[command(name = "agent", version)]
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
    /// Bring the schema `agent` and MongoDB's `conversations` up to date, then exit.
    Migrate(StoresConfig),
    /// Print the OpenAPI document.
    Openapi,
    /// Move the dead letters of a queue back to it, once what they died of is mended.
    Replay(bus::Replay),
}

/// Where the stores are.
#[derive(Debug, Clone, Args)]
pub struct StoresConfig {
    /// Where PostgreSQL is.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Where MongoDB is.
    #[command(flatten)]
    pub mongo: MongoConfig,
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
    /// Where the stores are.
    #[command(flatten)]
    pub stores: StoresConfig,
    /// Where RabbitMQ is.
    #[command(flatten)]
    pub bus: BusConfig,
    /// Where the models are.
    #[command(flatten)]
    pub llm: LlmConfig,
    /// How answers are made.
    #[command(flatten)]
    pub turns: TurnsConfig,
    /// This service's private key (PKCS#8 in PEM), which signs its tokens for other services.
    #[arg(long, env = "SYNTERA_SERVICE_KEY_FILE")]
    pub service_key_file: PathBuf,
    /// Chat's internal listener.
    #[arg(
        long,
        env = "SYNTERA_CHAT_INTERNAL_URL",
        default_value = "http://127.0.0.1:4104"
    )]
    pub chat_internal_url: Url,
    /// The CRM's internal listener.
    #[arg(
        long,
        env = "SYNTERA_CRM_INTERNAL_URL",
        default_value = "http://127.0.0.1:4103"
    )]
    pub crm_internal_url: Url,
}

/// How answers are made.
#[derive(Debug, Clone, Args)]
pub struct TurnsConfig {
    /// Answers that this process writes at a time.
    #[arg(long, env = "SYNTERA_TURN_CONCURRENCY", default_value_t = 32)]
    pub turn_concurrency: usize,
    /// Seconds that one answer may take; then the customer is told that it failed.
    #[arg(long, env = "SYNTERA_TURN_SECONDS", default_value_t = 45)]
    pub turn_seconds: u64,
    /// The cosine, -1 to 1, that the best chunk must reach for the agent to answer from the texts.
    /// It belongs to the embedding model: docs/knowledge.md says how the default was found.
    #[arg(long, env = "SYNTERA_SEARCH_FLOOR", default_value_t = 0.30)]
    pub search_floor: f64,
}

impl TurnsConfig {
    /// The time that one answer may take.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        Duration::from_secs(self.turn_seconds)
    }
}
