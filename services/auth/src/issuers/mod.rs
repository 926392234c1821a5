//! Signing in with a company's own identity provider (OpenID Connect).
//!
//! Providers belong to workspaces, and anybody can have a workspace. So a provider is somebody whom the
//! owner of one workspace trusts, and nobody else:
//!
//! - Its word opens sessions in its own workspace only. They enter no other one, and cannot add what
//!   signs in without it ([`access::own_account`](crate::access::own_account)): a provider that says
//!   "this is the managing director of another company" gets what it could invite anyway.
//! - It signs in nobody who may do more than those who chose it, since they can become whomever it signs
//!   in: an admin's provider opens no owner's session until an owner stands by it.
//! - It speaks for addresses of its `email_domains` only, and only for those that it says it has
//!   verified. Those who enter a domain have proven an address of it. After the first time its own name
//!   for the person counts (`sub`), not the address: addresses are given to others.
//! - An account that is there joins the workspace by a letter that asks its owner, however right the
//!   provider seems to be: until then the workspace learns nothing of it, and nobody is signed in.
//! - An account that is there is joined to it if the owner of the address made it: who registers with
//!   somebody else's address and waits for them to come by the provider would share their account.
//! - An account that it makes is unverified until the link that goes to the address was opened.
//! - Every sign-in has its own state, nonce and PKCE verifier, which wait in a ticket that the browser's
//!   cookie names; and every provider has its own way back, so that no provider can pass off what another
//!   one answered (RFC 9700 §4.4).

mod error;
mod fetch;
mod http;
mod identities;
mod linked;
mod manage;
mod model;
mod oidc;
mod person;
mod provider;
mod refusal;
mod sign_in;
mod state;
mod store;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub(crate) use provider::Providers;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_issuers, http::create_issuer))
        .routes(routes!(
            http::get_issuer,
            http::update_issuer,
            http::delete_issuer
        ))
        .routes(routes!(http::look_up_login))
        .routes(routes!(linked::list_identities))
        .routes(routes!(linked::delete_identity))
        .routes(routes!(oidc::start_issuer_sign_in))
        .routes(routes!(oidc::finish_issuer_sign_in))
}
