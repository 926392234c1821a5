//! Signs on messages, and whether an answer helped.

use axum::{extract::State, http::StatusCode};
use chat_api::SetHelpful;
use common::{ErrorCode, Problem, tokens::Participant};
use ids::ChannelId;
use rest::{Json, Path};

use super::visible;
use crate::{access, app::App, log::Act};

/// Sets a sign on a message or a note.
///
/// Everybody who may write in the channel may; repeating it changes nothing.
#[utoipa::path(
    put, path = "/messages/{channel_id}/{seq}/reactions/{emoji}", operation_id = "set_reaction",
    tag = "messages",
    security(("bearer" = ["conversations:write"])),
    params(
        ("channel_id" = ChannelId, Path, description = "the channel"),
        ("seq" = i64, Path, description = "the message's place in the log"),
        ("emoji" = String, Path, description = "one emoji"),
    ),
    responses(
        (status = 204, description = "it is set"),
        (status = 404, description = "no such message for the caller, it was taken back, or that is no emoji",
            body = common::problem::Document, content_type = "application/problem+json"),
        (status = 409, description = "the conversation has ended", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn set_reaction(
    State(app): State<App>,
    who: Participant,
    Path(path): Path<(ChannelId, i64, String)>,
) -> Result<StatusCode, Problem> {
    react(&app, &who, path, true).await
}

/// Takes a sign off a message or a note.
///
/// Only one's own. Repeating it changes nothing.
#[utoipa::path(
    delete, path = "/messages/{channel_id}/{seq}/reactions/{emoji}", operation_id = "remove_reaction",
    tag = "messages",
    security(("bearer" = ["conversations:write"])),
    params(
        ("channel_id" = ChannelId, Path, description = "the channel"),
        ("seq" = i64, Path, description = "the message's place in the log"),
        ("emoji" = String, Path, description = "one emoji"),
    ),
    responses(
        (status = 204, description = "it is not there"),
        (status = 404, description = "no such message for the caller, it was taken back, or that is no emoji",
            body = common::problem::Document, content_type = "application/problem+json"),
        (status = 409, description = "the conversation has ended", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove_reaction(
    State(app): State<App>,
    who: Participant,
    Path(path): Path<(ChannelId, i64, String)>,
) -> Result<StatusCode, Problem> {
    react(&app, &who, path, false).await
}

async fn react(
    app: &App,
    who: &Participant,
    (channel, seq, emoji): (ChannelId, i64, String),
    on: bool,
) -> Result<StatusCode, Problem> {
    let emoji = sign(&emoji)
        .ok_or_else(|| Problem::not_found().detail("the last part of the path is one emoji"))?;
    let (place, standing) = access::enter(&app.log, who, channel).await?;
    let actor = standing.writer(who)?;
    let of = visible(&app.log, place, (seq, standing)).await?;
    let emoji = emoji.to_owned();
    app.log
        .act(place, actor, Act::React { of, emoji, on }, None)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The emoji as Unicode recommends to spell it, so that the same one is the same.
fn sign(text: &str) -> Option<&'static str> {
    emojis::get(text).map(emojis::Emoji::as_str)
}

/// Tells whether an answer helped.
///
/// For the visitor, of the AI's answers, also after the end of the conversation.
#[utoipa::path(
    put, path = "/messages/{channel_id}/{seq}/rating", operation_id = "rate_message", tag = "messages",
    security(("bearer" = [])),
    params(
        ("channel_id" = ChannelId, Path, description = "the channel"),
        ("seq" = i64, Path, description = "the answer's place in the log"),
    ),
    request_body = SetHelpful,
    responses(
        (status = 204, description = "it is noted"),
        (status = 404, description = "no such answer for the caller", body = common::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn set_rating(
    State(app): State<App>,
    who: Participant,
    Path((channel, seq)): Path<(ChannelId, i64)>,
    Json(SetHelpful { helpful }): Json<SetHelpful>,
) -> Result<StatusCode, Problem> {
    let (place, standing) = access::enter(&app.log, &who, channel).await?;
    if !standing.is_customer() {
        return Err(
            Problem::new(ErrorCode::Forbidden).detail("only the visitor says whether it helped")
        );
    }
    let act = Act::Helpful {
        of_seq: seq,
        helpful,
    };
    app.log.act(place, standing.actor(), act, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::sign;

    #[test]
    fn a_sign_is_one_emoji_and_nothing_else() {
        for emoji in ["👍", "👍🏽", "🏳️‍🌈", "🇩🇪", "1️⃣", "👩‍👩‍👧‍👦"]
        {
            assert_eq!(sign(emoji), Some(emoji));
        }
        // The same heart, spelled with and without the wish for colour.
        assert_eq!(sign("\u{2764}"), sign("\u{2764}\u{fe0f}"));
        for other in ["", "a", "1", "👍👍", ":+1:", "<b>", "\u{202e}", "👍 "] {
            assert_eq!(sign(other), None, "{other}");
        }
    }
}
