//! MongoDB: the database that the URL names.

use std::time::Duration;

use anyhow::Context;
use common::server::Unhealthy;
use mongodb::{
    Client, Database,
    bson::{Document, doc},
    error::{ErrorKind, WriteFailure},
    options::ClientOptions,
};
use secrecy::{ExposeSecret, SecretString};

/// A request waits this long for a server, then it is answered 503.
const SELECT_WITHIN: Duration = Duration::from_secs(2);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// MongoDB's code for a document that a unique key has already (error_codes.yml, `DuplicateKey`).
const DUPLICATE_KEY: i32 = 11_000;

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

/// Whether a unique key refused the document.
#[must_use]
pub fn is_duplicate(error: &mongodb::error::Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE_KEY,
        ErrorKind::Command(error) => error.code == DUPLICATE_KEY,
        _ => false,
    }
}

/// Spreads a collection over the shards by `key`, where there are shards. Another server does not know
/// the command, and needs none.
pub async fn shard(database: &Database, collection: &str, key: Document) {
    let admin = database.client().database("admin");
    let answer = admin.run_command(doc! { "isMaster": 1 }).await;
    // What a router of a sharded cluster says about itself (MongoDB manual, `hello`).
    let is_router = |answer: Document| answer.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
    if !answer.is_ok_and(is_router) {
        tracing::info!(
            collection,
            "the server is no router of a sharded cluster; nothing to shard"
        );
        return;
    }
    let command = doc! {
        "shardCollection": format!("{}.{collection}", database.name()),
        "key": key,
    };
    match admin.run_command(command).await {
        Ok(_) => tracing::info!(collection, "sharded"),
        Err(error) => tracing::warn!(collection, %error, "not sharded"),
    }
}
