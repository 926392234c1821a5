//! Drafts over HTTP.

use axum::{extract::State, http::StatusCode};
use chat_api::{Draft, PutDraft, Written};
use common::{
    Problem,
    problem::Result,
    telemetry::Personal,
    tokens::{Caller, Participant, Permission},
};
use ids::{ChannelId, DraftId, UserId};
use rest::{Json, NoStore, Path};
use secrecy::ExposeSecret;
use vault::{Context, Scope};

use super::store::{self, Row};
use crate::{
    access::{self, Standing},
    app::App,
    log::Place,
};

/// Get one's draft
///
/// What the caller was writing in the conversation; empty when that is nothing.
#[utoipa::path(
    get, path = "/channels/{id}/draft", operation_id = "get_draft", tag = "drafts",
    security(("bearer" = ["conversations:write"])),
    params(("id" = ChannelId, Path, description = "the channel")),
    responses((status = 200, description = "the draft", body = Draft)),
)]
pub(super) async fn get_draft(
    State(app): State<App>,
    caller: Caller,
    Path(channel): Path<ChannelId>,
) -> Result<NoStore<Draft>> {
    let (place, user) = enter(&app, caller, channel).await?;
    let Some(row) = store::find(&app.pool, place, user).await? else {
        return Ok(NoStore(nothing()));
    };
    let scope = Scope::workspace(place.workspace);
    let text = app
        .vault
        .open_text(scope, &context(row.id), &row.text)
        .await?;
    Ok(NoStore(Draft {
        text: Personal::new(text.expose_secret().to_owned()),
        kind: row.kind,
        updated_at: Some(row.updated_at),
    }))
}

/// Keep one's draft
///
/// In place of the one before; an empty text forgets it. It is forgotten by itself after 90 days.
#[utoipa::path(
    put, path = "/channels/{id}/draft", operation_id = "put_draft", tag = "drafts",
    security(("bearer" = ["conversations:write"])),
    params(("id" = ChannelId, Path, description = "the channel")),
    request_body = PutDraft,
    responses((status = 200, description = "the draft", body = Draft)),
)]
pub(super) async fn put_draft(
    State(app): State<App>,
    caller: Caller,
    Path(channel): Path<ChannelId>,
    Json(body): Json<PutDraft>,
) -> Result<NoStore<Draft>> {
    let (place, user) = enter(&app, caller, channel).await?;
    if body.text.expose().is_empty() {
        store::delete(&app.pool, (place.workspace, place.channel), user).await?;
        return Ok(NoStore(nothing()));
    }
    let (id, scope) = (DraftId::new(), Scope::workspace(place.workspace));
    let plain = body.text.expose().as_bytes();
    let row = Row {
        id,
        kind: body.kind,
        text: app.vault.seal(scope, &context(id), plain).await?,
        updated_at: app.clock.now(),
    };
    store::save(&app.pool, place, (user, &row)).await?;
    Ok(NoStore(Draft {
        text: body.text,
        kind: body.kind,
        updated_at: Some(row.updated_at),
    }))
}

/// Forget one's draft
#[utoipa::path(
    delete, path = "/channels/{id}/draft", operation_id = "delete_draft", tag = "drafts",
    security(("bearer" = ["conversations:write"])),
    params(("id" = ChannelId, Path, description = "the channel")),
    responses((status = 204, description = "there is none any more")),
)]
pub(super) async fn delete_draft(
    State(app): State<App>,
    caller: Caller,
    Path(channel): Path<ChannelId>,
) -> Result<StatusCode> {
    let (place, user) = enter(&app, caller, channel).await?;
    store::delete(&app.pool, (place.workspace, place.channel), user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The channel, for somebody who writes in it for the company.
async fn enter(app: &App, caller: Caller, channel: ChannelId) -> Result<(Place, UserId)> {
    caller.require(Permission::ConversationsWrite)?;
    let user = caller.user_id;
    let who = Participant::Person(caller);
    match access::enter(&app.log, &who, channel).await? {
        (place, Standing::Colleague(_)) => Ok((place, user)),
        // They play the customer, and the widget keeps what a customer is writing.
        (_, Standing::Customer(_)) => Err(Problem::not_found()),
    }
}

fn context(id: DraftId) -> Context {
    Context {
        field: "chat.drafts.text",
        row: id.as_uuid(),
    }
}

fn nothing() -> Draft {
    Draft {
        text: Personal::default(),
        kind: Written::Message,
        updated_at: None,
    }
}
