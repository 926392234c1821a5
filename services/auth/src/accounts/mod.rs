//! Accounts: registering, who one is, and an end to it.

mod command;
mod error;
mod http;
mod model;
mod store;

use auth_api::{DeleteMe, Me, Register, UpdateMe, events::WorkspaceCreated};
use clock::Clock;
use common::{telemetry::Personal, tokens::Caller};
use ids::{UserId, WorkspaceId};
use rest::Field;
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};
use vault::Vault;

use crate::{
    access,
    app::{App, SCHEMA},
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    emails, factors,
    mail::Letter,
    passwords::OwnWords,
    people, reauth,
    sessions::{self, EndReason, Spare},
};

pub(crate) use command::create;
pub(crate) use error::Error;
pub(crate) use model::{NewPerson, NewWorkspace};
pub(crate) use store::insert_person;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::create_account))
        .routes(routes!(http::get_me, http::update_me, http::delete_me))
}

/// Creates an account with a workspace, and sends the link that proves its address. For an address that
/// has an account already only its owner is told, by mail; the answer and its time are the same.
async fn register(app: &App, body: Register, client: &Client) -> Result<(), Error> {
    // First, and without a connection: a hash takes longer than everything else here.
    let own = OwnWords::of(&[
        body.email.expose().as_str(),
        body.name.expose(),
        &body.workspace_name,
    ]);
    let password_hash = app.passwords.hash_new(body.password, own).await?;
    let (user, now) = (UserId::new(), app.clock.now());
    let name = Personal::new(body.name.expose().trim().to_owned());
    let person = NewPerson {
        user,
        email: people::seal_email(&app.vault, user, &body.email).await?,
        name: name.clone(),
        password_hash: Some(password_hash),
        verified_at: None,
        at: now,
    };
    let workspace = NewWorkspace {
        id: WorkspaceId::new(),
        owner: user,
        name: body.workspace_name.trim().to_owned(),
        at: now,
    };
    // Both letters are written, and one is sent.
    let link = emails::link(app, user, &body.email).await?;
    let token = link.secret.clone();
    let welcome = Letter::VerifyEmail { token };
    let welcome = app.mail.seal(&body.email, Some(&name), &welcome).await?;
    let known = app
        .mail
        .seal(&body.email, None, &Letter::AlreadyRegistered)
        .await?;
    let mut transaction = app.pool.begin().await?;
    if store::insert_person(&mut transaction, &person).await? {
        let actor = Actor::person(user, client);
        create_workspace(&app.clock, &mut transaction, &workspace, &actor).await?;
        link.insert(&mut transaction).await?;
        welcome.queue(&mut transaction, now).await?;
    } else {
        known.queue(&mut transaction, now).await?;
    }
    app.outbox.commit(transaction).await?;
    app.mail.nudge();
    Ok(())
}

/// Creates a workspace with its owner, in the caller's transaction. Commit by the outbox.
pub(crate) async fn create_workspace(
    clock: &Clock,
    connection: &mut PgConnection,
    workspace: &NewWorkspace,
    actor: &Actor,
) -> sqlx::Result<()> {
    store::insert_workspace(connection, workspace).await?;
    let created = WorkspaceCreated {
        workspace_id: workspace.id,
        owner_id: workspace.owner,
        created_at: workspace.at,
    };
    outbox::append(SCHEMA, clock, connection, workspace.id, &created).await?;
    let change = Change::new(Action::WorkspaceCreated, Target::Workspace(workspace.id));
    audit::record_at(connection, workspace.id, workspace.at, actor, change).await
}

/// Who the caller is.
async fn me(app: &App, caller: &Caller) -> Result<Me, Error> {
    let found = {
        let mut connection = app.pool.acquire().await?;
        let standing = access::persons_standing(&mut connection, caller).await?;
        let found = store::me(&mut connection, caller).await?;
        found.map(|(me, sealed)| (standing, me, sealed))
    };
    let (standing, mut me, sealed) = found.ok_or(access::Error::SessionEnded)?;
    me.permissions = standing.permissions;
    me.second_factor_demanded = standing.second_factor_missing;
    me.email = people::open_email(&app.vault, me.id, &sealed).await?;
    Ok(me)
}

/// Changes what a person may change about themselves, in every workspace.
async fn update(app: &App, caller: &Caller, body: UpdateMe, client: &Client) -> Result<Me, Error> {
    if let Field::Value(name) = &body.name {
        let name = Personal::new(name.expose().trim().to_owned());
        let mut transaction = app.pool.begin().await?;
        let user = access::own_account(&mut transaction, caller).await?;
        store::rename(&mut transaction, user, &name).await?;
        let change = Change::new(Action::AccountUpdated, Target::User(user));
        let actor = Actor::of(caller, client);
        audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
        transaction.commit().await?;
    }
    me(app, caller).await
}

/// Deletes an account: what says who it was goes at once.
async fn delete(app: &App, caller: &Caller, body: DeleteMe, client: &Client) -> Result<(), Error> {
    let user = access::check_own_account(app, caller).await?;
    reauth::require(app, user, body.password, client).await?;
    let letter = people::write_to(app, user, &Letter::AccountDeleted).await?;
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    if !store::owned_alone(&mut transaction, user).await?.is_empty() {
        return Err(Error::LastOwner);
    }
    let actor = Actor::of(caller, client);
    let change = Change::new(Action::AccountDeleted, Target::User(user));
    audit::record_everywhere(app, &mut transaction, &actor, &change).await?;
    let ended = sessions::end_of_user(
        &mut transaction,
        user,
        Spare::None,
        EndReason::AccountDeleted,
        now,
    )
    .await?;
    factors::forget_all(&mut transaction, user).await?;
    store::scrub(&mut transaction, user, now).await?;
    app.mail.commit(transaction, letter).await?;
    app.revoked.publish(&ended).await;
    Ok(())
}

/// Seals the addresses that an earlier version wrote as they are; answers how many. May be repeated.
///
/// # Errors
/// When PostgreSQL or the vault fails.
pub(crate) async fn seal_addresses(vault: &Vault, pool: &sqlx::PgPool) -> anyhow::Result<u64> {
    let mut sealed = 0;
    loop {
        let mut connection = pool.acquire().await?;
        let people = store::unsealed(&mut connection).await?;
        drop(connection);
        if people.is_empty() {
            return Ok(sealed);
        }
        for (user, email) in people {
            let kept = people::seal_email(vault, user, &email).await?;
            let mut connection = pool.acquire().await?;
            store::seal(&mut connection, user, &kept).await?;
            sealed += 1;
        }
    }
}
