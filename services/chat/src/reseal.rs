//! `chat vault rewrap | rotate`: other keys for what is sealed.
//!
//! A rotation makes new data keys, seals every row and every entry of the log again in portions while the
//! fleet runs on, and forgets the old keys. What a replica sealed under an old key meanwhile keeps that
//! key until the next run.

use clock::Clock;
use ids::WorkspaceId;
use mongodb::Database;
use secrecy::ExposeSecret;
use sqlx::{AssertSqlSafe, PgPool, Row};
use uuid::Uuid;
use vault::{Context, Scope, Sealed, Vault};

use crate::{
    config::{KeptConfig, VaultCommand},
    log,
};

/// Rows that are read at once.
const PORTION: i64 = 200;

/// A column of sealed values. Each belongs to a workspace, which `workspace_id` names.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub name: &'static str,
    /// What the values are bound to, besides their row.
    field: &'static str,
    /// The column with the id that a value is bound to.
    row: &'static str,
}

/// Every column of sealed values; a test holds it against the schema.
pub const COLUMNS: [Column; 5] = [
    column("attachments", "key_sealed", "chat.attachments.key", "id"),
    column("attachments", "name_sealed", "chat.attachments.name", "id"),
    column("drafts", "text_sealed", "chat.drafts.text", "id"),
    column(
        "scheduled_messages",
        "text_sealed",
        "chat.scheduled_messages.text",
        "id",
    ),
    column(
        "introductions",
        "sealed",
        "chat.introductions.sealed",
        "visitor_id",
    ),
];

const fn column(
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
/// When a store or the vault fails; what was done is done, and the next run goes on.
#[expect(clippy::print_stdout, reason = "the subcommand's output")]
pub async fn run(command: &VaultCommand) -> anyhow::Result<()> {
    let clock = Clock::system();
    let open = |kept: &KeptConfig| kept.open("chat vault", &clock);
    match command {
        VaultCommand::Rewrap(kept) => {
            let (_, vault) = open(kept)?;
            let keys = vault.rewrap().await?;
            println!("{keys} data keys were wrapped again under the first master key");
        }
        VaultCommand::Rotate(config) => {
            let (pool, vault) = open(&config.kept)?;
            let database = stores::mongo::connect(&config.mongo, "chat vault").await?;
            let Rotated { values, keys } = rotate(&pool, &database, &vault, &clock).await?;
            println!("{values} values were sealed again, {keys} old data keys forgotten");
        }
    }
    Ok(())
}

/// Makes new data keys and seals everything again.
///
/// # Errors
/// When a store or the vault fails.
pub async fn rotate(
    pool: &PgPool,
    database: &Database,
    vault: &Vault,
    clock: &Clock,
) -> anyhow::Result<Rotated> {
    let since = clock.now();
    let scopes = vault.scopes().await?;
    for scope in &scopes {
        vault.rotate(*scope).await?;
    }
    let mut rotated = Rotated::default();
    for scope in scopes {
        // The fleet's own scope seals nothing here.
        if let Some(workspace) = scope.as_workspace() {
            for column in COLUMNS {
                rotated.values += reseal(pool, vault, workspace, column).await?;
            }
            rotated.values += log::reseal(database, vault, workspace).await?;
        }
        rotated.keys += vault.retire(scope, since).await?;
    }
    Ok(rotated)
}

/// Seals again what is not sealed under the present key of the workspace; answers how many values that
/// were.
async fn reseal(
    pool: &PgPool,
    vault: &Vault,
    workspace: WorkspaceId,
    column: Column,
) -> anyhow::Result<u64> {
    let Column {
        table,
        name,
        field,
        row,
    } = column;
    let scope = Scope::workspace(workspace);
    let select = format!(
        "SELECT {row} AS row_id, {name} AS sealed FROM chat.{table}
         WHERE workspace_id = $1 AND {row} > $2 AND {name} IS NOT NULL ORDER BY {row} LIMIT {PORTION}"
    );
    // A value that somebody wrote meanwhile stays: it is newer.
    let update = format!(
        "UPDATE chat.{table} SET {name} = $3 WHERE workspace_id = $1 AND {row} = $2 AND {name} = $4"
    );
    let (mut after, mut count) = (Uuid::nil(), 0);
    loop {
        let rows = sqlx::query(AssertSqlSafe(select.clone()))
            .bind(workspace)
            .bind(after)
            .fetch_all(pool)
            .await?;
        let Some(last) = rows.last() else {
            return Ok(count);
        };
        after = last.try_get("row_id")?;
        for found in rows {
            let id: Uuid = found.try_get("row_id")?;
            let old: Sealed = found.try_get("sealed")?;
            if vault.is_current(scope, &old).await? {
                continue;
            }
            let context = Context { field, row: id };
            let plain = vault.open(scope, &context, &old).await?;
            let new = vault.seal(scope, &context, plain.expose_secret()).await?;
            let done = sqlx::query(AssertSqlSafe(update.clone()))
                .bind(workspace)
                .bind(id)
                .bind(new)
                .bind(old)
                .execute(pool)
                .await?;
            count += done.rows_affected();
        }
    }
}
