//! A canned reply as it reads in a conversation.

use std::collections::BTreeMap;

use axum::extract::State;
use chat_api::{RenderCannedReply, RenderedReply};
use common::{
    Problem,
    problem::Result,
    telemetry::Personal,
    tokens::{Caller, Participant, Permission},
};
use ids::{CannedReplyId, VisitorId, WorkspaceId};
use rest::{Json, NoStore, Path};

use super::{Error, model, store};
use crate::{access, app::App, introductions};

/// Read a canned reply in a conversation
///
/// Its places are filled with what the request gives, and with what the visitor of the conversation said
/// of themselves: `contact.name`, `contact.email`, `contact.phone`, and `contact.` before the label of a
/// field of the workspace's own. Nothing is kept or sent.
#[utoipa::path(
    post, path = "/canned-replies/{id}/render", operation_id = "render_canned_reply", tag = "canned replies",
    security(("bearer" = ["conversations:read"])),
    params(("id" = CannedReplyId, Path, description = "the canned reply")),
    request_body = RenderCannedReply,
    responses((status = 200, description = "the text", body = RenderedReply)),
)]
pub(super) async fn render_canned_reply(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CannedReplyId>,
    Json(body): Json<RenderCannedReply>,
) -> Result<NoStore<RenderedReply>> {
    caller.require(Permission::ConversationsRead)?;
    let workspace = caller.workspace_id;
    let found = store::find(&app.pool, (workspace, caller.user_id), id)
        .await?
        .ok_or(Error::NotFound)?;
    let who = Participant::Person(caller);
    let (place, _) = access::enter(&app.log, &who, body.channel_id).await?;
    let visitor = app
        .log
        .recent_head(place)
        .await
        .map_err(Problem::from)?
        .visitor_id;
    let mut values = of_visitor(&app, workspace, visitor).await?;
    values.extend(
        body.values
            .into_iter()
            .map(|value| (value.name.trim().to_owned(), value.value.into_inner())),
    );
    let (text, missing) = model::filled(&found.reply.text, &values);
    Ok(NoStore(RenderedReply {
        text: Personal::new(text),
        missing,
    }))
}

/// What a visitor said of themselves, by the names of places.
async fn of_visitor(
    app: &App,
    workspace: WorkspaceId,
    visitor: VisitorId,
) -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    let Some(said) = introductions::of(app, workspace, visitor).await? else {
        return Ok(values);
    };
    for field in said.custom {
        let name = format!("contact.{}", field.label.trim());
        values.insert(name, field.value.into_inner());
    }
    let known = [
        ("contact.name", said.name),
        ("contact.email", said.email),
        ("contact.phone", said.phone),
    ];
    for (name, value) in known {
        if let Some(value) = value {
            values.insert(name.to_owned(), value.into_inner());
        }
    }
    Ok(values)
}
