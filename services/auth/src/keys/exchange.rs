//! What the gateway gets for a secret key: an access token, as people have one.
//!
//! The gateway keeps it until it ends, so that a program's requests cost no exchange each. A key has one
//! session at a time, which all its tokens name: to end it ends them.

use std::net::IpAddr;

use auth_api::{ExchangeKey, KeyToken};
use axum::extract::State;
use common::{problem::Result, tokens::ServiceCaller};
use ids::SessionId;
use rest::{Json, NoStore};
use secrecy::SecretString;

use super::{Error, model, store};
use crate::{app::App, secrets::Hash, signing::Program};

/// Who may ask.
const GATEWAY: &str = "gateway";

/// Answers an access token for a secret key.
pub(super) async fn exchange_key(
    State(app): State<App>,
    caller: ServiceCaller,
    Json(body): Json<ExchangeKey>,
) -> Result<NoStore<KeyToken>> {
    if caller.service != GATEWAY {
        return Err(Error::NotTheGateway.into());
    }
    Ok(NoStore(exchange(&app, &body.key, body.address).await?))
}

async fn exchange(
    app: &App,
    key: &SecretString,
    address: Option<IpAddr>,
) -> Result<KeyToken, Error> {
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    let key = store::find_secret(&mut transaction, &Hash::of(key))
        .await?
        .ok_or(Error::Unknown)?;
    let (workspace, id) = (key.workspace, key.id);
    let until = model::token_end(key.expires_at, now).ok_or(Error::Over)?;
    if !store::hold(&mut transaction, workspace, id).await? {
        return Err(Error::Unknown);
    }
    let candidate = SessionId::new();
    let session =
        store::session(&mut transaction, workspace, id, (candidate, address), now).await?;
    store::touch(&mut transaction, workspace, id, now).await?;
    let program = Program {
        key: id,
        workspace,
        session,
        scopes: key.scopes,
        until,
    };
    let access_token = app.signer.program(&program, now)?;
    transaction.commit().await?;
    Ok(KeyToken {
        access_token,
        expires_in: until.timestamp() - now.timestamp(),
    })
}
