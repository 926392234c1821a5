//! Scheduled messages over HTTP.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chat_api::{
    OwnerState, PatchScheduledMessage, ScheduleMessage, ScheduledMessage, ScheduledState,
};
use chrono::{DateTime, SubsecRound, Utc};
use common::{
    ErrorCode, Problem,
    problem::{Document, Result},
    tokens::{Caller, Participant, Permission},
};
use ids::{ChannelId, ScheduledMessageId, UserId};
use rest::{IdempotencyKey, IfMatch, Json, ListQuery, Page, PageQuery, Path, Tagged, Timestamp};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use vault::Scope;

use super::{
    Error, context,
    model::{self, FIRST_VERSION, MAX_PENDING, TAKEN_BACK},
    opened,
    store::{self, Filter, Row},
};
use crate::{
    access::{self, Standing},
    app::App,
    log::Place,
};

/// How the list is sorted; `-` is downwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub(super) enum Sort {
    /// What is sent first.
    #[default]
    #[serde(rename = "send_at")]
    SendAt,
    /// What is sent last.
    #[serde(rename = "-send_at")]
    SendAtDown,
}

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListScheduledMessages {
    /// Those of which this became.
    #[param(inline, value_type = Option<ScheduledState>)]
    state: Option<ScheduledState>,
    /// Those of this sender.
    user_id: Option<UserId>,
    /// The order.
    #[serde(default)]
    #[param(inline, value_type = Option<Sort>)]
    sort: Sort,
}

/// List scheduled messages
#[utoipa::path(
    get, path = "/channels/{id}/scheduled-messages", operation_id = "list_scheduled_messages",
    tag = "scheduled messages", security(("bearer" = ["conversations:read"])),
    params(("id" = ChannelId, Path, description = "the channel"), ListScheduledMessages, PageQuery),
    responses((status = 200, description = "a page of messages", body = Page<ScheduledMessage>)),
)]
pub(super) async fn list_scheduled_messages(
    State(app): State<App>,
    caller: Caller,
    Path(channel): Path<ChannelId>,
    query: ListQuery<ListScheduledMessages>,
) -> Result<Json<Page<ScheduledMessage>>> {
    let (place, _) = enter(&app, caller, (channel, Permission::ConversationsRead)).await?;
    let ListQuery { filters, page } = query;
    let filter = Filter {
        state: filters.state,
        user: filters.user_id,
        down: filters.sort == Sort::SendAtDown,
    };
    let from = (page.after()?, page.limit);
    let rows = store::list(&app.pool, place, filter, from).await?;
    let Page { items, next_cursor } = Page::cut(rows, page.limit, |last| (last.send_at, last.id));
    let mut messages = Vec::with_capacity(items.len());
    for row in items {
        messages.push(opened(&app, place.workspace, row).await?);
    }
    Ok(Json(Page {
        items: messages,
        next_cursor,
    }))
}

/// Schedule a message
///
/// It is sent once, in the name of the caller, who takes the conversation over by it where nobody of the
/// company answers. Ten may wait in a conversation.
#[utoipa::path(
    post, path = "/channels/{id}/scheduled-messages", operation_id = "schedule_message",
    tag = "scheduled messages", security(("bearer" = ["conversations:write"])),
    params(
        ("id" = ChannelId, Path, description = "the channel"),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255,
         description = "repeated with the same key it is one message; kept as long as that"),
    ),
    request_body = ScheduleMessage,
    responses(
        (status = 201, description = "the message", body = ScheduledMessage, headers(
            ("ETag" = String, description = "its version"),
            ("Location" = String, description = "where it is"),
        )),
        (status = 409, description = "the conversation has ended, or too many messages wait in it",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn schedule_message(
    State(app): State<App>,
    caller: Caller,
    Path(channel): Path<ChannelId>,
    key: IdempotencyKey,
    Json(body): Json<ScheduleMessage>,
) -> Result<Response> {
    let (place, user) = enter(&app, caller, (channel, Permission::ConversationsWrite)).await?;
    if let Some(key) = key.as_str()
        && let Some(row) = store::by_key(&app.pool, place, (user, key)).await?
    {
        return again(&app, place, row, &body).await;
    }
    let now = app.clock.now();
    model::may_send_at(body.send_at.time(), now)?;
    let head = app.log.head(place).await?;
    if head.owner == OwnerState::Closed {
        return Err(Error::Closed.into());
    }
    let id = ScheduledMessageId::new();
    let (scope, plain) = (Scope::workspace(place.workspace), body.text.expose());
    let row = Row {
        id,
        channel_id: channel,
        user_id: user,
        text: app
            .vault
            .seal(scope, &context(id), plain.as_bytes())
            .await?,
        send_at: micros(body.send_at),
        cancel_on_reply: body.cancel_on_reply,
        state: ScheduledState::Pending.as_str().to_owned(),
        reason: None,
        seq: None,
        version: FIRST_VERSION,
        created_at: now,
        updated_at: now,
    };
    let mut transaction = app.pool.begin().await?;
    let pending = store::count_pending(&mut transaction, place).await?;
    // The same request may have been waited for.
    if let Some(key) = key.as_str()
        && let Some(row) = store::by_key(&mut *transaction, place, (user, key)).await?
    {
        return again(&app, place, row, &body).await;
    }
    if pending >= MAX_PENDING {
        return Err(Error::TooMany.into());
    }
    let besides = (head.last_visitor_seq, key.as_str());
    store::insert(&mut transaction, place.workspace, &row, besides).await?;
    transaction.commit().await?;
    Ok(created(row.version, row.told(body.text)))
}

/// The answer to a request that came before, under the same key.
async fn again(app: &App, place: Place, row: Row, body: &ScheduleMessage) -> Result<Response> {
    let version = row.version;
    let message = opened(app, place.workspace, row).await?;
    let as_asked = message.text == body.text
        && message.send_at == micros(body.send_at)
        && message.cancel_on_reply == body.cancel_on_reply;
    // What was changed or sent since then tells no more what was asked for.
    if version == FIRST_VERSION && !as_asked {
        return Err(Error::KeyReused.into());
    }
    Ok(created(version, message))
}

fn created(version: i64, message: ScheduledMessage) -> Response {
    let path = format!(
        "/api/v1/channels/{}/scheduled-messages/{}",
        message.channel_id, message.id
    );
    let location = [(header::LOCATION, path)];
    (StatusCode::CREATED, location, Tagged::new(message, version)).into_response()
}

/// Get a scheduled message
#[utoipa::path(
    get, path = "/channels/{id}/scheduled-messages/{message_id}", operation_id = "get_scheduled_message",
    tag = "scheduled messages", security(("bearer" = ["conversations:read"])),
    params(
        ("id" = ChannelId, Path, description = "the channel"),
        ("message_id" = ScheduledMessageId, Path, description = "the message"),
    ),
    responses((status = 200, description = "the message", body = ScheduledMessage,
               headers(("ETag" = String, description = "its version")))),
)]
pub(super) async fn get_scheduled_message(
    State(app): State<App>,
    caller: Caller,
    Path((channel, id)): Path<(ChannelId, ScheduledMessageId)>,
) -> Result<Tagged<ScheduledMessage>> {
    let (place, _) = enter(&app, caller, (channel, Permission::ConversationsRead)).await?;
    let row = store::find(&app.pool, place, id)
        .await?
        .ok_or(Error::NotFound)?;
    let version = row.version;
    Ok(Tagged::new(
        opened(&app, place.workspace, row).await?,
        version,
    ))
}

/// Change a scheduled message
///
/// A JSON merge patch (RFC 7396): what is absent stays. Only its sender changes it, while it waits.
#[utoipa::path(
    patch, path = "/channels/{id}/scheduled-messages/{message_id}", operation_id = "update_scheduled_message",
    tag = "scheduled messages", security(("bearer" = ["conversations:write"])),
    params(
        ("id" = ChannelId, Path, description = "the channel"),
        ("message_id" = ScheduledMessageId, Path, description = "the message"),
        ("If-Match" = Option<String>, Header, description = "change it only if this is still its ETag"),
    ),
    request_body(content(
        (PatchScheduledMessage = "application/merge-patch+json"),
        (PatchScheduledMessage = "application/json"),
    )),
    responses(
        (status = 200, description = "the message after the change", body = ScheduledMessage,
         headers(("ETag" = String, description = "its version"))),
        (status = 409, description = "it does not wait any more",
         body = Document, content_type = "application/problem+json"),
        (status = 412, description = "it has changed since you read it",
         body = Document, content_type = "application/problem+json",
         headers(("ETag" = String, description = "its version now"))),
    ),
)]
pub(super) async fn update_scheduled_message(
    State(app): State<App>,
    caller: Caller,
    Path((channel, id)): Path<(ChannelId, ScheduledMessageId)>,
    if_match: IfMatch,
    Json(patch): Json<PatchScheduledMessage>,
) -> Result<Tagged<ScheduledMessage>> {
    let (place, user) = enter(&app, caller, (channel, Permission::ConversationsWrite)).await?;
    let mut row = store::find(&app.pool, place, id)
        .await?
        .ok_or(Error::NotFound)?;
    if row.user_id != user {
        return Err(Problem::new(ErrorCode::Forbidden)
            .detail("only its sender changes it; you may take it back"));
    }
    if_match.check(row.version)?;
    if !row.is_pending() {
        return Err(Error::NotPending.into());
    }
    let now = app.clock.now();
    let current = opened(&app, place.workspace, row.clone()).await?;
    if let Some(send_at) = patch.send_at.value() {
        model::may_send_at(send_at.time(), now)?;
        row.send_at = micros(*send_at);
    }
    if let Some(cancel) = patch.cancel_on_reply.value() {
        row.cancel_on_reply = *cancel;
    }
    let text = patch
        .text
        .apply(Some(current.text.clone()))
        .unwrap_or_default();
    let same = (text == current.text)
        && (row.send_at, row.cancel_on_reply) == (current.send_at, current.cancel_on_reply);
    if same {
        return Ok(Tagged::new(current, row.version));
    }
    let scope = Scope::workspace(place.workspace);
    let plain = text.expose().as_bytes();
    row.text = app.vault.seal(scope, &context(id), plain).await?;
    row.version += 1;
    row.updated_at = now;
    if !store::update(&app.pool, place.workspace, &row).await? {
        return Err(Error::NotPending.into());
    }
    let version = row.version;
    Ok(Tagged::new(row.told(text), version))
}

/// Take a scheduled message back
///
/// Everybody who writes for the company may, while it waits.
#[utoipa::path(
    delete, path = "/channels/{id}/scheduled-messages/{message_id}", operation_id = "cancel_scheduled_message",
    tag = "scheduled messages", security(("bearer" = ["conversations:write"])),
    params(
        ("id" = ChannelId, Path, description = "the channel"),
        ("message_id" = ScheduledMessageId, Path, description = "the message"),
        ("If-Match" = Option<String>, Header, description = "take it back only if this is still its ETag"),
    ),
    responses(
        (status = 204, description = "it is not sent"),
        (status = 409, description = "it does not wait any more",
         body = Document, content_type = "application/problem+json"),
        (status = 412, description = "it has changed since you read it",
         body = Document, content_type = "application/problem+json",
         headers(("ETag" = String, description = "its version now"))),
    ),
)]
pub(super) async fn cancel_scheduled_message(
    State(app): State<App>,
    caller: Caller,
    Path((channel, id)): Path<(ChannelId, ScheduledMessageId)>,
    if_match: IfMatch,
) -> Result<StatusCode> {
    let (place, _) = enter(&app, caller, (channel, Permission::ConversationsWrite)).await?;
    let row = store::find(&app.pool, place, id)
        .await?
        .ok_or(Error::NotFound)?;
    if_match.check(row.version)?;
    let why = (TAKEN_BACK, app.clock.now());
    if store::cancel(&app.pool, place, (id, row.version), why).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::NotPending.into())
    }
}

/// The channel, for somebody of the company who may do this in it.
async fn enter(
    app: &App,
    caller: Caller,
    (channel, permission): (ChannelId, Permission),
) -> Result<(Place, UserId)> {
    caller.require(permission)?;
    let user = caller.user_id;
    let who = Participant::Person(caller);
    match access::enter(&app.log, &who, channel).await? {
        (place, Standing::Colleague(_)) => Ok((place, user)),
        // They play the customer, who has nothing to say later.
        (_, Standing::Customer(_)) => Err(Problem::not_found()),
    }
}

/// A time as the store keeps it.
fn micros(time: Timestamp) -> DateTime<Utc> {
    time.time().trunc_subsecs(6)
}
