//! Visitors of the widget: let in by a publishable key, known again by a secret, or by who they are.
//!
//! Most are anonymous: whoever has the secret is the visitor. An identified one brings a JWT that the
//! company's own server signed, and is the same visitor on every device; each device has a secret of its
//! own.

mod error;
mod http;
mod identified;
mod identity;
mod identity_secret;
mod model;
mod store;

use auth_api::{VisitorSession, VisitorTokens};
use axum::{Router, routing::get};
use chrono::{DateTime, Utc};
use ids::{SessionId, VisitorId};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    keys::{self, PublishableKey},
    secrets::{self, Hash},
    signing::{self, Visitor},
};

pub(crate) use error::Error;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::create_visitor_session))
        .routes(routes!(http::create_identity_secret))
}

/// The routes for other services.
pub(crate) fn internal_routes() -> Router<App> {
    Router::new().route(
        "/internal/workspaces/{workspace_id}/visitors/{visitor_id}/identity",
        get(http::get_identity),
    )
}

/// Opens a visitor's session, or renews it.
async fn let_in(
    app: &App,
    wanted: VisitorSession,
    origin: Option<String>,
) -> Result<VisitorTokens, Error> {
    let key = {
        let mut connection = app.pool.acquire().await?;
        keys::find_publishable(&mut connection, &wanted.key).await?
    };
    let key = key.ok_or(Error::UnknownKey)?;
    if let Some(origin) = &origin
        && !key.allowed_origins.contains(origin)
    {
        return Err(Error::OriginNotAllowed);
    }
    let secret = wanted.visitor_secret;
    match &wanted.identity {
        Some(token) => identified::let_in(app, &key, token, secret, origin).await,
        None if key.enforce_identity => Err(Error::IdentityRequired),
        None => let_in_by_secret(app, &key, secret, origin).await,
    }
}

/// Lets in the visitor who has this secret, or somebody new.
async fn let_in_by_secret(
    app: &App,
    key: &PublishableKey,
    secret: Option<SecretString>,
    origin: Option<String>,
) -> Result<VisitorTokens, Error> {
    let now = app.clock.now();
    let workspace = key.workspace;
    let mut transaction = app.pool.begin().await?;
    hold(&mut transaction, key).await?;
    let (visitor, secret) = match secret {
        Some(secret) => {
            let known = store::see(&mut transaction, workspace, &Hash::of(&secret), now).await?;
            (known.ok_or(Error::UnknownSecret)?, secret)
        }
        None => {
            let (visitor, secret) = (VisitorId::new(), secrets::fresh(secrets::VISITOR));
            let hash = Hash::of(&secret);
            store::insert(&mut transaction, workspace, (visitor, key.id), now).await?;
            store::insert_secret(&mut transaction, workspace, visitor, &hash, now).await?;
            (visitor, secret)
        }
    };
    let tokens = open(app, &mut transaction, key, (visitor, &secret, origin), now).await?;
    transaction.commit().await?;
    Ok(tokens)
}

/// Keeps the key from being revoked until the transaction ends.
async fn hold(connection: &mut PgConnection, key: &PublishableKey) -> Result<(), Error> {
    if keys::hold(connection, key.workspace, key.id).await? {
        Ok(())
    } else {
        Err(Error::UnknownKey)
    }
}

/// Opens or renews the session of a visitor who is known by now.
async fn open(
    app: &App,
    connection: &mut PgConnection,
    key: &PublishableKey,
    (visitor, secret, origin): (VisitorId, &SecretString, Option<String>),
    now: DateTime<Utc>,
) -> Result<VisitorTokens, Error> {
    let workspace = key.workspace;
    let candidate = SessionId::new();
    let session = store::session(connection, workspace, (visitor, key.id), candidate, now).await?;
    keys::note_use(connection, workspace, key.id, now).await?;
    let token = Visitor {
        visitor,
        workspace,
        session,
        agent: key.agent,
        origin,
    };
    Ok(VisitorTokens {
        visitor_id: visitor,
        visitor_secret: secret.expose_secret().to_owned(),
        agent_id: key.agent,
        access_token: app.signer.visitor(&token, now)?,
        token_type: "Bearer".to_owned(),
        expires_in: signing::VISITOR.num_seconds(),
    })
}
