//! Passkeys (WebAuthn Level 3): added by people, and good for signing in without a password.
//!
//! A passkey proves two things by itself, that the device is there and that its owner unlocked it; so
//! user verification is always required, and no second factor is asked for. Between the two halves of a
//! ceremony its state waits in a ticket, so any replica can finish what another one began.

mod ceremony;
mod error;
mod http;
mod registration;
mod sign_in;
mod store;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub(crate) use ceremony::Ceremonies;

/// A passkey, as sessions call it.
const METHOD: &str = "passkey";

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_passkeys, http::create_passkey))
        .routes(routes!(http::start_passkey))
        .routes(routes!(http::update_passkey, http::delete_passkey))
        .routes(routes!(http::start_passkey_sign_in))
        .routes(routes!(http::sign_in_by_passkey))
}
