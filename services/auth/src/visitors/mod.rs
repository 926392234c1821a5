//! Visitors of the widget: let in by a publishable key, known again by a secret.

mod error;
mod http;
mod store;

use auth_api::VisitorTokens;
use chrono::{DateTime, Utc};
use ids::{KeyId, SessionId, VisitorId, WorkspaceId};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    keys,
    secrets::{self, Hash},
    sessions::EndReason,
    signing::{self, Visitor},
};

pub(crate) use error::Error;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(http::create_visitor_session))
}

/// Opens a visitor's session, or renews it.
async fn let_in(
    app: &App,
    key: &SecretString,
    secret: Option<SecretString>,
    origin: Option<String>,
) -> Result<VisitorTokens, Error> {
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    let key = keys::find(&mut transaction, key)
        .await?
        .ok_or(Error::UnknownKey)?;
    if let Some(origin) = &origin
        && !key.allowed_origins.contains(origin)
    {
        return Err(Error::OriginNotAllowed);
    }
    let workspace = key.workspace;
    let (visitor, secret) = match secret {
        Some(secret) => {
            let known = store::find(&mut transaction, workspace, &Hash::of(&secret), now).await?;
            (known.ok_or(Error::UnknownSecret)?, secret)
        }
        None => {
            let (visitor, secret) = (VisitorId::new(), secrets::fresh(secrets::VISITOR));
            store::insert(
                &mut transaction,
                workspace,
                (visitor, key.id),
                &Hash::of(&secret),
                now,
            )
            .await?;
            (visitor, secret)
        }
    };
    let candidate = SessionId::new();
    let session = store::session(
        &mut transaction,
        workspace,
        (visitor, key.id),
        candidate,
        now,
    )
    .await?;
    keys::note_use(&mut transaction, workspace, &key, now).await?;
    let token = Visitor {
        visitor,
        workspace,
        session,
        agent: key.agent,
        origin,
    };
    let access_token = app.signer.visitor(&token, now)?;
    transaction.commit().await?;
    Ok(VisitorTokens {
        visitor_id: visitor,
        visitor_secret: secret.expose_secret().to_owned(),
        agent_id: key.agent,
        access_token,
        token_type: "Bearer".to_owned(),
        expires_in: signing::VISITOR.num_seconds(),
    })
}

/// Ends the sessions that a key opened and whose tokens may still be good.
pub(crate) async fn end_sessions_of_key(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    key: KeyId,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let since = now - signing::VISITOR;
    store::end_sessions(
        connection,
        workspace,
        (key, since),
        EndReason::KeyRevoked,
        now,
    )
    .await
}
