//! Attachments in PostgreSQL: `chat.attachments`.

use chrono::{DateTime, Duration, Utc};
use ids::{AttachmentId, ChannelId, WorkspaceId};
use sqlx::{PgConnection, PgExecutor};
use vault::Sealed;

use crate::log::Place;

/// A file as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) workspace_id: WorkspaceId,
    pub(super) id: AttachmentId,
    pub(super) channel_id: ChannelId,
    pub(super) uploader: String,
    pub(super) state: String,
    pub(super) key_sealed: Sealed,
    pub(super) name_sealed: Sealed,
    pub(super) media_type: String,
    pub(super) size: i64,
    pub(super) width: Option<i32>,
    pub(super) height: Option<i32>,
    pub(super) thumbnail_size: Option<i64>,
    pub(super) message: Option<String>,
    pub(super) seq: Option<i64>,
    pub(super) touched_at: DateTime<Utc>,
}

impl Row {
    /// The channel that it was uploaded into.
    pub(super) const fn place(&self) -> Place {
        Place {
            workspace: self.workspace_id,
            channel: self.channel_id,
        }
    }

    /// Whether its bytes are all there.
    pub(super) fn is_whole(&self) -> bool {
        self.state != "uploading"
    }
}

/// An upload that begins.
#[derive(Debug)]
pub(super) struct New<'a> {
    pub(super) id: AttachmentId,
    pub(super) uploader: &'a str,
    pub(super) client_id: &'a str,
    pub(super) key: &'a Sealed,
    pub(super) name: &'a Sealed,
}

/// What is known of a file once its bytes are there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) media_type: &'a str,
    pub(super) size: i64,
    pub(super) width: Option<i32>,
    pub(super) height: Option<i32>,
    pub(super) thumbnail_size: Option<i64>,
}

/// Notes an upload; answers false when the uploader has given this name already.
pub(super) async fn begin(
    connection: &mut PgConnection,
    place: Place,
    new: New<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO chat.attachments (workspace_id, id, channel_id, uploader, client_id, state, key_sealed,
           name_sealed, media_type, size, created_at, touched_at)
         VALUES ($1, $2, $3, $4, $5, 'uploading', $6, $7, '', 0, $8, $8)
         ON CONFLICT (workspace_id, channel_id, uploader, client_id) DO NOTHING",
        place.workspace.as_uuid(),
        new.id.as_uuid(),
        place.channel.as_uuid(),
        new.uploader,
        new.client_id,
        new.key.as_bytes(),
        new.name.as_bytes(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many files somebody has uploaded, or uploads, and has not sent.
pub(super) async fn waiting(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    uploader: &str,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM chat.attachments
           WHERE workspace_id = $1 AND uploader = $2 AND state <> 'claimed'"#,
        workspace.as_uuid(),
        uploader,
    )
    .fetch_one(connection)
    .await
}

/// Says that an upload goes on; answers false when somebody else has cleared it away.
pub(super) async fn touch(
    executor: impl PgExecutor<'_>,
    (workspace, id): (WorkspaceId, AttachmentId),
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE chat.attachments SET touched_at = $3
         WHERE workspace_id = $1 AND id = $2 AND state = 'uploading'",
        workspace.as_uuid(),
        id.as_uuid(),
        now,
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends an upload; answers false when somebody else has cleared it away.
pub(super) async fn finish(
    executor: impl PgExecutor<'_>,
    (workspace, id): (WorkspaceId, AttachmentId),
    whole: Whole<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE chat.attachments SET state = 'ready', media_type = $3, size = $4, width = $5, height = $6,
           thumbnail_size = $7, touched_at = $8
         WHERE workspace_id = $1 AND id = $2 AND state = 'uploading'",
        workspace.as_uuid(),
        id.as_uuid(),
        whole.media_type,
        whole.size,
        whole.width,
        whole.height,
        whole.thumbnail_size,
        now,
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A file of the workspace.
pub(super) async fn find(
    executor: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    id: AttachmentId,
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        r#"SELECT workspace_id AS "workspace_id: _", id AS "id: _", channel_id AS "channel_id: _", uploader, state,
             key_sealed AS "key_sealed: _", name_sealed AS "name_sealed: _", media_type, size, width, height,
             thumbnail_size, message, seq, touched_at
           FROM chat.attachments WHERE workspace_id = $1 AND id = $2"#,
        workspace.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(executor)
    .await
}

/// The file that an uploader gave this name.
pub(super) async fn by_client(
    executor: impl PgExecutor<'_>,
    place: Place,
    (uploader, client_id): (&str, &str),
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as!(
        Row,
        r#"SELECT workspace_id AS "workspace_id: _", id AS "id: _", channel_id AS "channel_id: _", uploader, state,
             key_sealed AS "key_sealed: _", name_sealed AS "name_sealed: _", media_type, size, width, height,
             thumbnail_size, message, seq, touched_at
           FROM chat.attachments
           WHERE workspace_id = $1 AND channel_id = $2 AND uploader = $3 AND client_id = $4"#,
        place.workspace.as_uuid(),
        place.channel.as_uuid(),
        uploader,
        client_id,
    )
    .fetch_optional(executor)
    .await
}

/// Gives files to a message, or again to the same one; answers those that it got.
pub(super) async fn claim(
    connection: &mut PgConnection,
    place: Place,
    (uploader, message): (&str, &str),
    ids: &[AttachmentId],
    now: DateTime<Utc>,
) -> sqlx::Result<Vec<Row>> {
    let ids: Vec<_> = ids.iter().map(|id| id.as_uuid()).collect();
    sqlx::query_as!(
        Row,
        r#"UPDATE chat.attachments SET state = 'claimed', message = $4, touched_at = $6
           WHERE workspace_id = $1 AND channel_id = $2 AND uploader = $3 AND id = ANY ($5)
             AND (state = 'ready' OR (state = 'claimed' AND message = $4))
           RETURNING workspace_id AS "workspace_id: _", id AS "id: _", channel_id AS "channel_id: _", uploader, state,
             key_sealed AS "key_sealed: _", name_sealed AS "name_sealed: _", media_type, size, width, height,
             thumbnail_size, message, seq, touched_at"#,
        place.workspace.as_uuid(),
        place.channel.as_uuid(),
        uploader,
        message,
        &ids,
        now,
    )
    .fetch_all(connection)
    .await
}

/// Notes the place of the message that took these files.
pub(super) async fn settle(
    executor: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    ids: &[AttachmentId],
    seq: i64,
) -> sqlx::Result<()> {
    let ids: Vec<_> = ids.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "UPDATE chat.attachments SET seq = $3 WHERE workspace_id = $1 AND id = ANY ($2) AND state = 'claimed'",
        workspace.as_uuid(),
        &ids,
        seq,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// The files of one message.
pub(super) async fn of_message(
    executor: impl PgExecutor<'_>,
    place: Place,
    seq: i64,
) -> sqlx::Result<Vec<(WorkspaceId, AttachmentId)>> {
    let ids = sqlx::query_scalar!(
        r#"SELECT id AS "id: AttachmentId" FROM chat.attachments
           WHERE workspace_id = $1 AND channel_id = $2 AND seq = $3"#,
        place.workspace.as_uuid(),
        place.channel.as_uuid(),
        seq,
    )
    .fetch_all(executor)
    .await?;
    Ok(ids.into_iter().map(|id| (place.workspace, id)).collect())
}

/// Files that no message is known to have, untouched since `before`.
pub(super) async fn left(
    executor: impl PgExecutor<'_>,
    before: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"SELECT workspace_id AS "workspace_id: _", id AS "id: _", channel_id AS "channel_id: _", uploader, state,
             key_sealed AS "key_sealed: _", name_sealed AS "name_sealed: _", media_type, size, width, height,
             thumbnail_size, message, seq, touched_at
           FROM chat.attachments WHERE seq IS NULL AND touched_at < $1 ORDER BY touched_at LIMIT $2"#,
        before,
        limit,
    )
    .fetch_all(executor)
    .await
}

/// Forgets a file, unless something happened to it since it was looked at.
pub(super) async fn forget(
    executor: impl PgExecutor<'_>,
    (workspace, id): (WorkspaceId, AttachmentId),
    untouched_since: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM chat.attachments WHERE workspace_id = $1 AND id = $2 AND touched_at <= $3",
        workspace.as_uuid(),
        id.as_uuid(),
        untouched_since,
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// An upload without a sign of life for so long has ended.
pub(super) const STALLED: Duration = Duration::minutes(2);
