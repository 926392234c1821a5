//! Settings and subcommands; `--help` lists them all.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use common::{
    server::{PublicUrl, ServerConfig, TlsConfig},
    telemetry::TelemetryConfig,
    tokens::TokensConfig,
};
use stores::redis::RedisConfig;
use url::Url;

use crate::{demo::SeedConfig, limits::LimitsConfig};

/// The only public port: verifies tokens, routes, serves the widget.
#[derive(Debug, Parser)]
#[command(name = "gateway", version)]
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
    /// Nothing to do: the gateway keeps nothing.
    Migrate,
    /// Print the OpenAPI document of all services, as it is served.
    Openapi,
    /// Make the demo workspace through the public API, once.
    Seed(Box<SeedConfig>),
}

/// The settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Where it listens.
    #[command(flatten)]
    pub server: ServerConfig,
    /// The public listener's certificate.
    #[command(flatten)]
    pub tls: TlsConfig,
    /// Where telemetry goes.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// How tokens are checked.
    #[command(flatten)]
    pub tokens: TokensConfig,
    /// Threads that serve connections [default: one for each core].
    #[arg(
        long,
        env = "SYNTERA_GATEWAY_THREADS",
        value_parser = clap::value_parser!(u16).range(1..=256)
    )]
    pub threads: Option<u16>,
    /// Verified tokens that are remembered, about 200 bytes each; 0 checks the signature of each request.
    #[arg(long, env = "SYNTERA_TOKEN_CACHE", default_value_t = 10_000)]
    pub token_cache: usize,
    /// Where the limits are shared, and revocations are told at once. It may be away.
    #[command(flatten)]
    pub redis: RedisConfig,
    /// Who may ask how often.
    #[command(flatten)]
    pub limits: LimitsConfig,
    /// Whether each request becomes a line of the log.
    #[arg(
        long,
        env = "SYNTERA_ACCESS_LOG",
        default_value_t = true,
        action = clap::ArgAction::Set
    )]
    pub access_log: bool,
    /// This service's private key, for its own calls to auth.
    #[arg(long, env = "SYNTERA_SERVICE_KEY_FILE")]
    pub service_key_file: PathBuf,
    /// Where people reach it.
    #[command(flatten)]
    pub public: PublicUrl,
    /// Where the services are.
    #[command(flatten)]
    pub upstreams: UpstreamUrls,
    /// The built web files: start page, demo, widget.
    #[arg(long, env = "SYNTERA_WEB_DIR", default_value = "web/dist")]
    pub web_dir: PathBuf,
    /// What `seed` wrote about the demo workspace; the demo page needs it.
    #[arg(long, env = "SYNTERA_DEMO_FILE")]
    pub demo_file: Option<PathBuf>,
    /// The folder of letters that nobody sends, for `/mail`: on a machine of one's own only, because
    /// whoever opens it reads everybody's links. None when empty.
    #[arg(long, env = "SYNTERA_MAIL_DIR")]
    pub mail_dir: Option<PathBuf>,
    /// Networks whose `X-Forwarded-For` is believed, such as 10.0.0.0/8; none by default.
    #[arg(long, env = "SYNTERA_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<crate::forward::Network>,
}

/// The public listeners of the services; several replicas are separated by commas.
#[derive(Debug, Clone, Args)]
pub struct UpstreamUrls {
    /// Auth.
    #[arg(
        long,
        env = "SYNTERA_AUTH_URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:4001"
    )]
    pub auth_url: Vec<Url>,
    /// Agent.
    #[arg(
        long,
        env = "SYNTERA_AGENT_URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:4002"
    )]
    pub agent_url: Vec<Url>,
    /// CRM.
    #[arg(
        long,
        env = "SYNTERA_CRM_URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:4003"
    )]
    pub crm_url: Vec<Url>,
    /// Chat.
    #[arg(
        long,
        env = "SYNTERA_CHAT_URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:4004"
    )]
    pub chat_url: Vec<Url>,
    /// Analytics.
    #[arg(
        long,
        env = "SYNTERA_ANALYTICS_URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:4005"
    )]
    pub analytics_url: Vec<Url>,
}
