//! Metrics and facts in PostgreSQL, as the consumer writes them.

use chat_api::events::ChannelOpened;
use crm_api::events::InteractionCreated;
use ids::{EventId, MetricId, WorkspaceId};
use sqlx::PgConnection;

use super::model::{Fact, Measured};

/// Keeps one value; what the event was counted for already is left as it is.
pub(super) async fn insert_metric(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    event: EventId,
    measured: &Measured,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"INSERT INTO analytics.metrics (workspace_id, id, user_id, metric_type, value, "timestamp", event_id)
           VALUES ($1, $2, NULL, $3, $4, $5, $6)
           ON CONFLICT (event_id, metric_type) DO NOTHING"#,
        workspace.as_uuid(),
        MetricId::new().as_uuid(),
        measured.metric.as_str(),
        measured.value,
        measured.at,
        event.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps a fact; answers false when it is there already.
pub(super) async fn insert_fact(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    fact: &Fact,
) -> sqlx::Result<bool> {
    match fact {
        Fact::Started(opened) => insert_started(connection, workspace, opened).await,
        Fact::Ended(ended) => insert_ended(connection, workspace, ended).await,
    }
}

async fn insert_started(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    opened: &ChannelOpened,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO analytics.conversations_started (workspace_id, channel_id, agent_id, started_at)
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        workspace.as_uuid(),
        opened.channel_id.as_uuid(),
        opened.agent_id.as_uuid(),
        opened.opened_at,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn insert_ended(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    ended: &InteractionCreated,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO analytics.conversation_facts
           (workspace_id, channel_id, agent_id, contact_id, started_at, ended_at, duration_seconds, escalated,
            visitor_messages, agent_messages, user_messages)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
        workspace.as_uuid(),
        ended.channel_id.as_uuid(),
        ended.agent_id.as_uuid(),
        ended.contact_id.as_uuid(),
        ended.started_at,
        ended.ended_at,
        ended.duration_seconds,
        ended.escalated,
        ended.visitor_messages,
        ended.agent_messages,
        ended.user_messages,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
