//! Who it is that a provider vouches for.

use common::telemetry::Personal;
use ids::UserId;
use serde_json::json;
use sqlx::PgConnection;
use vault::{BlindIndex, Context, Scope};

use super::{
    identities,
    model::{self, Kept},
    provider::Vouched,
    refusal::{Error, Refusal},
};
use crate::{
    accounts::{self, NewPerson},
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    emails,
    invites::{self, Joining},
    mail::{Letter, SealedLetter},
    members,
    people::{self, KeptEmail},
    roles::Grant,
    sessions::{self, Issued, Opening},
    tickets::Ticket,
    workspaces,
};

const SUBJECT: &str = "auth.identities.subject";
/// How a session says that a provider opened it.
const METHOD: &str = "issuer";
/// A name is kept this far.
const NAME: usize = 100;

/// What is needed to make an account, or to find the one that is there.
struct Prepared {
    user: UserId,
    name: Personal<String>,
    address: Personal<String>,
    email: KeptEmail,
    /// The link that proves the address of a new account, and its letter.
    link: (Ticket, SealedLetter),
    /// Tells the owner of an account that is there.
    notice: SealedLetter,
}

/// Opens a session, in the provider's own workspace, for the person whom it vouches for. The first time
/// the address says who it is, and the account is found or made.
pub(super) async fn sign_in(
    app: &App,
    kept: &Kept,
    vouched: Vouched,
    client: &Client,
) -> Result<Issued, Error> {
    let scope = Scope::workspace(kept.workspace);
    // Names of two providers are never the same.
    let text = format!("{} {}", kept.details.id, vouched.subject.expose());
    let subject = app
        .vault
        .index(scope, &Context::field(SUBJECT), &text)
        .await?;
    let whose = (kept.workspace, kept.details.id);
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    if let Some(user) = identities::find(&mut transaction, whose, &subject, now).await? {
        let issued = open(app, &mut transaction, (kept, user), client).await?;
        transaction.commit().await?;
        return Ok(issued);
    }
    drop(transaction);

    let prepared = prepare(app, kept, vouched).await?;
    let mut transaction = app.pool.begin().await?;
    if !workspaces::hold(&mut transaction, kept.workspace).await? {
        return Err(Refusal::Unknown.into());
    }
    let found = find_or_make(app, &mut transaction, (kept, &prepared), client).await;
    let user = match found {
        Err(Error::Refused(Refusal::Unconfirmed)) => {
            transaction.rollback().await?;
            ask(app, kept, &prepared.address, client).await?;
            return Err(Refusal::Unconfirmed.into());
        }
        found => found?,
    };
    link(app, &mut transaction, (kept, &subject, user), client).await?;
    let issued = open(app, &mut transaction, (kept, user), client).await?;
    transaction.commit().await?;
    app.mail.nudge();
    Ok(issued)
}

async fn prepare(app: &App, kept: &Kept, vouched: Vouched) -> Result<Prepared, Error> {
    let email = vouched
        .email
        .filter(|_| vouched.email_verified)
        .ok_or(Refusal::EmailNotVouched)?;
    let domain = model::domain(&email).ok_or(Refusal::EmailNotVouched)?;
    if !kept.details.email_domains.contains(&domain) {
        return Err(Refusal::DomainNotVouched.into());
    }
    let (user, name) = (UserId::new(), shown_name(vouched.name, &email));
    let ticket = emails::link(app, user, &email).await?;
    let token = ticket.secret.clone();
    let letter = Letter::VerifyEmail { token };
    let letter = app.mail.seal(&email, Some(&name), &letter).await?;
    let issuer = kept.details.name.clone();
    let notice = Letter::IssuerLinked { issuer };
    Ok(Prepared {
        user,
        email: people::seal_email(&app.vault, user, &email).await?,
        notice: app.mail.seal(&email, None, &notice).await?,
        address: email,
        name,
        link: (ticket, letter),
    })
}

/// The member with the address. Who is none joins, if the provider lets people in; with an account that is
/// there only its owner can.
async fn find_or_make(
    app: &App,
    connection: &mut PgConnection,
    (kept, prepared): (&Kept, &Prepared),
    client: &Client,
) -> Result<UserId, Error> {
    let now = app.clock.now();
    let account = identities::account(connection, &prepared.email.index).await?;
    let user = match account {
        // It may have been registered by somebody who does not own the address, and waits for its owner.
        Some(account) if !account.verified && account.has_secret => {
            return Err(Refusal::AccountNotVerified.into());
        }
        Some(account) => account.user,
        None => prepared.user,
    };
    let member = members::find(connection, kept.workspace, user).await?;
    let joins = match (member, kept.details.auto_join_role) {
        (Some(_), _) => None,
        (None, Some(_)) if account.is_some() => return Err(Refusal::Unconfirmed.into()),
        (None, Some(role)) => Some(Grant::find(connection, kept.workspace, (role, None)).await?),
        (None, None) => return Err(Refusal::NotAMember.into()),
    };
    if account.is_none() {
        make(app, connection, prepared).await?;
    } else {
        prepared.notice.queue(connection, now).await?;
    }
    if let Some(grant) = joins {
        members::insert(connection, kept.workspace, user, &grant, now).await?;
        let change =
            Change::new(Action::MemberJoined, Target::User(user)).after(joined(kept, &grant));
        let actor = Actor::person(user, client);
        audit::record(app, connection, kept.workspace, &actor, change).await?;
    }
    Ok(user)
}

/// Asks the owner of an account whether they want to join with it.
async fn ask(
    app: &App,
    kept: &Kept,
    email: &Personal<String>,
    client: &Client,
) -> Result<(), Error> {
    let Some(role) = kept.details.auto_join_role else {
        return Ok(());
    };
    let joining = Joining {
        workspace: kept.workspace,
        issuer: (kept.details.id, &kept.details.name),
        email,
        role,
    };
    Ok(invites::ask(app, joining, client).await?)
}

fn joined(kept: &Kept, grant: &Grant) -> serde_json::Value {
    let mut told = grant.told();
    told["issuer_id"] = json!(kept.details.id);
    told
}

/// Makes an account. Its address is proven by the letter, not by the provider: other workspaces do not
/// know this one.
async fn make(app: &App, connection: &mut PgConnection, prepared: &Prepared) -> Result<(), Error> {
    let now = app.clock.now();
    let person = NewPerson {
        user: prepared.user,
        email: prepared.email.clone(),
        name: prepared.name.clone(),
        password_hash: None,
        verified_at: None,
        at: now,
    };
    if !accounts::insert_person(connection, &person).await? {
        // Somebody registered with the address at this moment.
        return Err(Refusal::AccountNotVerified.into());
    }
    let (ticket, letter) = &prepared.link;
    ticket.insert(connection).await?;
    letter.queue(connection, now).await?;
    Ok(())
}

/// Notes that the provider's subject is this person.
async fn link(
    app: &App,
    connection: &mut PgConnection,
    (kept, subject, user): (&Kept, &BlindIndex, UserId),
    client: &Client,
) -> Result<(), Error> {
    let whose = (kept.workspace, kept.details.id);
    let now = app.clock.now();
    if !identities::insert(connection, whose, (subject, user), now).await? {
        // Two tabs at once are the same person; else the address went to somebody else.
        let known = identities::find(connection, whose, subject, now).await?;
        if known != Some(user) {
            return Err(Refusal::OtherIdentity.into());
        }
        return Ok(());
    }
    let change = Change::new(Action::IssuerLinked, Target::User(user))
        .after(json!({ "issuer_id": kept.details.id }));
    let actor = Actor::person(user, client);
    audit::record(app, connection, kept.workspace, &actor, change).await?;
    Ok(())
}

async fn open(
    app: &App,
    connection: &mut PgConnection,
    (kept, user): (&Kept, UserId),
    client: &Client,
) -> Result<Issued, Error> {
    let membership = members::hold(connection, kept.workspace, user)
        .await?
        .ok_or(Refusal::NotAMember)?;
    if !kept.may_sign_in(&membership) {
        return Err(Refusal::Beyond.into());
    }
    let opening = Opening {
        user,
        workspace: kept.workspace,
        membership,
        methods: &[METHOD],
        began_at: None,
        client,
    };
    Ok(sessions::open(app, connection, opening).await?)
}

/// What to call somebody: what the provider calls them, or what stands before the `@`.
fn shown_name(name: Option<Personal<String>>, email: &Personal<String>) -> Personal<String> {
    let clean = |text: &str| -> String {
        let text: String = text
            .chars()
            .filter(|c| !c.is_control())
            .take(NAME)
            .collect();
        text.trim().to_owned()
    };
    let given = name.map(|name| clean(name.expose()));
    let name = given.filter(|name| !name.is_empty()).unwrap_or_else(|| {
        let local = email.expose().rsplit_once('@');
        clean(local.map_or("", |(local, _)| local))
    });
    Personal::new(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_called_as_the_provider_calls_them() {
        let name = |name: Option<&str>| {
            let name = name.map(|name| Personal::new(name.to_owned()));
            let email = Personal::new("ada.l@example.com".to_owned());
            shown_name(name, &email).into_inner()
        };
        assert_eq!(name(Some(" Ada\nLovelace ")), "AdaLovelace");
        assert_eq!(name(Some(" ")), "ada.l");
        assert_eq!(name(None), "ada.l");
        assert_eq!(name(Some(&"x".repeat(500))).len(), 100);
    }
}
