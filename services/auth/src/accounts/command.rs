//! `auth accounts create`: the first account of a fleet, without a letter.

use anyhow::{Context, bail};
use clock::Clock;
use common::telemetry::Personal;
use ids::{UserId, WorkspaceId};
use rest::Check;

use super::{NewPerson, NewWorkspace, create_workspace, store};
use crate::{
    audit::Actor,
    config::CreateAccount,
    passwords::{NotTaken, OwnWords, Passwords},
    people,
};

/// Makes the account, and says so.
///
/// # Errors
/// When a value is not valid, or PostgreSQL or the vault fails.
#[expect(clippy::print_stdout, reason = "the subcommand's output")]
pub(crate) async fn create(account: &CreateAccount) -> anyhow::Result<()> {
    let wanted = auth_api::Register {
        email: account.email.clone().into(),
        password: account.password.clone(),
        name: account.name.clone().into(),
        workspace_name: account.workspace_name.clone(),
    };
    Check::run(&wanted).map_err(|problem| {
        let faults = problem.document().errors.into_iter();
        let faults = faults.map(|fault| {
            let option = fault.pointer.unwrap_or_default().replace('/', "--");
            format!("{} {}", option.replace('_', "-"), fault.detail)
        });
        anyhow::anyhow!(faults.collect::<Vec<_>>().join("; "))
    })?;
    let clock = Clock::system();
    let (pool, vault) = account.kept.open("auth accounts", &clock)?;
    let (user, now) = (UserId::new(), clock.now());
    let own = OwnWords::of(&[
        wanted.email.expose().as_str(),
        wanted.name.expose(),
        &wanted.workspace_name,
    ]);
    let hash = match Passwords::new()?.hash_new(wanted.password, own).await {
        Ok(hash) => hash,
        Err(NotTaken::Weak(weakness)) => bail!("--password {weakness}"),
        Err(NotTaken::Busy(error)) => return Err(error).context("the password cannot be hashed"),
    };
    let person = NewPerson {
        user,
        email: people::seal_email(&vault, user, &wanted.email).await?,
        name: Personal::new(wanted.name.expose().trim().to_owned()),
        password_hash: Some(hash),
        verified_at: Some(now),
        at: now,
    };
    let workspace = NewWorkspace {
        id: WorkspaceId::new(),
        owner: user,
        name: wanted.workspace_name.trim().to_owned(),
        at: now,
    };
    let mut transaction = pool.begin().await?;
    if !store::insert_person(&mut transaction, &person).await? {
        println!("there is an account with this address; nothing was changed");
        return Ok(());
    }
    let actor = Actor::system();
    create_workspace(&clock, &mut transaction, &workspace, &actor).await?;
    transaction.commit().await?;
    println!(
        "created the workspace {} and its owner {user}",
        workspace.id
    );
    Ok(())
}
