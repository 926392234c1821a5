//! Saying something.

use axum::{extract::State, http::StatusCode};
use chat_api::{Body, Entry, NewBody, NewMessage, Written};
use common::{ErrorCode, Problem, tokens::Participant};
use ids::ChannelId;
use rest::{Json, Path};

use crate::{
    access,
    app::App,
    attachments,
    log::{Actor, Place, Said},
    markdown, settings,
};

/// Sends a message or a note.
///
/// `client_id` makes it safe to repeat: the same sender's second message of that name is the first one.
/// When a person of the company writes a message while the AI answers, or nobody does, the channel
/// becomes theirs first. Notes are for people of the company only, and change nothing else.
#[utoipa::path(
    post, path = "/messages/{channel_id}", operation_id = "create_message", tag = "messages",
    security(("bearer" = ["conversations:write"])),
    params(("channel_id" = ChannelId, Path, description = "the channel")),
    request_body = NewMessage,
    responses(
        (status = 201, description = "it is in the log", body = Entry),
        (status = 200, description = "it was in the log already", body = Entry),
        (status = 404, description = "no such channel for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
        (status = 409, description = "the conversation has ended", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    who: Participant,
    Path(channel): Path<ChannelId>,
    Json(message): Json<NewMessage>,
) -> Result<(StatusCode, Json<Entry>), Problem> {
    let (entry, created) = send(&app, &who, channel, message).await?;
    let status = if created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(entry)))
}

/// Says what was checked already; answers the entry and whether it is new.
///
/// # Errors
/// When the caller may not, the channel is closed, or something that it needs is not there.
pub async fn send(
    app: &App,
    who: &Participant,
    channel: ChannelId,
    message: NewMessage,
) -> Result<(Entry, bool), Problem> {
    let (place, standing) = access::enter(&app.log, who, channel).await?;
    let actor = standing.writer(who)?;
    let NewMessage {
        client_id,
        kind,
        body,
    } = message;
    if kind == Written::Note && standing.is_customer() {
        return Err(
            Problem::new(ErrorCode::Forbidden).detail("only people of the company write notes")
        );
    }
    settings::agreed(app, place, who).await?;
    let body = complete(app, place, (actor, &client_id), body).await?;
    let attachments = body.attachments.clone();
    let said = Said {
        client_id,
        kind,
        body,
    };
    let (entry, created) = app.log.say(place, actor, said).await?;
    if created {
        attachments::said(app, place, &attachments, entry.seq).await;
    }
    Ok((entry, created))
}

/// What was written, with its tree and its files.
async fn complete(
    app: &App,
    place: Place,
    whose: (Actor, &str),
    body: NewBody,
) -> Result<Body, Problem> {
    let NewBody {
        text,
        attachment_ids,
        mentions,
    } = body;
    Ok(Body {
        blocks: markdown::parse(text.expose()),
        attachments: attachments::claim(app, place, whose, &attachment_ids).await?,
        mentions,
        text,
        ..Body::default()
    })
}
