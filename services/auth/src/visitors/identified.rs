//! Visitors who prove who they are.

use auth_api::{VisitorIdentity, VisitorTokens};
use chrono::{DateTime, Utc};
use common::tokens::RevokedSession;
use ids::{VisitorId, WorkspaceId};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;
use vault::{BlindIndex, Context, Scope, Sealed};

use super::{
    Error, hold,
    identity::{self, Rejected},
    identity_secret,
    model::{Holder, Plan},
    open, store,
};
use crate::{
    app::App,
    keys::PublishableKey,
    secrets::{self, Hash},
    sessions::EndReason,
};

const EXTERNAL_ID: Context = Context::field("auth.visitors.external_index");
const IDENTITY: &str = "auth.visitors.identity";
/// Others may be faster: first at making the anonymous visitor somebody, then at making somebody new.
/// The third try finds what they left.
const TRIES: usize = 3;

/// Who came, and what was found of them before the transaction.
struct Arrival<'a> {
    index: &'a BlindIndex,
    /// The secret that came along, if it is somebody's.
    secret: Option<(&'a SecretString, Holder)>,
    plan: Plan,
    /// The identity, for the row of the plan's visitor.
    sealed: Sealed,
}

/// Lets in the person whom the token names. A secret that is unknown does not count: the token is proof
/// enough.
pub(super) async fn let_in(
    app: &App,
    key: &PublishableKey,
    token: &SecretString,
    secret: Option<SecretString>,
    origin: Option<String>,
) -> Result<VisitorTokens, Error> {
    let now = app.clock.now();
    let scope = Scope::workspace(key.workspace);
    let sealed = key.identity_secret.as_ref().ok_or(Rejected::NoSecret)?;
    let identity_secret = identity_secret::open(app, key.workspace, sealed).await?;
    let identity = identity::verify(&identity_secret, token, now)?;
    let external_id = identity.external_id.expose();
    let index = app.vault.index(scope, &EXTERNAL_ID, external_id).await?;
    for _ in 0..TRIES {
        let arrival = look(app, key.workspace, (&identity, &index), secret.as_ref()).await?;
        let mut transaction = app.pool.begin().await?;
        hold(&mut transaction, key).await?;
        let Some((secret, ended)) = admit(&mut transaction, key, &arrival, now).await? else {
            continue;
        };
        let visitor = (arrival.plan.visitor(), &secret, origin);
        let tokens = open(app, &mut transaction, key, visitor, now).await?;
        transaction.commit().await?;
        app.revoked.publish(&ended).await;
        return Ok(tokens);
    }
    Err(Error::Contended)
}

/// What the company's server said last of a visitor; none when they never proved who they are.
pub(super) async fn identity_of(
    app: &App,
    workspace: WorkspaceId,
    visitor: VisitorId,
) -> Result<Option<VisitorIdentity>, Error> {
    let sealed = {
        let mut connection = app.pool.acquire().await?;
        store::identity(&mut connection, workspace, visitor).await?
    };
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let text = app
        .vault
        .open_text(Scope::workspace(workspace), &context(visitor), &sealed)
        .await?;
    Ok(Some(serde_json::from_str(text.expose_secret())?))
}

/// Finds out which visitor it is to be, and seals the identity for them: the vault stays outside of
/// transactions.
async fn look<'a>(
    app: &App,
    workspace: WorkspaceId,
    (identity, index): (&VisitorIdentity, &'a BlindIndex),
    secret: Option<&'a SecretString>,
) -> Result<Arrival<'a>, Error> {
    let (known, secret) = {
        let mut connection = app.pool.acquire().await?;
        let known = store::find_identified(&mut connection, workspace, index).await?;
        let holder = match secret {
            Some(secret) => store::holder(&mut connection, workspace, &Hash::of(secret)).await?,
            None => None,
        };
        (known, secret.zip(holder))
    };
    let plan = Plan::of(known, secret.map(|(_, holder)| holder));
    let text = SecretString::from(serde_json::to_string(identity)?);
    let sealed = app
        .vault
        .seal(
            Scope::workspace(workspace),
            &context(plan.visitor()),
            text.expose_secret().as_bytes(),
        )
        .await?;
    Ok(Arrival {
        index,
        secret,
        plan,
        sealed,
    })
}

/// Carries the plan out; answers the visitor's secret, and the sessions that ended over it. None when
/// somebody else was faster: then the transaction is to be left, and begun anew.
async fn admit(
    connection: &mut PgConnection,
    key: &PublishableKey,
    arrival: &Arrival<'_>,
    now: DateTime<Utc>,
) -> Result<Option<(SecretString, Vec<RevokedSession>)>, Error> {
    let workspace = key.workspace;
    let visitor = arrival.plan.visitor();
    let row = (arrival.index, &arrival.sealed);
    let mut ended = Vec::new();
    let there = match &arrival.plan {
        Plan::Known(_) => {
            store::see_identified(connection, workspace, visitor, &arrival.sealed, now).await?
        }
        Plan::Identify(_) => {
            // Others may know what was anonymous, perhaps somebody put it into this browser: so its
            // secrets and its sessions end (OWASP ASVS v5.0.0-7.2.4).
            store::delete_secrets(connection, workspace, visitor).await?;
            let end = (EndReason::VisitorIdentified, now);
            ended = store::end_sessions(connection, workspace, visitor, end).await?;
            store::identify(connection, workspace, visitor, row, now).await?
        }
        Plan::Create(_) => {
            store::insert_identified(connection, workspace, (visitor, key.id), row, now).await?
        }
    };
    if !there {
        return Ok(None);
    }
    let secret = match (&arrival.plan, arrival.secret) {
        (Plan::Known(_), Some((secret, holder))) if holder.visitor == visitor => secret.clone(),
        _ => {
            let secret = secrets::fresh(secrets::VISITOR);
            let hash = Hash::of(&secret);
            store::insert_secret(connection, workspace, visitor, &hash, now).await?;
            store::trim_secrets(connection, workspace, visitor, &hash).await?;
            secret
        }
    };
    Ok(Some((secret, ended)))
}

fn context(visitor: VisitorId) -> Context {
    Context {
        field: IDENTITY,
        row: visitor.as_uuid(),
    }
}
