//! Letting a channel go on in another one, and undoing it.

use axum::extract::State;
use chat_api::{Channel, Merge};
use common::{ErrorCode, Problem, problem::FieldError, tokens::Participant};
use ids::ChannelId;
use rest::{Json, Path};

use super::{arrange::colleague, shown};
use crate::{
    app::App,
    log::{Error, Place},
};

/// Lets a channel go on in another one.
///
/// The two are as open as each other, or of the same visitor and the other one is open. This one is closed then
/// and takes nothing more; `merged_into` names the other one, whose log tells of it. Within 24 hours it
/// can be undone. Repeating it changes nothing.
#[utoipa::path(
    post, path = "/channels/{id}/merge", operation_id = "merge_channel", tag = "channels",
    security(("bearer" = ["conversations:write"])),
    params(
        ("id" = ChannelId, Path, description = "the channel that ends"),
        ("Idempotency-Key" = Option<String>, Header, description = "not needed: repeating it changes nothing"),
    ),
    request_body = Merge,
    responses(
        (status = 200, description = "the channel as it stands after it", body = Channel),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
        (status = 409, description = "it goes on in another one already, or the two cannot be merged",
            body = common::problem::Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn merge(
    State(app): State<App>,
    who: Participant,
    Path(id): Path<ChannelId>,
    Json(Merge { into }): Json<Merge>,
) -> Result<Json<Channel>, Problem> {
    let (place, standing, actor) = colleague(&app, &who, id).await?;
    if into == id {
        return Err(wrong("must be another channel"));
    }
    let target = Place {
        channel: into,
        ..place
    };
    match app.log.recent_head(target).await {
        Ok(_) => {}
        Err(Error::NotFound) => return Err(wrong("there is no such channel")),
        Err(error) => return Err(error.into()),
    }
    let head = app.log.merge(place.workspace, id, into, actor).await?;
    Ok(Json(shown(place, &head, standing)))
}

/// Undoes a merge.
///
/// Within 24 hours. The channel is open again, for whoever answered in it before; what was closed before
/// stays closed. Repeating it changes nothing.
#[utoipa::path(
    post, path = "/channels/{id}/unmerge", operation_id = "unmerge_channel", tag = "channels",
    security(("bearer" = ["conversations:write"])),
    params(
        ("id" = ChannelId, Path, description = "the channel that was merged into another one"),
        ("Idempotency-Key" = Option<String>, Header, description = "not needed: repeating it changes nothing"),
    ),
    responses(
        (status = 200, description = "the channel as it stands after it", body = Channel),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
        (status = 409, description = "it was merged too long ago", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn unmerge(
    State(app): State<App>,
    who: Participant,
    Path(id): Path<ChannelId>,
) -> Result<Json<Channel>, Problem> {
    let (place, standing, actor) = colleague(&app, &who, id).await?;
    let head = app.log.unmerge(place.workspace, id, actor).await?;
    Ok(Json(shown(place, &head, standing)))
}

fn wrong(detail: &'static str) -> Problem {
    Problem::new(ErrorCode::ValidationFailed)
        .detail("correct the fields under `errors`; nothing was saved")
        .field(FieldError::at("/into", detail))
}
