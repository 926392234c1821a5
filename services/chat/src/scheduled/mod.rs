//! Messages that are to be sent later.
//!
//! Each goes from `pending` to `sending` in one statement, which decides that it is sent; then it is
//! appended to the log under its own id, which makes it one message however often that is tried; then it
//! is `sent`. Whoever dies in between leaves a row that another instance takes up.

mod error;
mod http;
mod model;
mod store;
mod sweep;

use chat_api::ScheduledMessage;
use common::telemetry::Personal;
use ids::{ScheduledMessageId, WorkspaceId};
use secrecy::ExposeSecret;
use utoipa_axum::{router::OpenApiRouter, routes};
use vault::{Context, Scope, VaultError};

use crate::app::App;

pub use error::Error;
pub(crate) use sweep::send_until;

/// The routes that the gateway publishes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(
            http::list_scheduled_messages,
            http::schedule_message
        ))
        .routes(routes!(
            http::get_scheduled_message,
            http::update_scheduled_message,
            http::cancel_scheduled_message
        ))
}

/// Opens the text of a row.
async fn opened(
    app: &App,
    workspace: WorkspaceId,
    row: store::Row,
) -> Result<ScheduledMessage, VaultError> {
    let scope = Scope::workspace(workspace);
    let text = app
        .vault
        .open_text(scope, &context(row.id), &row.text)
        .await?;
    Ok(row.told(Personal::new(text.expose_secret().to_owned())))
}

/// Where a text stands.
fn context(id: ScheduledMessageId) -> Context {
    Context {
        field: "chat.scheduled_messages.text",
        row: id.as_uuid(),
    }
}
