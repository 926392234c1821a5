//! Edits and deletions.

use axum::{extract::State, http::StatusCode};
use chat_api::{Body, EditMessage, Entry};
use chrono::Duration;
use common::{
    Problem,
    tokens::{Participant, Permission},
};
use ids::ChannelId;
use rest::{IfMatch, Json, Path, Tagged};

use super::visible;
use crate::{
    access::{self, Standing},
    app::App,
    attachments,
    log::{Act, Actor, Error, History, Of, Place, Refusal, may_edit},
    markdown, settings,
};

/// How often an edit of a named version is tried while others write in the channel.
const ATTEMPTS: u32 = 16;

/// Edits a message or a note.
///
/// Its sender may, for as long as the workspace says (`edit_minutes` of its chat settings); what the AI
/// said stays. Attachments and mentions stay as they are. Its `ETag` is a version of the message alone.
#[utoipa::path(
    patch, path = "/messages/{channel_id}/{seq}", operation_id = "edit_message", tag = "messages",
    security(("bearer" = ["conversations:write"])),
    params(
        ("channel_id" = ChannelId, Path, description = "the channel"),
        ("seq" = i64, Path, description = "the message's place in the log"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` of the version that is edited"),
    ),
    request_body = EditMessage,
    responses(
        (status = 200, description = "the message as it stands now", body = Entry,
            headers(("ETag" = String, description = "the version of the message"))),
        (status = 403, description = "it is not the caller's, or the visitor has to agree first",
            body = common::problem::Document, content_type = "application/problem+json"),
        (status = 404, description = "no such message for the caller, or it was taken back",
            body = common::problem::Document, content_type = "application/problem+json"),
        (status = 409, description = "it is too old to be edited, or the conversation has ended",
            body = common::problem::Document, content_type = "application/problem+json"),
        (status = 412, description = "it was edited meanwhile", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn edit(
    State(app): State<App>,
    who: Participant,
    Path((channel, seq)): Path<(ChannelId, i64)>,
    if_match: IfMatch,
    Json(EditMessage { text }): Json<EditMessage>,
) -> Result<Tagged<Entry>, Problem> {
    let (place, standing) = access::enter(&app.log, &who, channel).await?;
    let actor = standing.writer(&who)?;
    let of = visible(&app.log, place, (seq, standing)).await?;
    in_time(&app, place, (&of, actor)).await?;
    settings::agreed(&app, place, &who).await?;
    let body = Body {
        blocks: markdown::parse(text.expose()),
        text,
        ..Body::default()
    };
    for _ in 0..ATTEMPTS {
        let head = app.log.head(place).await?;
        let version = app.log.version(place, seq).await?;
        if_match.check(version)?;
        let known = read(&app, place, (seq, standing)).await?;
        if known
            .body
            .as_ref()
            .is_some_and(|said| said.text == body.text)
        {
            return Ok(Tagged::new(known, version));
        }
        let act = Act::Edit {
            of: of.clone(),
            body: body.clone(),
        };
        // The version is the client's as long as nothing at all was written.
        let seen = if_match.names_versions().then_some(head.seq);
        match app.log.act_on(place, actor, act, seen).await {
            Err(Error::Refused(Refusal::Moved)) => {}
            acted => {
                let version = acted?.entry.map_or(version, |edit| edit.seq);
                return Ok(Tagged::new(
                    read(&app, place, (seq, standing)).await?,
                    version,
                ));
            }
        }
    }
    Err(Error::Busy.into())
}

/// Takes a message or a note back.
///
/// Its text and its files are gone then, for everybody; that there was something stays. Its sender may,
/// for as long as the workspace says (`edit_minutes`); whoever has `conversations:moderate` may take
/// back everything at any time. Repeating it changes nothing.
#[utoipa::path(
    delete, path = "/messages/{channel_id}/{seq}", operation_id = "delete_message", tag = "messages",
    security(("bearer" = ["conversations:write"])),
    params(
        ("channel_id" = ChannelId, Path, description = "the channel"),
        ("seq" = i64, Path, description = "the message's place in the log"),
    ),
    responses(
        (status = 204, description = "it is taken back"),
        (status = 404, description = "no such message for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
        (status = 409, description = "it is too old to be taken back", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(app): State<App>,
    who: Participant,
    Path((channel, seq)): Path<(ChannelId, i64)>,
) -> Result<StatusCode, Problem> {
    let (place, standing) = access::enter(&app.log, &who, channel).await?;
    let moderates = match (&who, standing) {
        (Participant::Person(caller), Standing::Colleague(_)) => {
            caller.may(Permission::ConversationsModerate)
        }
        _ => false,
    };
    let actor = if moderates {
        standing.actor()
    } else {
        standing.writer(&who)?
    };
    let of = visible(&app.log, place, (seq, standing)).await?;
    if of.deleted {
        return Ok(StatusCode::NO_CONTENT);
    }
    if !moderates {
        in_time(&app, place, (&of, actor)).await?;
    }
    app.log.act(place, actor, Act::Delete { of }, None).await?;
    attachments::taken_back(&app, place, seq).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets the sender pass while the workspace allows it.
async fn in_time(app: &App, place: Place, (of, actor): (&Of, Actor)) -> Result<(), Problem> {
    let settings = settings::of(app, place.workspace).await?;
    let within = Duration::minutes(settings.edit_minutes.into());
    Ok(may_edit(of, actor, app.clock.now(), within)?)
}

/// The message as it stands.
async fn read(app: &App, place: Place, (seq, standing): (i64, Standing)) -> Result<Entry, Problem> {
    let (entries, _) = app
        .log
        .page(place, History::After(seq - 1), 1, standing.audience())
        .await?;
    let mut entries = entries.into_iter();
    entries
        .next()
        .filter(|entry| entry.seq == seq)
        .ok_or_else(Problem::not_found)
}
