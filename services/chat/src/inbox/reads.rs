//! How far people have read: marks that only move forward.

use ids::UserId;
use sqlx::PgPool;

use crate::log::Place;

/// Notes that `reader` has read a channel up to `seq`; answers whether that is further than before.
/// A visitor's marks are kept as a person's are, under the visitor's id.
///
/// # Errors
/// When PostgreSQL is not there.
pub async fn mark(pool: &PgPool, place: Place, reader: UserId, seq: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"WITH moved AS (
             INSERT INTO chat.reads AS r (workspace_id, reader_id, channel_id, seq, changed_at)
             VALUES ($1, $2, $3, $4, clock_timestamp())
             ON CONFLICT (workspace_id, reader_id, channel_id)
               DO UPDATE SET seq = EXCLUDED.seq, changed_at = EXCLUDED.changed_at WHERE r.seq < EXCLUDED.seq
             RETURNING r.seq
           ), heard AS (
             UPDATE chat.mentions SET unread = false
             WHERE workspace_id = $1 AND user_id = $2 AND channel_id = $3 AND seq <= $4 AND unread
           )
           SELECT EXISTS (SELECT FROM moved) AS "moved!""#,
        place.workspace.as_uuid(),
        reader.as_uuid(),
        place.channel.as_uuid(),
        seq,
    )
    .fetch_one(pool)
    .await
}
