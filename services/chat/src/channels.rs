//! Channels over HTTP: how one stands, and who answers in it.

use axum::extract::State;
use chat_api::{Channel, SetOwner};
use common::{Problem, tokens::Participant};
use ids::ChannelId;
use rest::{IdempotencyKey, Json, Path, Tagged};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{access, app::App, log};

/// The routes of channels.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(set_owner))
}

/// Gets a channel. Its `ETag` is the `seq` of its last entry.
#[utoipa::path(
    get, path = "/channels/{id}", operation_id = "get_channel", tag = "channels",
    security(("bearer" = ["conversations:read"])),
    params(("id" = ChannelId, Path, description = "the channel")),
    responses(
        (status = 200, description = "the channel as it stands", body = Channel),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
async fn get(
    State(app): State<App>,
    who: Participant,
    Path(id): Path<ChannelId>,
) -> Result<Tagged<Channel>, Problem> {
    let (place, _) = access::enter(&app.log, &who, id).await?;
    let channel = app.log.channel(place).await?;
    let version = channel.head_seq;
    Ok(Tagged::new(channel, version))
}

/// Changes who answers.
///
/// A visitor may ask for a person (`queued`) or end the conversation (`closed`). Somebody of the company
/// may take over (`human`), hand back (`ai`), queue or close. What is already so stays as it is. A
/// closed conversation stays closed.
#[utoipa::path(
    post, path = "/channels/{id}/owner", operation_id = "set_channel_owner", tag = "channels",
    security(("bearer" = ["conversations:write"])),
    params(
        ("id" = ChannelId, Path, description = "the channel"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "repeated with the same key, the change is made once; kept as long as the channel"),
    ),
    request_body = SetOwner,
    responses(
        (status = 200, description = "the channel as it stands after it", body = Channel),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
        (status = 409, description = "somebody else changed it first, or the conversation has ended",
            body = common::problem::Document, content_type = "application/problem+json"),
    )
)]
async fn set_owner(
    State(app): State<App>,
    who: Participant,
    Path(id): Path<ChannelId>,
    key: IdempotencyKey,
    Json(change): Json<SetOwner>,
) -> Result<Json<Channel>, Problem> {
    let (place, standing) = access::enter(&app.log, &who, id).await?;
    let actor = standing.writer(&who)?;
    let once = key.as_str().map(str::to_owned);
    let head = app.log.set_owner(place, actor, (change, once)).await?;
    Ok(Json(log::channel(place, &head)))
}
