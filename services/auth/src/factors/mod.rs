//! Second factors: an authenticator app (RFC 6238), and recovery codes for when it is lost.
//!
//! They belong to people, not to workspaces. A password alone does not sign in where there is one; a
//! passkey does, because it proves two things by itself.

mod error;
mod http;
mod model;
mod proof;
mod setup;
mod sign_in;
mod store;

use ids::UserId;
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

/// What a person must show beside a password, one of these; none without an authenticator app.
pub(crate) async fn required(
    connection: &mut PgConnection,
    user: UserId,
) -> sqlx::Result<Option<Vec<&'static str>>> {
    Ok(store::has(connection, user).await?.map(|left| {
        if left > 0 {
            vec![TOTP, RECOVERY_CODE]
        } else {
            vec![TOTP]
        }
    }))
}

/// Removes everything that a person can sign in with beside a password: app, codes, passkeys, and the
/// identity providers that know them. In the caller's transaction.
pub(crate) async fn forget_all(connection: &mut PgConnection, user: UserId) -> sqlx::Result<()> {
    store::forget_all(connection, user).await
}
