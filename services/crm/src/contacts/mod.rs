//! Contacts: somebody whom the company talks to.

mod error;
mod http;
mod list;
mod model;
mod store;

use axum::{Router, routing::put};
use chat_api::Introduction;
use crm_api::events::{ContactCreated, ContactUpdated};
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

/// Fills in what a visitor says of themselves and their contact lacks.
pub(crate) async fn introduced(
    app: &App,
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    said: &Introduction,
) -> sqlx::Result<()> {
    let found = of_visitor(app, connection, workspace, said.visitor_id).await?;
    // As it is now, and nobody's to change until the transaction ends.
    let current = store::lock(connection, workspace, found.contact.id)
        .await?
        .ok_or(sqlx::Error::RowNotFound)?;
    let mut contact = model::introduced(&current.contact, said);
    if contact == current.contact {
        return Ok(());
    }
    contact.updated_at = app.clock.now();
    let updated = Versioned {
        contact,
        version: current.version + 1,
    };
    store::update(connection, workspace, &updated).await?;
    let event = ContactUpdated {
        contact_id: updated.contact.id,
        version: updated.version,
        updated_at: updated.contact.updated_at,
    };
    app.outbox.append(connection, workspace, &event).await
}
