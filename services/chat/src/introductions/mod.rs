//! Who visitors say they are: in the form before the conversation, and in the one that is shown while
//! nobody is there.
//!
//! It is sealed. The event tells that there is something new, and the CRM fetches it.

mod http;
mod internal;
mod model;
mod store;

use axum::{Router, routing};
use chat_api::Introduction;
use common::Problem;
use ids::{VisitorId, WorkspaceId};
use utoipa_axum::{router::OpenApiRouter, routes};
use vault::{Context, Scope};

use crate::app::App;

/// The routes that the gateway publishes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(http::introduce))
}

/// The routes for other services.
pub fn internal_routes() -> Router<App> {
    Router::new().route(
        "/internal/visitors/{id}/introduction",
        routing::get(internal::get),
    )
}

/// What a visitor said of themselves, if they did.
///
/// # Errors
/// When it cannot be read or opened.
pub async fn of(
    app: &App,
    workspace: WorkspaceId,
    visitor: VisitorId,
) -> Result<Option<Introduction>, Problem> {
    let Some(row) = store::find(&app.pool, workspace, visitor).await? else {
        return Ok(None);
    };
    let (scope, context) = (Scope::workspace(workspace), context(visitor));
    let plain = app.vault.open(scope, &context, &row.sealed).await?;
    let said = model::read(&plain).map_err(Problem::internal)?;
    Ok(Some(model::told(
        visitor,
        said,
        row.version,
        row.introduced_at,
    )))
}

/// Where it stands.
const fn context(visitor: VisitorId) -> Context {
    Context {
        field: "chat.introductions.sealed",
        row: visitor.as_uuid(),
    }
}
