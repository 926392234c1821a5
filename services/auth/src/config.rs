//! Settings and subcommands; `--help` lists them all.

use std::{path::PathBuf, sync::Arc};

use bus::BusConfig;
use clap::{Args, Parser, Subcommand};
use clock::Clock;
use common::{
    server::{PublicUrl, ServerConfig},
    telemetry::TelemetryConfig,
};
use secrecy::SecretString;
use sqlx::PgPool;
use stores::{
    postgres::{self, DatabaseConfig},
    redis::RedisConfig,
};
use vault::{EnvKeys, Vault, VaultConfig};

use crate::{app::SCHEMA, mail::MailConfig};

/// Users, workspaces, sessions, permissions and keys; the only signer of people's and visitors' tokens.
#[derive(Debug, Parser)]
#[command(name = "auth", version)]
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
    /// Bring the schema `auth` up to date, then exit.
    Migrate(KeptConfig),
    /// Print the OpenAPI document.
    Openapi,
    /// The keys that sign.
    Keys {
        /// What to do with them.
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// The keys that seal addresses and secrets.
    Vault {
        /// What to do with them.
        #[command(subcommand)]
        command: VaultCommand,
    },
    /// Accounts, from the command line.
    Accounts {
        /// What to do with them.
        #[command(subcommand)]
        command: AccountsCommand,
    },
}

/// What to do with the keys that seal.
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// Wrap every data key again under the first key of SYNTERA_VAULT_KEYS. Then the others can go.
    Rewrap(KeptConfig),
    /// Make new data keys, seal everything again under them, and forget the old ones. The fleet runs on
    /// meanwhile.
    Rotate(KeptConfig),
}

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountsCommand {
    /// Make an account with a workspace, its address verified: the first one of a fleet. One that is
    /// there stays as it is.
    Create(Box<CreateAccount>),
}

/// A new account.
#[derive(Debug, Clone, Args)]
pub struct CreateAccount {
    /// Where it is kept.
    #[command(flatten)]
    pub kept: KeptConfig,
    /// Its e-mail address.
    #[arg(long)]
    pub email: String,
    /// Its password; better by the environment, where other users of the machine do not see it.
    #[arg(long, env = "SYNTERA_NEW_PASSWORD", hide_env_values = true)]
    pub password: SecretString,
    /// The person's name.
    #[arg(long)]
    pub name: String,
    /// The workspace's name.
    #[arg(long)]
    pub workspace_name: String,
}

/// Where rows are kept, and what seals in them.
#[derive(Debug, Clone, Args)]
pub struct KeptConfig {
    /// Where PostgreSQL is.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// What seals addresses and secrets.
    #[command(flatten)]
    pub vault: VaultConfig,
}

impl KeptConfig {
    /// The connections for a command that is called `name`.
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

/// What to do with the keys that sign.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make the key files that are missing: one for each service, and the services' public set. Keeps
    /// those that are there.
    Generate {
        /// The folder that they are written to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Have another key sign access tokens.
    Rotate(RotateConfig),
}

/// Settings of `keys rotate`.
#[derive(Debug, Clone, Args)]
pub struct RotateConfig {
    /// Where the keys are kept, and what seals them.
    #[command(flatten)]
    pub kept: KeptConfig,
    /// The present key is not to be trusted any more: refuse what it signed. Everybody gets a new access
    /// token by their refresh token.
    #[arg(long)]
    pub at_once: bool,
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
    /// Where rows are kept, and what seals in them.
    #[command(flatten)]
    pub kept: KeptConfig,
    /// Where Redis is.
    #[command(flatten)]
    pub redis: RedisConfig,
    /// How letters leave.
    #[command(flatten)]
    pub mail: MailConfig,
    /// Where RabbitMQ is.
    #[command(flatten)]
    pub bus: BusConfig,
    /// Keys and names of tokens.
    #[command(flatten)]
    pub identity: IdentityConfig,
}

/// Keys and names of tokens.
#[derive(Debug, Clone, Args)]
pub struct IdentityConfig {
    /// The issuer that access tokens name.
    #[arg(long, env = "SYNTERA_TOKEN_ISSUER", default_value = "syntera")]
    pub token_issuer: String,
    /// The public keys of the services (a JWK set); the file is read at the start.
    #[arg(long, env = "SYNTERA_SERVICE_JWKS_FILE")]
    pub service_jwks_file: PathBuf,
    /// The server key that makes the successors of refresh tokens, at least 32 characters. To change
    /// it, put the new one first and the old one behind a comma, for a minute.
    #[arg(long, env = "SYNTERA_REFRESH_SECRET", hide_env_values = true)]
    pub refresh_secret: SecretString,
    /// Days after which a person signs in again, however much they used their session. One that is not used
    /// ends after 30.
    #[arg(
        long,
        env = "SYNTERA_SESSION_DAYS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u16).range(1..=365)
    )]
    pub session_days: u16,
    /// Where people reach the gateway.
    #[command(flatten)]
    pub public: PublicUrl,
    /// Whether workspaces may name identity providers in a private network. Then whoever may add one can
    /// make this service ask any https address there.
    #[arg(
        long,
        env = "SYNTERA_ALLOW_PRIVATE_ISSUERS",
        default_value_t = false,
        action = clap::ArgAction::Set
    )]
    pub allow_private_issuers: bool,
}
