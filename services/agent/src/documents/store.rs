//! Documents and their chunks in PostgreSQL.
//!
//! Times of the work list are PostgreSQL's own: workers on several machines must agree on them.

use agent_api::{CreateDocument, Document, DocumentStatus};
use chrono::{DateTime, Utc};
use ids::{AgentId, ChunkId, DocumentId, WorkspaceId};
use pgvector::Vector;
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::chunks::Chunk;

/// A row of the table, without the tenant and the text.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: DocumentId,
    agent_id: AgentId,
    title: String,
    url: Option<String>,
    status: String,
    error: Option<String>,
    chunk_count: i32,
    pub(super) version: i64,
    pub(super) created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Document {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            agent_id: row.agent_id,
            title: row.title,
            url: row.url,
            status: match row.status.as_str() {
                "ready" => DocumentStatus::Ready,
                "failed" => DocumentStatus::Failed,
                // The table's check lets nothing else in.
                _ => DocumentStatus::Pending,
            },
            error: row.error,
            chunk_count: row.chunk_count,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A status as the table spells it.
const fn spelled(status: DocumentStatus) -> &'static str {
    match status {
        DocumentStatus::Pending => "pending",
        DocumentStatus::Ready => "ready",
        DocumentStatus::Failed => "failed",
    }
}

/// Inserts a document that waits to be prepared.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (document, body): (&Document, &CreateDocument),
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO agent.documents (workspace_id, id, agent_id, title, url, content, status, due_at, created_at,
                                      updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'pending', clock_timestamp(), $7, $7)",
        workspace.as_uuid(),
        document.id.as_uuid(),
        document.agent_id.as_uuid(),
        document.title,
        document.url,
        body.content,
        document.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One document.
pub(super) async fn find(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (agent, document): (AgentId, DocumentId),
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: DocumentId", agent_id AS "agent_id: AgentId", title, url, status, error,
                  chunk_count, version, created_at, updated_at
           FROM agent.documents WHERE workspace_id = $1 AND agent_id = $2 AND id = $3"#,
        workspace.as_uuid(),
        agent.as_uuid(),
        document.as_uuid(),
    )
    .fetch_optional(connection)
    .await
}

/// Which documents of an agent.
#[derive(Debug)]
pub(super) struct PageOf {
    pub(super) agent: AgentId,
    pub(super) status: Option<DocumentStatus>,
    /// Newest first, or oldest first.
    pub(super) down: bool,
    pub(super) after: Option<(DateTime<Utc>, DocumentId)>,
    pub(super) rows: i64,
}

/// The rows of a page, and one more where there is one.
pub(super) async fn fetch(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    page: PageOf,
) -> sqlx::Result<Vec<Row>> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "SELECT id, agent_id, title, url, status, error, chunk_count, version, created_at, updated_at
         FROM agent.documents WHERE workspace_id = ",
    );
    sql.push_bind(workspace)
        .push(" AND agent_id = ")
        .push_bind(page.agent);
    if let Some(status) = page.status {
        sql.push(" AND status = ").push_bind(spelled(status));
    }
    if let Some((time, id)) = page.after {
        sql.push(format_args!(
            " AND (created_at, id) {} (",
            if page.down { "<" } else { ">" }
        ));
        sql.push_bind(time).push(", ").push_bind(id).push(")");
    }
    let direction = if page.down { "DESC" } else { "ASC" };
    sql.push(format_args!(
        " ORDER BY created_at {direction}, id {direction} LIMIT "
    ))
    .push_bind(page.rows);
    sql.build_query_as().fetch_all(connection).await
}

/// Deletes a document and its chunks; answers whether it was there.
pub(super) async fn delete(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    (agent, document): (AgentId, DocumentId),
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM agent.documents WHERE workspace_id = $1 AND agent_id = $2 AND id = $3",
        workspace.as_uuid(),
        agent.as_uuid(),
        document.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A document that this worker prepares. It is the worker's own as long as `attempt` is the row's.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) workspace: WorkspaceId,
    pub(super) document: DocumentId,
    pub(super) agent: AgentId,
    pub(super) attempt: i32,
    /// Attempts that failed for a reason that does not pass.
    pub(super) failures: i32,
    pub(super) title: String,
    pub(super) content: String,
    pub(super) language: String,
}

/// Takes the document that waits longest; nobody else gets it for a minute, or as long as
/// [`keep`] is called.
pub(super) async fn claim(connection: &mut PgConnection) -> sqlx::Result<Option<Claim>> {
    sqlx::query_as!(
        Claim,
        r#"WITH next AS (
               SELECT id FROM agent.documents
               WHERE status = 'pending' AND due_at <= clock_timestamp()
               ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
           )
           UPDATE agent.documents d
           SET due_at = clock_timestamp() + interval '1 minute', attempts = d.attempts + 1
           FROM next, agent.agent_configs a
           WHERE d.id = next.id AND a.workspace_id = d.workspace_id AND a.id = d.agent_id
           RETURNING d.workspace_id AS "workspace: WorkspaceId", d.id AS "document: DocumentId",
                     d.agent_id AS "agent: AgentId", d.attempts AS attempt, d.failures, d.title, d.content,
                     a.language"#
    )
    .fetch_optional(connection)
    .await
}

/// Keeps a claim for another minute; answers whether it is still the worker's.
pub(super) async fn keep(connection: &mut PgConnection, claim: &Claim) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE agent.documents SET due_at = clock_timestamp() + interval '1 minute'
         WHERE workspace_id = $1 AND id = $2 AND attempts = $3 AND status = 'pending'",
        claim.workspace.as_uuid(),
        claim.document.as_uuid(),
        claim.attempt,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How a document's attempt ended without chunks.
#[derive(Debug)]
pub(super) enum Setback<'a> {
    /// It waits so many milliseconds for the next attempt; `lasting` when the reason may not pass.
    Postponed { wait_ms: i64, lasting: bool },
    /// It is given up, for this reason.
    Failed(&'a str),
}

/// Notes a setback, if the claim is still the worker's.
pub(super) async fn set_back(
    connection: &mut PgConnection,
    claim: &Claim,
    (setback, now): (Setback<'_>, DateTime<Utc>),
) -> sqlx::Result<()> {
    let (workspace, document) = (claim.workspace.as_uuid(), claim.document.as_uuid());
    match setback {
        Setback::Postponed { wait_ms, lasting } => {
            sqlx::query!(
                "UPDATE agent.documents
                 SET due_at = clock_timestamp() + $4::bigint * interval '1 millisecond',
                     failures = failures + $5::int
                 WHERE workspace_id = $1 AND id = $2 AND attempts = $3 AND status = 'pending'",
                workspace,
                document,
                claim.attempt,
                wait_ms,
                i32::from(lasting),
            )
            .execute(connection)
            .await?;
        }
        Setback::Failed(why) => {
            sqlx::query!(
                "UPDATE agent.documents SET status = 'failed', error = $4, updated_at = $5, version = version + 1
                 WHERE workspace_id = $1 AND id = $2 AND attempts = $3 AND status = 'pending'",
                workspace,
                document,
                claim.attempt,
                why,
                now,
            )
            .execute(connection)
            .await?;
        }
    }
    Ok(())
}

/// The chunks of a document and their vectors.
pub(super) struct Prepared<'a> {
    pub(super) chunks: &'a [Chunk],
    pub(super) vectors: Vec<Vec<f32>>,
    pub(super) model: &'a str,
    /// PostgreSQL's text search configuration.
    pub(super) search_config: &'static str,
}

/// Rows of one statement: each has nine parameters, and PostgreSQL takes 65,535.
const ROWS: usize = 500;

/// Puts the chunks in place of those that were there; answers whether the claim was still the worker's.
/// To be called in a transaction.
pub(super) async fn replace_chunks(
    connection: &mut PgConnection,
    claim: &Claim,
    (prepared, now): (Prepared<'_>, DateTime<Utc>),
) -> sqlx::Result<bool> {
    let (workspace, document) = (claim.workspace.as_uuid(), claim.document.as_uuid());
    let count = i32::try_from(prepared.chunks.len()).unwrap_or(i32::MAX);
    let dimension = prepared
        .vectors
        .first()
        .map(|vector| i32::try_from(vector.len()).unwrap_or(i32::MAX));
    let done = sqlx::query!(
        "UPDATE agent.documents
         SET status = 'ready', error = NULL, failures = 0, chunk_count = $4, embedding_model = $5, dimension = $6,
             updated_at = $7, version = version + 1
         WHERE workspace_id = $1 AND id = $2 AND attempts = $3 AND status = 'pending'",
        workspace,
        document,
        claim.attempt,
        count,
        prepared.model,
        dimension,
        now,
    )
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "DELETE FROM agent.chunks WHERE workspace_id = $1 AND document_id = $2",
        workspace,
        document
    )
    .execute(&mut *connection)
    .await?;
    let mut rows = prepared
        .chunks
        .iter()
        .zip(prepared.vectors)
        .zip(0_i32..)
        .peekable();
    while rows.peek().is_some() {
        let mut sql = QueryBuilder::<Postgres>::new(
            "INSERT INTO agent.chunks (id, workspace_id, agent_id, document_id, ordinal, headings, content, embedding,
                                       embedding_model, search_config, search_text) ",
        );
        sql.push_values(
            rows.by_ref().take(ROWS),
            |mut row, ((chunk, vector), ordinal)| {
                row.push_bind(ChunkId::new())
                    .push_bind(workspace)
                    .push_bind(claim.agent)
                    .push_bind(document)
                    .push_bind(ordinal)
                    .push_bind(chunk.headings.clone())
                    .push_bind(chunk.text.clone())
                    .push_bind(Vector::from(vector))
                    .push_bind(prepared.model)
                    .push_bind(prepared.search_config)
                    .push_unseparated("::text::regconfig")
                    .push_bind(chunk.in_context(&claim.title));
            },
        );
        sql.build().execute(&mut *connection).await?;
    }
    Ok(true)
}

/// Puts documents back on the work list that another model embedded, or that failed. A setting can only
/// change with a restart, so this runs at each start.
pub(super) async fn requeue_stale(connection: &mut PgConnection, model: &str) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "UPDATE agent.documents
         SET status = 'pending', error = NULL, failures = 0, due_at = clock_timestamp(), version = version + 1
         WHERE status = 'failed' OR (status = 'ready' AND embedding_model IS DISTINCT FROM $1)",
        model,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Puts an agent's documents back on the work list, because its language changed. Their chunks can be
/// found meanwhile. Whoever works on one loses it: they read the language before.
pub(crate) async fn requeue_of_agent(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    agent: AgentId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE agent.documents
         SET status = 'pending', due_at = clock_timestamp(), version = version + 1, attempts = attempts + 1
         WHERE workspace_id = $1 AND agent_id = $2 AND status IN ('ready', 'pending')",
        workspace.as_uuid(),
        agent.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
