//! Who answers: handing over, ending, opening again, and what the visitor says of it afterwards.

use axum::{extract::State, http::StatusCode};
use chat_api::{Body, Channel, OwnerState, Rate, Reopen, SetOwner};
use chrono::Duration;
use common::{ErrorCode, Problem, tokens::Participant};
use ids::ChannelId;
use rest::{IdempotencyKey, Json, Path};

use super::shown;
use crate::{access, app::App, log::Act, settings};

/// Changes who answers.
///
/// A visitor may ask for a person (`queued`) or end the conversation (`closed`). Somebody of the company
/// may take over (`human`), hand back (`ai`), queue or close. What is already so stays as it is. A
/// closed conversation stays closed until it is opened again.
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
pub(super) async fn set_owner(
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
    Ok(Json(shown(place, &head, standing)))
}

/// Opens a closed conversation again.
///
/// The AI then knows nothing of what was said before. Somebody of the company may at any time; a visitor
/// for the AI only (`ai`), and for as long as the workspace says (`reopen_days` of its chat settings).
/// One that is open stays as it is.
#[utoipa::path(
    post, path = "/channels/{id}/reopen", operation_id = "reopen_channel", tag = "channels",
    security(("bearer" = ["conversations:write"])),
    params(
        ("id" = ChannelId, Path, description = "the channel"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "repeated with the same key, it is opened once; kept as long as the channel"),
    ),
    request_body = Reopen,
    responses(
        (status = 200, description = "the channel as it stands after it", body = Channel),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
        (status = 409, description = "it ended too long ago, or goes on in another one",
            body = common::problem::Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn reopen(
    State(app): State<App>,
    who: Participant,
    Path(id): Path<ChannelId>,
    key: IdempotencyKey,
    Json(Reopen { owner }): Json<Reopen>,
) -> Result<Json<Channel>, Problem> {
    let (place, standing) = access::enter(&app.log, &who, id).await?;
    let actor = standing.writer(&who)?;
    let within = if standing.is_customer() {
        if owner != OwnerState::Ai {
            return Err(Problem::new(ErrorCode::Forbidden)
                .detail("a visitor opens a conversation for the AI, and then asks for a person"));
        }
        let settings = settings::of(&app, place.workspace).await?;
        Some(Duration::days(settings.reopen_days.into()))
    } else {
        None
    };
    let once = key.as_str().map(str::to_owned);
    let act = Act::Reopen { owner, within };
    let acted = app.log.act(place, actor, act, once).await?;
    Ok(Json(shown(place, &acted.head, standing)))
}

/// Tells how the visitor found it.
///
/// For the visitor, during the conversation and after it. Of several, the last one counts.
#[utoipa::path(
    post, path = "/channels/{id}/rating", operation_id = "rate_channel", tag = "channels",
    security(("bearer" = [])),
    params(
        ("id" = ChannelId, Path, description = "the channel"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "repeated with the same key, it is noted once; kept as long as the channel"),
    ),
    request_body = Rate,
    responses(
        (status = 204, description = "it is noted"),
        (status = 403, description = "only the visitor rates, and comments once they have agreed",
            body = common::problem::Document, content_type = "application/problem+json"),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn rate(
    State(app): State<App>,
    who: Participant,
    Path(id): Path<ChannelId>,
    key: IdempotencyKey,
    Json(Rate { score, comment }): Json<Rate>,
) -> Result<StatusCode, Problem> {
    let (place, standing) = access::enter(&app.log, &who, id).await?;
    if !standing.is_customer() {
        return Err(Problem::new(ErrorCode::Forbidden).detail("only the visitor says how it was"));
    }
    if comment.is_some() {
        settings::agreed(&app, place, &who).await?;
    }
    let body = comment.map(|text| Body {
        text,
        ..Body::default()
    });
    let once = key.as_str().map(str::to_owned);
    let act = Act::Rate { score, body };
    app.log.act(place, standing.actor(), act, once).await?;
    Ok(StatusCode::NO_CONTENT)
}
