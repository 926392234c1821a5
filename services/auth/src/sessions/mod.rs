//! Sessions: opened by a sign-in, renewed by refresh tokens, ended for good.
//!
//! The tokens of a session are a family: each use of one makes its successor, and the row of the
//! session is the family's lock. PostgreSQL decides; whoever accepts access tokens follows the list of
//! ended sessions.

mod error;
mod http;
mod model;
mod store;

use std::{sync::LazyLock, time::Duration};

use axum::{Router, routing::get};
use chrono::{DateTime, Utc};
use common::tokens::Identity;
use ids::{SessionId, UserId, WorkspaceId};
use prometheus::{IntCounterVec, register_int_counter_vec};
use secrecy::SecretString;
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    members::{self, Membership},
    secrets::{self, Hash},
    signing::Person,
};

pub(crate) use error::Error;
pub(crate) use http::{TokensTo, answer};
pub(crate) use model::{EndReason, IDLE, user_agent};
use model::{KEPT, NewSession, Verdict};

static REFRESHES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "auth_refreshes_total",
        "refresh tokens that came in",
        &["outcome"]
    )
    .expect("the name is used once")
});

const CLEAN_EVERY: Duration = Duration::from_secs(3600);

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::refresh_session))
        .routes(routes!(http::end_session))
}

/// The routes for other services.
pub(crate) fn internal_routes() -> Router<App> {
    Router::new().route("/internal/revocations", get(http::list_revocations))
}

/// What a session gives to a client.
pub(crate) struct Issued {
    /// The access token.
    pub(crate) access: SecretString,
    /// The refresh token.
    pub(crate) refresh: SecretString,
}

/// Opens a session for a person who has proven who they are, in the caller's transaction.
pub(crate) async fn open(
    app: &App,
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    (membership, user_agent): (Membership, Option<String>),
) -> Result<Issued, Error> {
    let now = app.clock.now();
    let session = NewSession {
        id: SessionId::new(),
        workspace,
        user,
        user_agent,
        at: now,
    };
    let refresh = secrets::fresh(secrets::REFRESH);
    store::insert(connection, &session).await?;
    store::insert_token(connection, session.id, &Hash::of(&refresh), now).await?;
    let access = sign(app, (workspace, user, session.id), membership, now)?;
    Ok(Issued { access, refresh })
}

/// Renews a session by one of its refresh tokens.
async fn refresh(app: &App, token: &SecretString) -> Result<Issued, Error> {
    let now = app.clock.now();
    let hash = Hash::of(token);
    let mut transaction = app.pool.begin().await?;
    let Some(presented) = store::lock(&mut transaction, &hash).await? else {
        count("unknown");
        return Err(Error::Unknown);
    };
    let (workspace, user, session) = (presented.workspace, presented.user, presented.session);
    let verdict = presented.judge(now);
    count(verdict.name());
    let refresh = match verdict {
        Verdict::Rotate => app.successors.successor(token),
        Verdict::Repeat(stored) => app
            .successors
            .successor_again(token, &stored)
            .ok_or(Error::Lost)?,
        Verdict::Idle => return Err(Error::Idle),
        Verdict::Ended => return Err(Error::Ended),
        Verdict::Reused => {
            store::end(
                &mut transaction,
                workspace,
                session,
                EndReason::RefreshTokenReused,
                now,
            )
            .await?;
            transaction.commit().await?;
            tracing::warn!(%session, %user, %workspace, "a used refresh token came back; its session was ended");
            return Err(Error::Reused);
        }
    };
    let Some(membership) = members::find(&mut transaction, workspace, user).await? else {
        store::end(
            &mut transaction,
            workspace,
            session,
            EndReason::MembershipEnded,
            now,
        )
        .await?;
        transaction.commit().await?;
        return Err(Error::Ended);
    };
    if presented.used.is_none() {
        store::rotate(&mut transaction, session, (&hash, &Hash::of(&refresh)), now).await?;
    }
    let access = sign(app, (workspace, user, session), membership, now)?;
    transaction.commit().await?;
    Ok(Issued { access, refresh })
}

/// Ends the session of a refresh token, if it is one of ours.
async fn end_by_token(app: &App, token: &SecretString) -> sqlx::Result<()> {
    let mut connection = app.pool.acquire().await?;
    match store::session_of(&mut connection, &Hash::of(token)).await? {
        Some((workspace, session)) => end(app, &mut connection, workspace, session).await,
        None => Ok(()),
    }
}

/// Ends the session of an access token that was good, if it is a person's.
async fn end_by_identity(app: &App, identity: Option<Identity>) -> sqlx::Result<()> {
    match identity {
        Some(Identity::Person(caller)) => {
            let mut connection = app.pool.acquire().await?;
            end(app, &mut connection, caller.workspace_id, caller.session_id).await
        }
        Some(Identity::Visitor(_)) | None => Ok(()),
    }
}

async fn end(
    app: &App,
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    session: SessionId,
) -> sqlx::Result<()> {
    let now = app.clock.now();
    store::end(connection, workspace, session, EndReason::SignedOut, now).await
}

fn sign(
    app: &App,
    (workspace, user, session): (WorkspaceId, UserId, SessionId),
    membership: Membership,
    now: DateTime<Utc>,
) -> Result<SecretString, Error> {
    let Membership { role, permissions } = membership;
    let person = Person {
        user,
        workspace,
        session,
        role,
        permissions,
    };
    Ok(app.signer.person(&person, now)?.into())
}

fn count(outcome: &str) {
    REFRESHES.with_label_values(&[outcome]).inc();
}

impl Verdict {
    const fn name(&self) -> &'static str {
        match self {
            Self::Rotate => "rotated",
            Self::Repeat(_) => "repeated",
            Self::Reused => "reused",
            Self::Idle => "idle",
            Self::Ended => "ended",
        }
    }
}

/// Deletes what is over for long, now and then, until `stop`.
pub(crate) async fn clean(app: App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = clean_once(&app).await {
            tracing::warn!(%error, "old sessions were not deleted");
        }
        stop.run_until_cancelled(tokio::time::sleep(CLEAN_EVERY))
            .await;
    }
}

/// Deletes what is over for long; answers how many sessions and tokens that were.
///
/// # Errors
/// When PostgreSQL fails.
pub async fn clean_once(app: &App) -> sqlx::Result<u64> {
    let before = app.clock.now() - IDLE - KEPT;
    let mut connection = app.pool.acquire().await?;
    let mut all = 0;
    loop {
        let deleted = store::delete_unused(&mut connection, before).await?;
        all += deleted;
        if deleted == 0 {
            return Ok(all);
        }
    }
}
