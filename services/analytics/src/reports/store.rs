//! Reports, added up by PostgreSQL.

use analytics_api::{ConversationsReport, ConversationsRow, ConversationsTotals, Interval};
use ids::WorkspaceId;
use sqlx::PgConnection;

use super::model::Range;

/// Conversations over time. One statement, so that the rows and the totals show the same moment.
pub(super) async fn conversations(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    range: Range,
    interval: Interval,
) -> sqlx::Result<ConversationsReport> {
    let groups = sqlx::query!(
        r#"SELECT start,
                  count(*) FILTER (WHERE started) AS "started!",
                  count(*) FILTER (WHERE NOT started) AS "ended!",
                  count(*) FILTER (WHERE NOT escalated) AS "ended_by_ai!",
                  count(*) FILTER (WHERE escalated) AS "escalated!",
                  count(DISTINCT contact_id) AS "unique_contacts!",
                  coalesce(sum(visitor_messages), 0)::bigint AS "visitor_messages!",
                  coalesce(sum(agent_messages), 0)::bigint AS "agent_messages!",
                  coalesce(sum(user_messages), 0)::bigint AS "user_messages!",
                  avg(duration_seconds)::double precision AS average_duration_seconds
           FROM (
             SELECT date_trunc($4, started_at, 'UTC') AS start, true AS started, NULL::boolean AS escalated,
                    NULL::uuid AS contact_id, NULL::bigint AS visitor_messages, NULL::bigint AS agent_messages,
                    NULL::bigint AS user_messages, NULL::bigint AS duration_seconds
             FROM analytics.conversations_started
             WHERE workspace_id = $1 AND started_at >= $2 AND started_at < $3
             UNION ALL
             SELECT date_trunc($4, ended_at, 'UTC'), false, escalated, contact_id, visitor_messages, agent_messages,
                    user_messages, duration_seconds
             FROM analytics.conversation_facts
             WHERE workspace_id = $1 AND ended_at >= $2 AND ended_at < $3
           ) AS happened
           -- The group without a start is the whole time; it is there even if nothing happened.
           GROUP BY GROUPING SETS ((start), ()) ORDER BY start NULLS LAST"#,
        workspace.as_uuid(),
        range.from,
        range.to,
        interval.as_str(),
    )
    .fetch_all(connection)
    .await?;
    let mut report = ConversationsReport {
        from: range.from,
        to: range.to,
        interval,
        totals: ConversationsTotals::default(),
        rows: Vec::with_capacity(groups.len().saturating_sub(1)),
    };
    for group in groups {
        let totals = ConversationsTotals {
            started: group.started,
            ended: group.ended,
            ended_by_ai: group.ended_by_ai,
            escalated: group.escalated,
            unique_contacts: group.unique_contacts,
            visitor_messages: group.visitor_messages,
            agent_messages: group.agent_messages,
            user_messages: group.user_messages,
            average_duration_seconds: group.average_duration_seconds,
        };
        match group.start {
            Some(start) => report.rows.push(ConversationsRow { start, totals }),
            None => report.totals = totals,
        }
    }
    Ok(report)
}
