//! Settings and subcommands; `--help` lists them all.

use std::{path::PathBuf, sync::Arc};

use bus::BusConfig;
use clap::{Args, Parser, Subcommand};
use clock::Clock;
use common::{server::ServerConfig, telemetry::TelemetryConfig, tokens::TokensConfig};
use sqlx::PgPool;
use stores::{
    mongo::MongoConfig,
    postgres::{self, DatabaseConfig},
    redis::RedisConfig,
};
use url::Url;
use vault::{EnvKeys, Vault, VaultConfig};

use crate::app::SCHEMA;

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
    /// Bring the schema `chat` up to date, create the collections' indexes (and shard keys, where the
    /// server knows sharding), then exit.
    Migrate(MigrateConfig),
    /// Print the OpenAPI document.
    Openapi,
    /// The keys that seal what people write.
    Vault {
        /// What to do with them.
        #[command(subcommand)]
        command: VaultCommand,
    },
}

/// What to do with the keys that seal.
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// Wrap every data key again under the first key of SYNTERA_VAULT_KEYS. Then the others can go.
    Rewrap(KeptConfig),
    /// Make new data keys, seal everything again under them, and forget the old ones. The fleet runs on
    /// meanwhile.
    Rotate(RotateConfig),
}

/// Where rows are kept, and what seals in them and in the log.
#[derive(Debug, Clone, Args)]
pub struct KeptConfig {
    /// PostgreSQL.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// What seals.
    #[command(flatten)]
    pub vault: VaultConfig,
}

impl KeptConfig {
    /// The connections of a process that shows as `name`.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub(crate) fn open(
        &self,
        name: &'static str,
        clock: &Clock,
    ) -> anyhow::Result<(PgPool, Vault)> {
        let pool = postgres::connect(&self.database, name)?;
        let wrapper = Arc::new(EnvKeys::read(&self.vault)?);
        let vault = Vault::new(SCHEMA, pool.clone(), wrapper, clock.clone());
        Ok((pool, vault))
    }
}

/// Settings of `vault rotate`.
#[derive(Debug, Clone, Args)]
pub struct RotateConfig {
    /// MongoDB.
    #[command(flatten)]
    pub mongo: MongoConfig,
    /// PostgreSQL, and what seals.
    #[command(flatten)]
    pub kept: KeptConfig,
}

/// Where files of messages are kept.
#[derive(Debug, Clone, Args)]
pub struct AttachmentsConfig {
    /// Where files are kept: file:///folder, which all replicas must share, or s3://bucket/prefix, for
    /// which AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL and AWS_ALLOW_HTTP
    /// count as usual, and so do the roles of pods and machines. Without it no file is taken.
    #[arg(long, env = "SYNTERA_ATTACHMENTS_URL")]
    pub attachments_url: Option<Url>,
}

/// Settings of `migrate`.
#[derive(Debug, Clone, Args)]
pub struct MigrateConfig {
    /// MongoDB.
    #[command(flatten)]
    pub mongo: MongoConfig,
    /// PostgreSQL.
    #[command(flatten)]
    pub database: DatabaseConfig,
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
    /// PostgreSQL, and what seals.
    #[command(flatten)]
    pub kept: KeptConfig,
    /// Files of messages.
    #[command(flatten)]
    pub attachments: AttachmentsConfig,
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
