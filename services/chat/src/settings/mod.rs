//! What a workspace decides about its conversations.
//!
//! The decisions lie in PostgreSQL and are asked for with nearly every message, so each instance keeps
//! them for some seconds, and a hint over Redis ends that early.

mod cache;
mod hints;
mod http;
mod model;
mod store;
mod widget;

use std::sync::Arc;

use chat_api::ChatSettings;
use common::{ErrorCode, Problem, tokens::Participant};
use ids::{VisitorId, WorkspaceId};
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, consents, log::Place};

pub use cache::Settings;
pub use model::{Error, defaults};

/// The routes that the gateway publishes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::get_chat_settings, http::update_chat_settings))
        .routes(routes!(widget::get_widget_settings))
}

/// The settings of a workspace. Without PostgreSQL those that were known last, or else what holds
/// without any decision.
///
/// # Errors
/// None at present.
pub async fn of(app: &App, workspace: WorkspaceId) -> Result<Arc<ChatSettings>, Problem> {
    match app.settings.known(&app.pool, workspace).await {
        Ok(settings) => Ok(settings),
        Err(error) => {
            tracing::debug!(%error, "the settings are not there; nothing is decided");
            Ok(Arc::new(defaults()))
        }
    }
}

/// As [`may_write`], of whoever it is: only visitors are asked to agree.
///
/// # Errors
/// As [`may_write`].
pub async fn agreed(app: &App, place: Place, who: &Participant) -> Result<(), Problem> {
    match who {
        Participant::Visitor(visitor) => may_write(app, place, visitor.visitor_id).await,
        Participant::Person(_) => Ok(()),
    }
}

/// Lets a visitor write who has agreed to what the workspace asks for.
///
/// # Errors
/// 403 when they still have to agree, 503 when nobody can tell.
pub async fn may_write(app: &App, place: Place, visitor: VisitorId) -> Result<(), Problem> {
    may_tell(app, place.workspace, visitor).await
}

/// As [`may_write`], for what a visitor says outside of any channel.
///
/// # Errors
/// As [`may_write`].
pub async fn may_tell(
    app: &App,
    workspace: WorkspaceId,
    visitor: VisitorId,
) -> Result<(), Problem> {
    let settings = app.settings.known(&app.pool, workspace).await?;
    let version = settings.consent.version;
    if !settings.consent.required || has_agreed(app, workspace, visitor, version).await? {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::ConsentRequired)
        .detail("show the text of GET /widget-settings, and send its version to POST /consents")
        .member("consent_version", version))
}

/// Whether a visitor agreed to this version. Once they did, that is remembered.
async fn has_agreed(
    app: &App,
    workspace: WorkspaceId,
    visitor: VisitorId,
    version: i64,
) -> sqlx::Result<bool> {
    let whose = (workspace, visitor);
    if app.settings.has_agreed(whose, version) {
        return Ok(true);
    }
    let agreed = consents::exists(&app.pool, whose, version).await?;
    if agreed {
        app.settings.agreed(whose, version);
    }
    Ok(agreed)
}

/// The hash of the present text, if this is its version.
pub(crate) async fn present_text(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    version: i64,
) -> sqlx::Result<Option<String>> {
    let consent = store::find(connection, workspace).await?.settings.consent;
    let present = consent.version == version && !consent.text.is_empty();
    Ok(present.then_some(consent.hash))
}
