//! Contacts: somebody whom the company talks to.

mod error;
mod http;
mod list;
mod model;
mod store;

use axum::{Router, routing::put};
use crm_api::events::ContactCreated;
use ids::{VisitorId, WorkspaceId};
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub use error::Error;
pub use model::Versioned;
pub(crate) use store::exists;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_contacts, http::create_contact))
        .routes(routes!(http::get_contact, http::update_contact))
}

/// The routes for other services.
pub(crate) fn internal_routes() -> Router<App> {
    Router::new().route("/internal/contacts/by-visitor", put(http::find_by_visitor))
}

/// The contact of a visitor. Whoever asks first makes it, in the transaction of `connection`; whoever
/// asks meanwhile waits for that by the unique key. So there is exactly one, and one event tells of it.
pub(crate) async fn of_visitor(
    app: &App,
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    visitor: VisitorId,
) -> sqlx::Result<Versioned> {
    if let Some(found) = store::find_by_visitor(connection, workspace, visitor).await? {
        return Ok(found);
    }
    let contact = model::of_visitor(visitor, app.clock.now());
    if store::insert(connection, workspace, &contact).await? {
        let created = ContactCreated {
            contact_id: contact.id,
            visitor_id: contact.visitor_id,
            created_at: contact.created_at,
        };
        app.outbox.append(connection, workspace, &created).await?;
        return Ok(Versioned {
            contact,
            version: model::FIRST_VERSION,
        });
    }
    // Somebody else's, committed while we waited for the key.
    store::find_by_visitor(connection, workspace, visitor)
        .await?
        .ok_or(sqlx::Error::RowNotFound)
}
