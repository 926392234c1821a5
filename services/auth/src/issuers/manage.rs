//! Adding, changing and removing providers.

use auth_api::{CreateIssuer, Issuer, PatchIssuer};
use chrono::{DateTime, Utc};
use common::tokens::{Caller, Permission, Role};
use ids::{IssuerId, WorkspaceId};
use rest::{Field, IfMatch};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sqlx::PgConnection;
use url::Url;
use vault::{Context, Scope, Sealed};

use super::{error::Error, model, model::Kept, store};
use crate::{
    access::{self, Standing},
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    people,
    roles::Grant,
};

const FIELD: &str = "auth.issuers.client_secret";
/// How many providers a workspace may have.
const MOST: i64 = 20;

/// Adds a provider that answers.
pub(super) async fn create(
    app: &App,
    caller: &Caller,
    body: CreateIssuer,
    client: &Client,
) -> Result<Kept, Error> {
    let standing = {
        let mut connection = app.pool.acquire().await?;
        let standing = allowed(&mut connection, caller).await?;
        may_give(&mut connection, caller, (&standing, body.auto_join_role)).await?;
        standing
    };
    let own = own_domain(app, caller).await?;
    if let Some(index) = model::foreign(&body.email_domains, &[], own.as_deref()) {
        return Err(Error::ForeignDomain(index));
    }
    app.providers.discover(&body.issuer).await?;
    let (id, now) = (IssuerId::new(), app.clock.now());
    let kept = Kept {
        workspace: caller.workspace_id,
        client_secret: seal(app, caller.workspace_id, id, &body.client_secret).await?,
        details: Issuer {
            id,
            name: body.name.trim().to_owned(),
            issuer: body.issuer,
            client_id: body.client_id,
            email_domains: model::domains(&body.email_domains),
            auto_join_role: body.auto_join_role,
            signs_in_owners: false,
            redirect_uri: String::new(),
            created_at: now,
            updated_at: now,
        },
        permissions: Vec::new(),
        version: 1,
    }
    .trusted_by(&standing);
    let mut transaction = app.pool.begin().await?;
    if store::count_locked(&mut transaction, kept.workspace).await? >= MOST {
        return Err(Error::TooMany);
    }
    store::insert(&mut transaction, &kept).await?;
    let change = Change::new(Action::IssuerCreated, Target::Issuer(id)).after(told(&kept));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, kept.workspace, &actor, change).await?;
    transaction.commit().await?;
    Ok(kept)
}

/// Changes a provider.
pub(super) async fn update(
    app: &App,
    caller: &Caller,
    (id, body, if_match): (IssuerId, PatchIssuer, IfMatch),
    client: &Client,
) -> Result<Kept, Error> {
    let workspace = caller.workspace_id;
    let standing = {
        let mut connection = app.pool.acquire().await?;
        let standing = allowed(&mut connection, caller).await?;
        let role = body.auto_join_role.value().copied();
        may_give(&mut connection, caller, (&standing, role)).await?;
        standing
    };
    let own = own_domain(app, caller).await?;
    let secret = match &body.client_secret {
        Field::Value(secret) => Some(seal(app, workspace, id, secret).await?),
        Field::Absent | Field::Null => None,
    };
    let mut transaction = app.pool.begin().await?;
    let before = store::lock(&mut transaction, workspace, id)
        .await?
        .ok_or(Error::NotFound)?;
    if_match.check(before.version).map_err(Error::Stale)?;
    if let Field::Value(wanted) = &body.email_domains
        && let present = &before.details.email_domains
        && let Some(index) = model::foreign(wanted, present, own.as_deref())
    {
        return Err(Error::ForeignDomain(index));
    }
    let after = patched(before.clone(), (body, secret), app.clock.now()).trusted_by(&standing);
    store::update(&mut transaction, &after).await?;
    let change = Change::new(Action::IssuerUpdated, Target::Issuer(id))
        .before(told(&before))
        .after(told(&after));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    transaction.commit().await?;
    Ok(after)
}

fn patched(
    before: Kept,
    (body, secret): (PatchIssuer, Option<Sealed>),
    now: DateTime<Utc>,
) -> Kept {
    let details = before.details;
    let text = |field: Field<String>, present: String| field.apply(None).unwrap_or(present);
    Kept {
        workspace: before.workspace,
        client_secret: secret.unwrap_or(before.client_secret),
        permissions: before.permissions,
        version: before.version + 1,
        details: Issuer {
            name: text(body.name, details.name).trim().to_owned(),
            client_id: text(body.client_id, details.client_id),
            email_domains: match body.email_domains {
                Field::Value(wanted) => model::domains(&wanted),
                Field::Absent | Field::Null => details.email_domains,
            },
            auto_join_role: body.auto_join_role.apply(details.auto_join_role),
            updated_at: now,
            ..details
        },
    }
}

/// Removes a provider. The sessions that it opened end.
pub(super) async fn remove(
    app: &App,
    caller: &Caller,
    id: IssuerId,
    client: &Client,
) -> Result<(), Error> {
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    access::require(&mut transaction, caller, Permission::IssuersWrite).await?;
    let before = store::lock(&mut transaction, workspace, id)
        .await?
        .ok_or(Error::NotFound)?;
    let ended = store::end_sessions(&mut transaction, workspace, id, app.clock.now()).await?;
    store::delete(&mut transaction, workspace, id).await?;
    let change = Change::new(Action::IssuerDeleted, Target::Issuer(id)).before(told(&before));
    let actor = Actor::of(caller, client);
    audit::record(app, &mut transaction, workspace, &actor, change).await?;
    transaction.commit().await?;
    app.revoked.publish(&ended).await;
    Ok(())
}

async fn allowed(connection: &mut PgConnection, caller: &Caller) -> Result<Standing, Error> {
    let standing = access::require(connection, caller, Permission::IssuersWrite).await?;
    Ok(standing.verified()?)
}

/// Lets pass whoever may do what those who join may: nobody gives away more than they have.
async fn may_give(
    connection: &mut PgConnection,
    caller: &Caller,
    (standing, role): (&Standing, Option<Role>),
) -> Result<(), Error> {
    let Some(role) = role else { return Ok(()) };
    let grant = Grant::find(connection, caller.workspace_id, (role, None)).await?;
    Ok(grant.by(standing)?)
}

/// The domain of the caller's verified address. A program has none.
async fn own_domain(app: &App, caller: &Caller) -> Result<Option<String>, Error> {
    if caller.role == Role::Program {
        return Ok(None);
    }
    let person = people::read(app, caller.user_id).await?;
    Ok(person
        .filter(|person| person.email_verified)
        .and_then(|person| model::domain(&person.email)))
}

async fn seal(
    app: &App,
    workspace: WorkspaceId,
    id: IssuerId,
    secret: &SecretString,
) -> Result<Sealed, Error> {
    let plain = secret.expose_secret().as_bytes();
    let scope = Scope::workspace(workspace);
    Ok(app.vault.seal(scope, &context(id), plain).await?)
}

/// Where the secret of a provider stands.
pub(super) fn context(id: IssuerId) -> Context {
    Context {
        field: FIELD,
        row: id.as_uuid(),
    }
}

/// Where a provider sends people back to. Each has its own, so that what one provider answers is never
/// taken for another's (RFC 9700 §4.4.2.2).
pub(super) fn redirect_uri(app: &App, id: IssuerId) -> Url {
    let mut url = app.public_url.clone();
    url.set_path(&format!("/api/v1/auth/oidc/{id}/callback"));
    url
}

/// A provider as its workspace sees it.
pub(super) fn shown(app: &App, kept: Kept) -> Issuer {
    Issuer {
        redirect_uri: redirect_uri(app, kept.details.id).into(),
        ..kept.details
    }
}

/// What the audit log keeps of a provider.
fn told(kept: &Kept) -> Value {
    let details = &kept.details;
    json!({
        "issuer": details.issuer,
        "client_id": details.client_id,
        "email_domains": details.email_domains,
        "auto_join_role": details.auto_join_role,
        "signs_in_owners": details.signs_in_owners,
    })
}
