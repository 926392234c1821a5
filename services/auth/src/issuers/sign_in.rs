//! The way to a provider and back.

use chrono::Duration;
use ids::IssuerId;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use url::Url;
use vault::Scope;

use super::{
    manage,
    model::Kept,
    person,
    provider::{Registration, Sent},
    refusal::{Error, Refusal},
    store,
};
use crate::{
    app::App,
    client::Client,
    sessions::Issued,
    tickets::{self, Purpose, Ticket},
};

/// The time that people have at the provider.
pub(super) const AWAY: Duration = Duration::minutes(10);

/// What waits for somebody to come back.
#[derive(Serialize, Deserialize)]
struct Waiting {
    issuer: IssuerId,
    sent: Sent,
    return_to: String,
}

/// Somebody who comes back.
pub(super) struct Back {
    /// The ticket that their browser has.
    pub(super) ticket: Option<SecretString>,
    /// The state that the provider hands back.
    pub(super) state: Option<String>,
    /// The code, if the provider signed them in.
    pub(super) code: Option<String>,
    /// Who the provider says it is (RFC 9207), if it does.
    pub(super) iss: Option<String>,
}

/// Where to send somebody who wants to sign in, and the ticket for their browser.
pub(super) async fn start(
    app: &App,
    id: IssuerId,
    return_to: String,
) -> Result<(Url, SecretString), Error> {
    let kept = find(app, id).await?;
    let registration = registration(app, &kept).await?;
    let (url, sent) = app.providers.begin(&registration).await?;
    let waiting = Waiting {
        issuer: id,
        sent,
        return_to,
    };
    let good_for = (app.clock.now() + AWAY, 1);
    let ticket = Ticket::new(app, Purpose::IssuerLogin, None, &waiting, good_for).await?;
    let mut connection = app.pool.acquire().await?;
    ticket.insert(&mut connection).await?;
    Ok((url, ticket.secret))
}

/// Signs in somebody who comes back by the way of the provider `id`. Answers where they wanted to go.
pub(super) async fn finish(
    app: &App,
    id: IssuerId,
    back: Back,
    client: &Client,
) -> Result<(Issued, String), Error> {
    let ticket = back.ticket.ok_or(Refusal::Expired)?;
    let found = tickets::read::<Waiting>(app, Purpose::IssuerLogin, &ticket).await?;
    let waiting = found.data;
    let state = back.state.unwrap_or_default();
    // Another browser's state, or another provider's way back: what waits here waits on.
    if waiting.issuer != id || !same(&state, &waiting.sent.state) {
        return Err(Refusal::Expired.into());
    }
    {
        // One who comes back twice, or at the same time, is one who has copied the link.
        let mut connection = app.pool.acquire().await?;
        tickets::spend(&mut connection, &found.hash).await?;
    }
    let kept = find(app, id).await?;
    if back.iss.is_some_and(|iss| iss != kept.details.issuer) {
        return Err(Refusal::Invalid.into());
    }
    let code = back.code.ok_or(Refusal::Declined)?;
    let registration = registration(app, &kept).await?;
    let vouched = app
        .providers
        .finish(&registration, code, waiting.sent)
        .await?;
    let issued = person::sign_in(app, &kept, vouched, client).await?;
    Ok((issued, waiting.return_to))
}

async fn find(app: &App, id: IssuerId) -> Result<Kept, Error> {
    let mut connection = app.pool.acquire().await?;
    let kept = store::find_to_sign_in(&mut connection, id).await?;
    Ok(kept.ok_or(Refusal::Unknown)?)
}

async fn registration(app: &App, kept: &Kept) -> Result<Registration, Error> {
    let (id, scope) = (kept.details.id, Scope::workspace(kept.workspace));
    let context = manage::context(id);
    let secret = app
        .vault
        .open_text(scope, &context, &kept.client_secret)
        .await?;
    Ok(Registration {
        issuer: kept.details.issuer.clone(),
        client_id: kept.details.client_id.clone(),
        client_secret: secret.expose_secret().into(),
        redirect_uri: manage::redirect_uri(app, id),
    })
}

fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}
