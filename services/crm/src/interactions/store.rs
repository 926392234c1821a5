//! Interactions in PostgreSQL.

use chrono::{DateTime, Utc};
use crm_api::{Interaction, events::InteractionCreated};
use ids::{AgentId, ChannelId, ContactId, InteractionId, WorkspaceId};
use rest::Limit;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

struct Row {
    id: InteractionId,
    contact_id: ContactId,
    agent_id: AgentId,
    channel_id: ChannelId,
    r#type: String,
    duration: i64,
    sentiment: Option<String>,
    escalated: bool,
    started_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Interaction {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        Ok(Self {
            id: row.id,
            contact_id: row.contact_id,
            agent_id: row.agent_id,
            channel_id: row.channel_id,
            r#type: row
                .r#type
                .parse()
                .map_err(|error: String| sqlx::Error::Decode(error.into()))?,
            duration: row.duration,
            sentiment: row.sentiment,
            escalated: row.escalated,
            started_at: row.started_at,
            created_at: row.created_at,
        })
    }
}

/// Where a page begins.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) created_at: DateTime<Utc>,
    pub(super) id: InteractionId,
}

/// A page of a contact's interactions, newest first, and one more where there is one.
pub(super) async fn of_contact(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    contact: ContactId,
    (after, limit): (Option<Position>, Limit),
) -> sqlx::Result<Vec<Interaction>> {
    let (time, id) = after
        .map(|position| (position.created_at, position.id.as_uuid()))
        .unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id AS "id: InteractionId", contact_id AS "contact_id: ContactId", agent_id AS "agent_id: AgentId",
                  channel_id AS "channel_id: ChannelId", type, duration, sentiment, escalated, started_at, created_at
           FROM crm.interactions
           WHERE workspace_id = $1 AND contact_id = $2
             AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4))
           ORDER BY created_at DESC, id DESC LIMIT $5"#,
        workspace.as_uuid(),
        contact.as_uuid(),
        time,
        id,
        limit.rows(),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Interaction::try_from).collect()
}

/// Inserts an interaction; answers false when the channel has one of this type already.
pub(super) async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    interaction: &InteractionCreated,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO crm.interactions (workspace_id, id, contact_id, agent_id, channel_id, type, duration,
                                       sentiment, escalated, started_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, $8, $9, $10)
         ON CONFLICT (workspace_id, channel_id, type) DO NOTHING",
        workspace.as_uuid(),
        interaction.interaction_id.as_uuid(),
        interaction.contact_id.as_uuid(),
        interaction.agent_id.as_uuid(),
        interaction.channel_id.as_uuid(),
        interaction.interaction_type.as_str(),
        interaction.duration_seconds,
        interaction.escalated,
        interaction.started_at,
        interaction.ended_at,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
