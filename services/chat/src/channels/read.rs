//! How a channel stands, and how far somebody has read it.

use axum::{extract::State, http::StatusCode};
use chat_api::{Channel, MarkRead, socket::ServerFrame};
use common::{ErrorCode, Problem, problem::FieldError, tokens::Participant};
use ids::ChannelId;
use rest::{Json, Path, Tagged};

use super::shown;
use crate::{access, app::App};

/// No socket has this name: everybody in a room is told.
const NOBODY: u64 = 0;

/// Gets a channel. Its `ETag` is the `seq` of its last entry.
///
/// Visitors see nothing of what people of the company arrange among themselves.
#[utoipa::path(
    get, path = "/channels/{id}", operation_id = "get_channel", tag = "channels",
    security(("bearer" = ["conversations:read"])),
    params(("id" = ChannelId, Path, description = "the channel")),
    responses(
        (status = 200, description = "the channel as it stands", body = Channel,
            headers(("ETag" = String, description = "the `seq` of its last entry"))),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(
    State(app): State<App>,
    who: Participant,
    Path(id): Path<ChannelId>,
) -> Result<Tagged<Channel>, Problem> {
    let (place, standing) = access::enter(&app.log, &who, id).await?;
    let head = app.log.projected_head(place).await?;
    let channel = shown(place, &head, standing);
    let version = channel.head_seq;
    Ok(Tagged::new(channel, version))
}

/// Tells how far the caller has read.
///
/// The others in the channel are told. It is kept, and what is further than that is unread; it only ever
/// moves forward.
#[utoipa::path(
    post, path = "/channels/{id}/read", operation_id = "mark_channel_read", tag = "channels",
    security(("bearer" = ["conversations:read"])),
    params(
        ("id" = ChannelId, Path, description = "the channel"),
    ),
    request_body = MarkRead,
    responses(
        (status = 204, description = "it is noted"),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn mark_read(
    State(app): State<App>,
    who: Participant,
    Path(id): Path<ChannelId>,
    Json(MarkRead { seq }): Json<MarkRead>,
) -> Result<StatusCode, Problem> {
    let (place, standing) = access::enter(&app.log, &who, id).await?;
    let head = app.log.head(place).await?;
    let end = standing.end_of(&head);
    if seq > end {
        let detail = format!("the log ends at {end}");
        return Err(Problem::new(ErrorCode::ValidationFailed).field(FieldError::at("/seq", detail)));
    }
    app.inbox.mark(place, standing.reader(), seq).await?;
    // Whoever only looks is not seen reading, as on the socket.
    if standing.writer(&who).is_ok() {
        let frame = ServerFrame::Read {
            channel: id,
            sender: standing.sender(),
            seq,
        };
        let member = app.hub.join(place).await;
        app.hub.hint(&member.room, &frame, NOBODY);
    }
    Ok(StatusCode::NO_CONTENT)
}
