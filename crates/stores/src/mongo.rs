//! MongoDB: the database that the URL names.

use std::time::Duration;

use anyhow::Context;
use common::server::Unhealthy;
use mongodb::{Client, Database, bson::doc, options::ClientOptions};
use secrecy::{ExposeSecret, SecretString};

/// A request waits this long for a server, then it is answered 503.
const SELECT_WITHIN: Duration = Duration::from_secs(2);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// Where MongoDB is.
#[derive(Debug, Clone, clap::Args)]
pub struct MongoConfig {
    /// MongoDB, with the database: mongodb://host:port/syntera.
    #[arg(
        long,
        env = "SYNTERA_MONGODB_URL",
        hide_env_values = true,
        default_value = "mongodb://127.0.0.1:27017/syntera"
    )]
    pub mongodb_url: SecretString,
}

/// The database of the URL, connected when it is first used. `name` shows in the server's logs.
///
/// # Errors
/// When the URL cannot be read or names no database.
pub async fn connect(config: &MongoConfig, name: &str) -> anyhow::Result<Database> {
    let mut options = ClientOptions::parse(config.mongodb_url.expose_secret())
        .await
        .context("SYNTERA_MONGODB_URL is not a MongoDB URL")?;
    options.app_name = Some(name.to_owned());
    options.server_selection_timeout = Some(SELECT_WITHIN);
    options.connect_timeout = Some(CONNECT_WITHIN);
    let client = Client::with_options(options)?;
    client
        .default_database()
        .context("SYNTERA_MONGODB_URL names no database: add /syntera")
}

/// Whether MongoDB answers, for `/readyz`.
///
/// # Errors
/// When it does not.
pub async fn check(database: &Database) -> Result<(), Unhealthy> {
    database.run_command(doc! { "ping": 1 }).await?;
    Ok(())
}
