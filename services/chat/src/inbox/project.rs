//! What follows from the log in the inbox's tables. All of it may be done again, in any order.

use chat_api::{Entry, EntryKind, SenderKind};
use ids::UserId;
use sqlx::PgPool;

use crate::log::{Head, Place};

/// Moves the row of a channel forward to `head`; answers whether it moved. A row never goes back: of two
/// heads the later one stays, whichever comes first. When a person ends a wait, the wait is noted.
///
/// # Errors
/// When PostgreSQL is not there.
pub async fn project(pool: &PgPool, place: Place, head: &Head) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"WITH before AS (
             SELECT owner, queued_at, team_id FROM chat.channels WHERE workspace_id = $1 AND id = $2
           ), moved AS (
             INSERT INTO chat.channels AS c
               (workspace_id, id, agent_id, visitor_id, owner, assignee_id, team_id, labels, priority,
                snoozed_until, episode, head_seq, last_message_seq, last_visitor_seq, last_user_seq, opened_at,
                last_activity_at, last_message_at, waiting_since, queued_at, closed_at, rating, merged_into,
                public_seq, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                     $21, $22, $23, $25, clock_timestamp())
             ON CONFLICT (workspace_id, id) DO UPDATE
               SET owner = EXCLUDED.owner, assignee_id = EXCLUDED.assignee_id, team_id = EXCLUDED.team_id,
                   labels = EXCLUDED.labels, priority = EXCLUDED.priority,
                   snoozed_until = EXCLUDED.snoozed_until, episode = EXCLUDED.episode,
                   head_seq = EXCLUDED.head_seq, public_seq = EXCLUDED.public_seq,
                   last_message_seq = greatest(c.last_message_seq, EXCLUDED.last_message_seq),
                   last_visitor_seq = EXCLUDED.last_visitor_seq, last_user_seq = EXCLUDED.last_user_seq,
                   last_activity_at = EXCLUDED.last_activity_at, last_message_at = EXCLUDED.last_message_at,
                   waiting_since = EXCLUDED.waiting_since, queued_at = EXCLUDED.queued_at,
                   closed_at = EXCLUDED.closed_at, rating = EXCLUDED.rating,
                   merged_into = EXCLUDED.merged_into, changed_at = EXCLUDED.changed_at
               WHERE c.head_seq < EXCLUDED.head_seq
             RETURNING c.id
           ), waited AS (
             INSERT INTO chat.waits (workspace_id, channel_id, seq, team_id, waited_seconds, ended_at)
             SELECT $1, $2, $24::bigint, before.team_id,
                    greatest(extract(epoch FROM $17::timestamptz - before.queued_at)::float8, 0), $17
             FROM before CROSS JOIN moved
             WHERE before.owner = 'queued' AND before.queued_at IS NOT NULL AND $5::text = 'human'
             ON CONFLICT DO NOTHING
           )
           SELECT EXISTS (SELECT FROM moved) AS "moved!""#,
        place.workspace.as_uuid(),
        place.channel.as_uuid(),
        head.agent_id.as_uuid(),
        head.visitor_id.as_uuid(),
        head.owner.as_str(),
        head.assignee.map(|person| person.as_uuid()),
        head.team.map(|team| team.as_uuid()),
        &head.labels,
        head.priority.rank(),
        head.snoozed_until,
        head.episode,
        head.seq,
        head.last_message_seq,
        head.last_visitor_seq,
        head.last_user_seq,
        head.opened_at,
        head.last_at,
        head.last_message_at,
        head.waiting_since,
        head.queued_at,
        head.closed_at,
        head.rating.map(i16::from),
        head.merged_into.map(|into| into.as_uuid()),
        head.owner_version,
        head.public_seq,
    )
    .fetch_one(pool)
    .await
}

/// Notes what an entry leaves beside the state of its channel: that there is a message to be read, whom a
/// note calls, and the end of both by a deletion. Of other entries nothing is to be noted.
///
/// # Errors
/// When PostgreSQL is not there.
pub async fn mention(pool: &PgPool, place: Place, entry: &Entry) -> sqlx::Result<()> {
    match entry.kind {
        EntryKind::Message => {
            let gone = entry.deleted_at.is_some();
            say(pool, place, (entry.seq, sender(entry), gone)).await
        }
        EntryKind::Note if entry.deleted_at.is_none() => call(pool, place, entry).await,
        EntryKind::Delete => match entry.of_seq {
            Some(of) if entry.private => forget(pool, place, of).await,
            Some(of) => say(pool, place, (of, None, true)).await,
            None => Ok(()),
        },
        EntryKind::Note
        | EntryKind::State
        | EntryKind::Edit
        | EntryKind::Reaction
        | EntryKind::Change => Ok(()),
    }
}

/// Whose message it is: a person's or a visitor's, who need not read it.
fn sender(entry: &Entry) -> Option<UserId> {
    match entry.sender.kind {
        SenderKind::Visitor | SenderKind::User => entry.sender.id.as_deref()?.parse().ok(),
        SenderKind::Agent | SenderKind::System => None,
    }
}

/// A message stands at `seq`, or stood there: what is gone does not come back.
pub(super) async fn say(
    pool: &PgPool,
    place: Place,
    (seq, sender, gone): (i64, Option<UserId>, bool),
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO chat.message_marks AS m (workspace_id, channel_id, seq, sender_id, gone)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (workspace_id, channel_id, seq) DO UPDATE SET gone = true WHERE EXCLUDED.gone AND NOT m.gone",
        place.workspace.as_uuid(),
        place.channel.as_uuid(),
        seq,
        sender.map(|sender| sender.as_uuid()),
        gone,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// A note calls people; nobody is called by their own.
async fn call(pool: &PgPool, place: Place, entry: &Entry) -> sqlx::Result<()> {
    let author = sender(entry);
    let called: Vec<_> = entry
        .body
        .iter()
        .flat_map(|body| &body.mentions)
        .filter(|user| Some(**user) != author)
        .map(UserId::as_uuid)
        .collect();
    if called.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO chat.mentions (workspace_id, user_id, channel_id, seq, created_at)
         SELECT $1::uuid, called.user_id, $3::uuid, $4::bigint, $5::timestamptz FROM unnest($2::uuid[]) AS called (user_id)
         ON CONFLICT DO NOTHING",
        place.workspace.as_uuid(),
        &called,
        place.channel.as_uuid(),
        entry.seq,
        entry.created_at,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// A note was taken back.
async fn forget(pool: &PgPool, place: Place, seq: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM chat.mentions WHERE workspace_id = $1 AND channel_id = $2 AND seq = $3",
        place.workspace.as_uuid(),
        place.channel.as_uuid(),
        seq,
    )
    .execute(pool)
    .await?;
    Ok(())
}
