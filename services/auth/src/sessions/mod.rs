//! Sessions: opened by a sign-in, renewed by refresh tokens, ended for good.
//!
//! The tokens of a session are a family: each use of one makes its successor, and the row of the
//! session is the family's lock. PostgreSQL decides; whoever accepts access tokens follows the list of
//! ended sessions.

mod error;
mod http;
mod model;
mod sign_in;
mod store;

use std::{sync::LazyLock, time::Duration};

use axum::{Router, routing::get};
use chrono::{DateTime, Utc};
use common::tokens::{Identity, RevokedSession, Role};
use ids::{SessionId, UserId, WorkspaceId};
use prometheus::{IntCounterVec, register_int_counter_vec};
use secrecy::SecretString;
use serde_json::json;
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    factors, invites,
    mail::Letter,
    members::{self, Membership},
    people,
    secrets::{self, Hash},
    signing::Person,
    tickets,
};

pub(crate) use error::Error;
pub(crate) use http::{TokensTo, answer};
pub(crate) use model::{EndReason, IDLE, Spare};
use model::{KEPT, NewSession, Verdict};
pub(crate) use sign_in::{Error as SignInError, Half, open_at_home};

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
        .routes(routes!(http::create_session))
        .routes(routes!(http::refresh_session))
        .routes(routes!(http::end_session))
        .routes(routes!(http::end_all_sessions))
        .routes(routes!(http::list_sessions))
        .routes(routes!(http::end_one_session))
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

/// A person who has proven who they are.
pub(crate) struct Opening<'o> {
    /// Who.
    pub(crate) user: UserId,
    /// Where they want to be.
    pub(crate) workspace: WorkspaceId,
    /// What they are there.
    pub(crate) membership: Membership,
    /// By what they proved it: `password`, `totp`, `recovery_code`, `passkey`, `issuer`.
    pub(crate) methods: &'o [&'o str],
    /// When, if it was for another session.
    pub(crate) began_at: Option<DateTime<Utc>>,
    /// Where they are.
    pub(crate) client: &'o Client,
}

/// Opens a session, in the caller's transaction, and writes it into the audit log.
pub(crate) async fn open(
    app: &App,
    connection: &mut PgConnection,
    opening: Opening<'_>,
) -> Result<Issued, Error> {
    let now = app.clock.now();
    let (workspace, user) = (opening.workspace, opening.user);
    let session = NewSession {
        id: SessionId::new(),
        workspace,
        user,
        methods: opening.methods.iter().map(ToString::to_string).collect(),
        began_at: opening.began_at,
        at: now,
    };
    let refresh = secrets::fresh(secrets::REFRESH);
    let change = Change::new(Action::SessionCreated, Target::Session(session.id))
        .after(json!({ "methods": session.methods }));
    let actor = Actor::person(user, opening.client);
    audit::record(app, connection, workspace, &actor, change).await?;
    let token = Hash::of(&refresh);
    let demanded = store::insert(connection, &session, &token, opening.client).await?;
    let missing = demanded && !factors::is_strong(connection, workspace, session.id).await?;
    let membership = opening.membership.unless(missing);
    let access = sign(app, (workspace, user, session.id), membership, now)?;
    Ok(Issued { access, refresh })
}

/// Ends a person's sessions in all workspaces, in the caller's transaction. Tell [`Revoked::publish`]
/// of them after the commit.
///
/// [`Revoked::publish`]: crate::revoked::Revoked::publish
pub(crate) async fn end_of_user(
    connection: &mut PgConnection,
    user: UserId,
    spare: Spare,
    reason: EndReason,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<RevokedSession>> {
    store::end_of_user(connection, user, spare.session(), (reason, now)).await
}

/// Ends a person's sessions in one workspace, as [`end_of_user`] does.
pub(crate) async fn end_in_workspace(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    reason: EndReason,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<RevokedSession>> {
    store::end_in_workspace(connection, workspace, user, (reason, now)).await
}

/// Ends all sessions of a workspace, as [`end_of_user`] does.
pub(crate) async fn end_workspace(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    reason: EndReason,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<RevokedSession>> {
    store::end_workspace(connection, workspace, (reason, now)).await
}

/// Ends one session, as [`end_of_user`] does.
pub(crate) async fn end(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    session: SessionId,
    reason: EndReason,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<RevokedSession>> {
    store::end(connection, workspace, session, (reason, now)).await
}

/// Renews a session by one of its refresh tokens.
async fn refresh(app: &App, token: &SecretString, client: &Client) -> Result<Issued, Error> {
    let now = app.clock.now();
    let hash = Hash::of(token);
    let mut transaction = app.pool.begin().await?;
    let Some(presented) = store::lock(&mut transaction, &hash).await? else {
        count("unknown");
        return Err(Error::Unknown);
    };
    let (workspace, user, session) = (presented.workspace, presented.user, presented.session);
    let verdict = presented.judge(now, app.session_lifetime);
    count(verdict.name());
    let refresh = match verdict {
        Verdict::Rotate => app.successors.successor(token),
        Verdict::Repeat(stored) => app
            .successors
            .successor_again(token, &stored)
            .ok_or(Error::Lost)?,
        Verdict::Idle => return Err(Error::Idle),
        Verdict::Old => return Err(Error::Old),
        Verdict::Ended => return Err(Error::Ended),
        Verdict::Reused => {
            drop(transaction);
            return Err(end_stolen(app, &hash, user, client).await?);
        }
    };
    let Some(membership) = members::find(&mut transaction, workspace, user).await? else {
        let reason = EndReason::MembershipEnded;
        let ended = end(&mut transaction, workspace, session, reason, now).await?;
        transaction.commit().await?;
        app.revoked.publish(&ended).await;
        return Err(Error::Ended);
    };
    if presented.used.is_none() {
        store::rotate(&mut transaction, session, (&hash, &Hash::of(&refresh)), now).await?;
    }
    let membership = allowed(&mut transaction, (workspace, session), membership).await?;
    let access = sign(app, (workspace, user, session), membership, now)?;
    transaction.commit().await?;
    Ok(Issued { access, refresh })
}

/// Ends the session of a refresh token of which somebody has a copy (RFC 9700 §4.14.2), and tells its
/// owner. Answers what to tell whoever brought it.
async fn end_stolen(app: &App, hash: &Hash, user: UserId, client: &Client) -> Result<Error, Error> {
    // The session ends even if its owner cannot be told.
    let letter = people::write_to(app, user, &Letter::SessionStolen)
        .await
        .inspect_err(|error| tracing::error!(%user, %error, "the owner is not told"))
        .ok()
        .flatten();
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    // The letter was written without the lock: somebody may have been faster.
    let Some(presented) = store::lock(&mut transaction, hash).await? else {
        return Ok(Error::Unknown);
    };
    if presented.ended {
        return Ok(Error::Ended);
    }
    let (workspace, session) = (presented.workspace, presented.session);
    let reason = EndReason::RefreshTokenReused;
    let ended = end(&mut transaction, workspace, session, reason, now).await?;
    let change = Change::new(Action::RefreshTokenReused, Target::Session(session));
    // Whoever came may be the thief, so it is not the person who did it.
    let actor = Actor::system_for(client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    app.mail.commit(transaction, letter).await?;
    tracing::warn!(%session, %user, %workspace, "a used refresh token came back; its session was ended");
    app.revoked.publish(&ended).await;
    Ok(Error::Reused)
}

/// Ends the session of a refresh token, if it is one of ours.
async fn end_by_token(app: &App, token: &SecretString, client: &Client) -> sqlx::Result<()> {
    let found = {
        let mut connection = app.pool.acquire().await?;
        store::session_of(&mut connection, &Hash::of(token)).await?
    };
    match found {
        Some((workspace, user, session)) => sign_out(app, (workspace, user, session), client).await,
        None => Ok(()),
    }
}

/// Ends the session of an access token that was good, if it is a person's.
async fn end_by_identity(
    app: &App,
    identity: Option<Identity>,
    client: &Client,
) -> sqlx::Result<()> {
    match identity {
        Some(Identity::Person(caller)) if caller.role != Role::Program => {
            let session = (caller.workspace_id, caller.user_id, caller.session_id);
            sign_out(app, session, client).await
        }
        Some(_) | None => Ok(()),
    }
}

async fn sign_out(
    app: &App,
    (workspace, user, session): (WorkspaceId, UserId, SessionId),
    client: &Client,
) -> sqlx::Result<()> {
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    let ended = end(
        &mut transaction,
        workspace,
        session,
        EndReason::SignedOut,
        now,
    )
    .await?;
    if !ended.is_empty() {
        let change = Change::new(Action::SessionEnded, Target::Session(session));
        let actor = Actor::person(user, client);
        audit::record(app, &mut transaction, workspace, &actor, change).await?;
    }
    transaction.commit().await?;
    app.revoked.publish(&ended).await;
    Ok(())
}

/// What somebody may do in a session: nothing, while the workspace demands a second factor that it lacks.
async fn allowed(
    connection: &mut PgConnection,
    (workspace, session): (WorkspaceId, SessionId),
    membership: Membership,
) -> sqlx::Result<Membership> {
    let missing = factors::is_missing(connection, workspace, session).await?;
    Ok(membership.unless(missing))
}

fn sign(
    app: &App,
    (workspace, user, session): (WorkspaceId, UserId, SessionId),
    membership: Membership,
    now: DateTime<Utc>,
) -> Result<SecretString, Error> {
    let Membership {
        role, permissions, ..
    } = membership;
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
            Self::Old => "old",
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

/// Deletes what is over for long: sessions with their tokens, tickets, and what stayed of deleted
/// accounts and workspaces so that their sessions could be named. Answers how many rows that were.
///
/// # Errors
/// When PostgreSQL fails.
pub async fn clean_once(app: &App) -> sqlx::Result<u64> {
    let now = app.clock.now();
    let mut connection = app.pool.acquire().await?;
    let mut all = 0;
    loop {
        let deleted = store::delete_unused(&mut connection, now - IDLE - KEPT).await?
            + store::delete_gone(&mut connection, now - KEPT).await?
            + tickets::delete_expired(&mut connection, now).await?
            + invites::delete_old(&mut connection, now).await?;
        all += deleted;
        if deleted == 0 {
            return Ok(all);
        }
    }
}
