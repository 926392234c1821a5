//! Publishable keys: they name an agent, are bound to origins, and may only let visitors in.

mod error;
mod http;
mod store;

use chrono::{DateTime, Utc};
use common::tokens::Caller;
use ids::WorkspaceId;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, members, secrets::Hash};

pub(crate) use error::Error;
pub(crate) use store::LiveKey;

/// How much of a key is kept to tell keys apart: its kind, and 8 of its 43 characters.
const PREFIX: usize = 11;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_keys, http::create_key))
        .routes(routes!(http::delete_key))
}

/// Finds a key that is in use. Until the transaction ends the key cannot be revoked.
pub(crate) async fn find(
    connection: &mut PgConnection,
    key: &SecretString,
) -> sqlx::Result<Option<LiveKey>> {
    store::find_live(connection, &Hash::of(key)).await
}

/// Notes that a key was used, to the minute.
pub(crate) async fn note_use(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    key: &LiveKey,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    store::touch(connection, workspace, key.id, now).await
}

/// Lets callers pass whose session lives.
async fn require_session(
    connection: &mut PgConnection,
    caller: &Caller,
) -> Result<members::Standing, Error> {
    members::standing(connection, caller)
        .await?
        .ok_or(Error::SessionEnded)
}

/// Lets callers pass who may change keys at this moment.
async fn require_verified(
    app: &App,
    connection: &mut PgConnection,
    caller: &Caller,
) -> Result<(), Error> {
    let standing = require_session(connection, caller).await?;
    if app.email_verification.is_required() && !standing.email_verified {
        return Err(Error::EmailNotVerified);
    }
    Ok(())
}

fn prefix(key: &SecretString) -> String {
    key.expose_secret().chars().take(PREFIX).collect()
}
