//! Settings and subcommands; `--help` lists them all.

use std::path::PathBuf;

use bus::BusConfig;
use clap::{Args, Parser, Subcommand, ValueEnum};
use common::{
    server::{PublicUrl, ServerConfig},
    telemetry::TelemetryConfig,
};
use secrecy::SecretString;
use stores::postgres::DatabaseConfig;

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
    Migrate(DatabaseConfig),
    /// Print the OpenAPI document.
    Openapi,
    /// Key files for the fleet.
    Keys {
        /// What to do with them.
        #[command(subcommand)]
        command: KeysCommand,
    },
}

/// What to do with key files.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make the keys that are missing: one for each service, one that signs people's tokens, and the
    /// services' public set. Keeps those that are there.
    Generate {
        /// The folder that they are written to.
        #[arg(long)]
        out: PathBuf,
    },
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
    /// Where PostgreSQL is.
    #[command(flatten)]
    pub database: DatabaseConfig,
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
    /// The private keys of access tokens, PKCS#8 in PEM, separated by commas: the first signs, all are
    /// published. To rotate, add the new key behind the old one, after five minutes put it first, after
    /// an hour take the old one out.
    #[arg(
        long,
        env = "SYNTERA_AUTH_SIGNING_KEY_FILE",
        value_delimiter = ',',
        required = true
    )]
    pub auth_signing_key_file: Vec<PathBuf>,
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
    /// Where people reach the gateway.
    #[command(flatten)]
    pub public: PublicUrl,
    /// Whether people must verify their e-mail address before they may create or revoke keys. Leave it
    /// off until mail is set up: then every account counts as verified.
    #[arg(long, env = "SYNTERA_EMAIL_VERIFICATION", value_enum, default_value_t = EmailVerification::Off)]
    pub email_verification: EmailVerification,
}

/// Whether e-mail addresses must be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EmailVerification {
    /// Every account counts as verified.
    Off,
    /// Accounts begin unverified.
    Required,
}

impl EmailVerification {
    /// Whether it is demanded.
    #[must_use]
    pub fn is_required(self) -> bool {
        self == Self::Required
    }
}
