//! Settings and subcommands; `--help` lists them all.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use common::{
    server::{PublicUrl, ServerConfig},
    telemetry::TelemetryConfig,
    tokens::TokensConfig,
};
use url::Url;

use crate::demo::SeedConfig;

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
    /// Where telemetry goes.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// How tokens are checked.
    #[command(flatten)]
    pub tokens: TokensConfig,
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
