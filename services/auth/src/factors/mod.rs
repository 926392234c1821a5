//! Second factors: an authenticator app (RFC 6238), and recovery codes for when it is lost.
//!
//! They belong to people, not to workspaces, but a workspace may demand one. A password alone does not
//! sign in where there is one; a passkey does, because it proves two things by itself.

mod error;
mod http;
mod model;
mod proof;
mod setup;
mod sign_in;
mod store;

use chrono::{DateTime, Utc};
use common::tokens::RevokedSession;
use ids::{SessionId, UserId, WorkspaceId};
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

use error::Error;

/// The code of an authenticator app, as sessions and the API call it.
const TOTP: &str = "totp";
/// A recovery code, as sessions and the API call it.
const RECOVERY_CODE: &str = "recovery_code";

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::get_factors))
        .routes(routes!(http::start_totp, http::delete_totp))
        .routes(routes!(http::confirm_totp))
        .routes(routes!(http::replace_recovery_codes))
        .routes(routes!(http::finish_sign_in))
}

/// What a person must show beside a password who has an authenticator app, one of these.
/// `codes_left` is how many recovery codes they have.
pub(crate) fn required(codes_left: i64) -> Vec<&'static str> {
    if codes_left > 0 {
        vec![TOTP, RECOVERY_CODE]
    } else {
        vec![TOTP]
    }
}

/// Whether a session was opened with a second factor, or one was added in it, and the person still has one.
/// What an identity provider asks for is its own business.
pub(crate) async fn is_strong(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    session: SessionId,
) -> sqlx::Result<bool> {
    store::is_strong(connection, workspace, session).await
}

/// Whether a workspace demands a second factor that a session lacks.
pub(crate) async fn is_missing(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    session: SessionId,
) -> sqlx::Result<bool> {
    Ok(store::is_demanded(connection, workspace).await?
        && !store::is_strong(connection, workspace, session).await?)
}

/// Notes that a factor was added in a session, which is as good as having signed in with it.
pub(crate) async fn note_added(
    connection: &mut PgConnection,
    (workspace, session): (WorkspaceId, SessionId),
    method: &str,
) -> sqlx::Result<()> {
    store::note_added(connection, (workspace, session), method).await
}

/// Ends the sessions of a workspace's people that lack a second factor, in the caller's transaction.
pub(crate) async fn end_weak_sessions(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<RevokedSession>> {
    store::end_weak_sessions(connection, workspace, now).await
}

/// Removes everything that a person can sign in with beside a password: app, codes, passkeys, and the
/// identity providers that know them. In the caller's transaction.
pub(crate) async fn forget_all(connection: &mut PgConnection, user: UserId) -> sqlx::Result<()> {
    store::forget_all(connection, user).await
}
