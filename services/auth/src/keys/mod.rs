//! Keys: publishable ones stand in a page, name an agent, are bound to origins and may only let visitors
//! in; secret ones belong to programs, for which the gateway exchanges them.
//!
//! A key belongs to the workspace. It lives on when whoever made it loses their role or leaves, and is
//! dead once it is revoked, has ended, or its workspace is deleted.

mod error;
mod exchange;
mod http;
mod model;
mod store;

use auth_api::{CreateKey, Key, KeyKind};
use axum::{Router, routing::post};
use chrono::{DateTime, Utc};
use common::tokens::{Caller, Permission};
use ids::{KeyId, WorkspaceId};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access,
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    secrets::{self, Hash},
    sessions::EndReason,
    signing,
};

pub(crate) use error::Error;
pub(crate) use store::PublishableKey;

/// How much of a key is kept to tell keys apart: its kind, and 8 of its 43 characters.
const PREFIX: usize = 11;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_keys, http::create_key))
        .routes(routes!(http::delete_key))
}

/// The routes for the gateway.
pub(crate) fn internal_routes() -> Router<App> {
    Router::new().route("/internal/keys/exchange", post(exchange::exchange_key))
}

/// Finds a publishable key that is in use.
pub(crate) async fn find_publishable(
    connection: &mut PgConnection,
    key: &SecretString,
) -> sqlx::Result<Option<PublishableKey>> {
    store::find_publishable(connection, &Hash::of(key)).await
}

/// Keeps a key from being revoked until the transaction ends; answers whether it is in use.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    key: KeyId,
) -> sqlx::Result<bool> {
    store::hold(connection, workspace, key).await
}

/// Notes that a key was used, to the minute.
pub(crate) async fn note_use(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    key: KeyId,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    store::touch(connection, workspace, key, now).await
}

/// Makes a key; answers it and what is kept of it.
async fn create(
    app: &App,
    caller: &Caller,
    client: &Client,
    wanted: CreateKey,
) -> Result<(SecretString, Key), Error> {
    let now = app.clock.now();
    let key = secrets::fresh(match wanted.kind {
        KeyKind::Publishable => secrets::PUBLISHABLE,
        KeyKind::Secret => secrets::SECRET,
    });
    let details = Key {
        id: KeyId::new(),
        kind: wanted.kind,
        name: wanted.name.trim().to_owned(),
        agent_id: wanted.agent_id,
        allowed_origins: wanted.allowed_origins,
        scopes: wanted.scopes,
        expires_at: model::end(wanted.expires_at, now)?,
        prefix: key.expose_secret().chars().take(PREFIX).collect(),
        created_at: now,
        last_used_at: None,
    };
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let standing = access::require(&mut transaction, caller, Permission::KeysWrite)
        .await?
        .verified()?;
    model::may_make(&standing, &details)?;
    let hash = Hash::of(&key);
    store::insert(&mut transaction, workspace, &details, &hash, caller.user_id).await?;
    let change =
        Change::new(Action::KeyCreated, Target::Key(details.id)).after(model::as_audited(&details));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    transaction.commit().await?;
    Ok((key, details))
}

/// Revokes a key, and ends the sessions that it opened.
async fn revoke(app: &App, caller: &Caller, client: &Client, id: KeyId) -> Result<(), Error> {
    let (workspace, now) = (caller.workspace_id, app.clock.now());
    let mut transaction = app.pool.begin().await?;
    access::require(&mut transaction, caller, Permission::KeysWrite).await?;
    let revoked = store::revoke(&mut transaction, workspace, id, now)
        .await?
        .ok_or(Error::NotFound)?;
    // No token of an older use is good any more.
    let since = now - signing::VISITOR;
    let reason = EndReason::KeyRevoked;
    let ended =
        store::end_sessions(&mut transaction, workspace, (id, since), (reason, now)).await?;
    let change =
        Change::new(Action::KeyRevoked, Target::Key(id)).before(model::as_audited(&revoked));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    transaction.commit().await?;
    app.revoked.publish(&ended).await;
    Ok(())
}
