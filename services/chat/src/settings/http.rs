//! The settings over HTTP.

use std::sync::Arc;

use axum::extract::State;
use chat_api::{ChatSettings, PatchChatSettings};
use common::{
    problem::{Document, Result},
    tokens::{Caller, Permission},
};
use rest::{IfMatch, Json, Tagged};

use super::{
    model::{self, Versioned},
    store,
};
use crate::app::App;

/// Get the settings
///
/// What the workspace decided about its conversations.
#[utoipa::path(
    get, path = "/chat-settings", operation_id = "get_chat_settings", tag = "settings",
    security(("bearer" = ["conversations:read"])),
    responses((status = 200, description = "the settings", body = ChatSettings,
               headers(("ETag" = String, description = "their version")))),
)]
pub(super) async fn get_chat_settings(
    State(app): State<App>,
    caller: Caller,
) -> Result<Tagged<ChatSettings>> {
    caller.require(Permission::ConversationsRead)?;
    let found = store::find(&app.pool, caller.workspace_id).await?;
    Ok(Tagged::new(found.settings, found.version))
}

/// Change the settings
///
/// A JSON merge patch (RFC 7396): what is absent stays, null goes back to what holds without a decision. A
/// patch that changes nothing leaves the version as it is. Every instance goes by it within five seconds.
#[utoipa::path(
    patch, path = "/chat-settings", operation_id = "update_chat_settings", tag = "settings",
    security(("bearer" = ["chat_settings:write"])),
    params(("If-Match" = Option<String>, Header, description = "change them only if this is still their ETag")),
    request_body(content(
        (PatchChatSettings = "application/merge-patch+json"),
        (PatchChatSettings = "application/json"),
    )),
    responses(
        (status = 200, description = "the settings after the change", body = ChatSettings,
         headers(("ETag" = String, description = "their version"))),
        (status = 412, description = "they have changed since you read them",
         body = Document, content_type = "application/problem+json",
         headers(("ETag" = String, description = "their version now"))),
    ),
)]
pub(super) async fn update_chat_settings(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Json(patch): Json<PatchChatSettings>,
) -> Result<Tagged<ChatSettings>> {
    caller.require(Permission::ChatSettingsWrite)?;
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let current = store::lock(&mut transaction, workspace).await?;
    if_match.check(current.version)?;
    let mut settings = model::patched(&current.settings, patch)?;
    if settings == current.settings {
        return Ok(Tagged::new(current.settings, current.version));
    }
    settings.updated_at = Some(app.clock.now());
    let changed = Versioned {
        settings,
        version: current.version + 1,
    };
    if changed.settings.consent.version > current.settings.consent.version {
        store::keep_text(&mut transaction, workspace, &changed).await?;
    }
    store::save(&mut transaction, workspace, &changed).await?;
    transaction.commit().await?;
    let settings = Arc::new(changed.settings.clone());
    app.settings.keep(workspace, settings);
    app.settings.tell(workspace).await;
    Ok(Tagged::new(changed.settings, changed.version))
}
