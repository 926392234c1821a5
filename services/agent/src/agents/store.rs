//! Agents in PostgreSQL.

use agent_api::Agent;
use chrono::{DateTime, Utc};
use ids::{AgentId, UserId, WorkspaceId};
use sqlx::PgConnection;

/// An agent and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The agent.
    pub agent: Agent,
    /// Its version: rises with each change.
    pub version: i64,
}

/// A row of the table, without the tenant.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: AgentId,
    user_id: UserId,
    name: String,
    voice_type: String,
    language: String,
    personality: String,
    system_prompt: String,
    version: i64,
    pub(super) created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    pub(super) name_key: Option<String>,
}

impl From<Row> for Versioned {
    fn from(row: Row) -> Self {
        let agent = Agent {
            id: row.id,
            user_id: row.user_id,
            name: row.name,
            voice_type: row.voice_type,
            language: row.language,
            personality: row.personality,
            system_prompt: row.system_prompt,
            created_at: row.created_at,
            updated_at: row.updated_at,
        };
        Self {
            agent,
            version: row.version,
        }
    }
}

/// One agent.
pub(crate) async fn find(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    agent: AgentId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: AgentId", user_id AS "user_id: UserId", name, voice_type, language,
                  personality, system_prompt, version, created_at, updated_at, lower(name) AS name_key
           FROM agent.agent_configs WHERE workspace_id = $1 AND id = $2"#,
        workspace.as_uuid(),
        agent.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// One agent, which nobody else can change until the transaction ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    agent: AgentId,
) -> sqlx::Result<Option<Versioned>> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: AgentId", user_id AS "user_id: UserId", name, voice_type, language,
                  personality, system_prompt, version, created_at, updated_at, lower(name) AS name_key
           FROM agent.agent_configs WHERE workspace_id = $1 AND id = $2 FOR UPDATE"#,
        workspace.as_uuid(),
        agent.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Versioned::from))
}

/// Whether there is such an agent.
pub(crate) async fn exists(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    agent: AgentId,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM agent.agent_configs WHERE workspace_id = $1 AND id = $2) AS "exists!""#,
        workspace.as_uuid(),
        agent.as_uuid(),
    )
    .fetch_one(connection)
    .await
}

/// Inserts an agent.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    Versioned { agent, version }: &Versioned,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO agent.agent_configs (workspace_id, id, user_id, name, voice_type, language, personality,
                                          system_prompt, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        workspace.as_uuid(),
        agent.id.as_uuid(),
        agent.user_id.as_uuid(),
        agent.name,
        agent.voice_type,
        agent.language,
        agent.personality,
        agent.system_prompt,
        version,
        agent.created_at,
        agent.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what a patch may have changed.
pub(super) async fn update(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    Versioned { agent, version }: &Versioned,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE agent.agent_configs
         SET name = $3, voice_type = $4, language = $5, personality = $6, system_prompt = $7, version = $8,
             updated_at = $9
         WHERE workspace_id = $1 AND id = $2",
        workspace.as_uuid(),
        agent.id.as_uuid(),
        agent.name,
        agent.voice_type,
        agent.language,
        agent.personality,
        agent.system_prompt,
        version,
        agent.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}
