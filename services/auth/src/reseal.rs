//! `auth vault rewrap | rotate`: other keys for what is sealed.
//!
//! A rotation makes new data keys, seals every value again in portions while the fleet runs on, and
//! forgets the old keys. What a replica sealed under an old key meanwhile keeps that key until the next
//! run.

use clock::Clock;
use secrecy::ExposeSecret;
use sqlx::{AssertSqlSafe, PgPool, Row};
use uuid::Uuid;
use vault::{Context, Scope, Sealed, Vault};

use crate::config::{KeptConfig, VaultCommand};

/// Rows that are read at once.
const PORTION: i64 = 200;
const FLEET: &str = "'00000000-0000-0000-0000-000000000000'::uuid";

/// A column of sealed values.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub name: &'static str,
    /// What the values are bound to, besides their row.
    field: &'static str,
    /// The id that a value is bound to, as SQL.
    row: &'static str,
    /// Whose key it is, as SQL.
    scope: &'static str,
}

/// Every column of sealed values; a test holds it against the schema.
pub const COLUMNS: [Column; 9] = [
    of_fleet("users", "email_sealed", "auth.users.email", "id"),
    of_fleet(
        "tickets",
        "sealed",
        "auth.tickets.sealed",
        "encode(substr(hash, 1, 16), 'hex')::uuid",
    ),
    of_fleet("letters", "sealed", "auth.letters.sealed", "id"),
    of_fleet("totp", "secret", "auth.totp.secret", "user_id"),
    of_fleet("signing_keys", "sealed", "auth.signing_keys.sealed", "id"),
    of_workspace("invites", "email_sealed", "auth.invites.email", "id"),
    of_workspace(
        "issuers",
        "client_secret",
        "auth.issuers.client_secret",
        "id",
    ),
    of_workspace(
        "visitors",
        "identity_sealed",
        "auth.visitors.identity",
        "id",
    ),
    Column {
        table: "workspaces",
        name: "identity_secret",
        field: "auth.workspaces.identity_secret",
        row: "id",
        scope: "id",
    },
];

const fn of_fleet(
    table: &'static str,
    name: &'static str,
    field: &'static str,
    row: &'static str,
) -> Column {
    Column {
        table,
        name,
        field,
        row,
        scope: FLEET,
    }
}

const fn of_workspace(
    table: &'static str,
    name: &'static str,
    field: &'static str,
    row: &'static str,
) -> Column {
    Column {
        table,
        name,
        field,
        row,
        scope: "workspace_id",
    }
}

/// What a rotation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Values that were sealed again.
    pub values: u64,
    /// Old data keys that were forgotten.
    pub keys: u64,
}

/// Runs a command, and says what it did.
///
/// # Errors
/// When PostgreSQL or the vault fails; what was done is done, and the next run goes on.
#[expect(clippy::print_stdout, reason = "the subcommand's output")]
pub async fn run(command: &VaultCommand) -> anyhow::Result<()> {
    let clock = Clock::system();
    let open = |kept: &KeptConfig| kept.open("auth vault", &clock);
    match command {
        VaultCommand::Rewrap(kept) => {
            let (_, vault) = open(kept)?;
            let keys = vault.rewrap().await?;
            println!("{keys} data keys were wrapped again under the first master key");
        }
        VaultCommand::Rotate(kept) => {
            let (pool, vault) = open(kept)?;
            let Rotated { values, keys } = rotate(&pool, &vault, &clock).await?;
            println!("{values} values were sealed again, {keys} old data keys forgotten");
        }
    }
    Ok(())
}

/// Makes new data keys and seals everything again.
///
/// # Errors
/// When PostgreSQL or the vault fails.
pub async fn rotate(pool: &PgPool, vault: &Vault, clock: &Clock) -> anyhow::Result<Rotated> {
    let since = clock.now();
    let scopes = vault.scopes().await?;
    for scope in &scopes {
        vault.rotate(*scope).await?;
    }
    let mut rotated = Rotated::default();
    for column in COLUMNS {
        rotated.values += reseal(pool, vault, column).await?;
    }
    for scope in scopes {
        rotated.keys += vault.retire(scope, since).await?;
    }
    Ok(rotated)
}

/// Seals again what is not sealed under the present keys; answers how many values that were.
async fn reseal(pool: &PgPool, vault: &Vault, column: Column) -> anyhow::Result<u64> {
    let Column {
        table,
        name,
        field,
        row,
        scope,
    } = column;
    let select = format!(
        "SELECT {row} AS row_id, {scope} AS scope, {name} AS sealed FROM auth.{table}
         WHERE {name} IS NOT NULL AND {row} > $1 ORDER BY {row} LIMIT {PORTION}"
    );
    // A value that somebody wrote meanwhile stays: it is newer.
    let update = format!("UPDATE auth.{table} SET {name} = $2 WHERE {row} = $1 AND {name} = $3");
    let (mut after, mut count) = (Uuid::nil(), 0);
    loop {
        let rows = sqlx::query(AssertSqlSafe(select.clone()))
            .bind(after)
            .fetch_all(pool)
            .await?;
        let Some(last) = rows.last() else {
            return Ok(count);
        };
        after = last.try_get("row_id")?;
        for found in rows {
            let id: Uuid = found.try_get("row_id")?;
            let scope: Scope = found.try_get("scope")?;
            let old: Sealed = found.try_get("sealed")?;
            if vault.is_current(scope, &old).await? {
                continue;
            }
            let context = Context { field, row: id };
            let plain = vault.open(scope, &context, &old).await?;
            let new = vault.seal(scope, &context, plain.expose_secret()).await?;
            let done = sqlx::query(AssertSqlSafe(update.clone()))
                .bind(id)
                .bind(new)
                .bind(old)
                .execute(pool)
                .await?;
            count += done.rows_affected();
        }
    }
}
