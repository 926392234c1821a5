//! Interactions: conversations with a contact that have ended.

mod http;
mod store;

use chat_api::events::ChannelClosed;
use crm_api::{InteractionType, events::InteractionCreated};
use ids::{ContactId, InteractionId, WorkspaceId};
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(http::list_interactions))
}

/// Records that a chat with `contact` has ended, and tells of it, in the transaction of `connection`.
/// A channel ends once, so a second record of it is none.
pub(crate) async fn record_chat(
    app: &App,
    connection: &mut PgConnection,
    (workspace, contact): (WorkspaceId, ContactId),
    closed: &ChannelClosed,
) -> sqlx::Result<()> {
    let interaction = InteractionCreated {
        interaction_id: InteractionId::new(),
        contact_id: contact,
        agent_id: closed.agent_id,
        channel_id: closed.channel_id,
        interaction_type: InteractionType::Chat,
        // Two clocks may disagree by a little; nothing lasts less than no time.
        duration_seconds: (closed.closed_at - closed.opened_at).num_seconds().max(0),
        escalated: closed.escalated,
        visitor_messages: closed.visitor_messages,
        agent_messages: closed.agent_messages,
        user_messages: closed.user_messages,
        started_at: closed.opened_at,
        ended_at: closed.closed_at,
    };
    if store::insert(connection, workspace, &interaction).await? {
        app.outbox
            .append(connection, workspace, &interaction)
            .await?;
    }
    Ok(())
}
