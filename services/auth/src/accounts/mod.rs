//! Accounts: registering, signing in, and who one is.

mod error;
mod http;
mod model;
mod store;

use std::sync::LazyLock;

use auth_api::{Login, Register, events::WorkspaceCreated};
use common::telemetry::Personal;
use ids::{UserId, WorkspaceId};
use prometheus::{IntCounterVec, register_int_counter_vec};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    members,
    sessions::{self, Issued},
};

pub(crate) use error::Error;
use model::NewAccount;

static LOGINS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!("auth_logins_total", "attempts to sign in", &["outcome"])
        .expect("the name is used once")
});

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::create_account))
        .routes(routes!(http::create_session))
        .routes(routes!(http::get_me))
}

/// Creates an account with a workspace, and signs in.
async fn register(app: &App, body: Register, user_agent: Option<String>) -> Result<Issued, Error> {
    // First, and without a connection: a hash takes longer than everything else here.
    let password_hash = app.passwords.hash(body.password).await?;
    let account = NewAccount {
        user: UserId::new(),
        workspace: WorkspaceId::new(),
        email: body.email,
        name: Personal::new(body.name.expose().trim().to_owned()),
        workspace_name: body.workspace_name.trim().to_owned(),
        at: app.clock.now(),
    };
    let (workspace, user) = (account.workspace, account.user);
    let mut transaction = app.pool.begin().await?;
    store::insert(&mut transaction, &account, &password_hash).await?;
    let created = WorkspaceCreated {
        workspace_id: workspace,
        owner_id: user,
        created_at: account.at,
    };
    app.outbox
        .append(&mut transaction, workspace, &created)
        .await?;
    let membership = members::find(&mut transaction, workspace, user)
        .await?
        .ok_or(Error::NoWorkspace)?;
    let issued = sessions::open(
        app,
        &mut transaction,
        workspace,
        user,
        (membership, user_agent),
    )
    .await?;
    app.outbox.commit(transaction).await?;
    Ok(issued)
}

/// Signs in by e-mail address and password.
async fn log_in(app: &App, body: Login, user_agent: Option<String>) -> Result<Issued, Error> {
    // The connection goes back before the hash, which may have to wait for its turn.
    let found = {
        let mut connection = app.pool.acquire().await?;
        store::find_by_email(&mut connection, body.email.expose()).await?
    };
    let (user, stored) = found.unzip();
    let right = app
        .passwords
        .verify(body.password, stored)
        .await
        .inspect_err(|_| count("busy"))?;
    let Some(user) = user.filter(|_| right) else {
        count("refused");
        return Err(Error::WrongCredentials);
    };
    let mut transaction = app.pool.begin().await?;
    let (workspace, membership) = members::home(&mut transaction, user)
        .await?
        .ok_or(Error::NoWorkspace)?;
    let issued = sessions::open(
        app,
        &mut transaction,
        workspace,
        user,
        (membership, user_agent),
    )
    .await?;
    transaction.commit().await?;
    count("signed_in");
    Ok(issued)
}

fn count(outcome: &str) {
    LOGINS.with_label_values(&[outcome]).inc();
}
