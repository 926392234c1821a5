//! The HTTP side of conversations.

use agent_api::{Conversation, StartConversation};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chat_api::{OpenChannel, OwnerState};
use common::{
    problem::Result,
    tokens::{Participant, Permission},
};
use http::StatusCode;
use ids::{AgentId, VisitorId};
use rest::{Json, OptionalJson, Path};

use super::{Error, store};
use crate::{agents, app::App};

/// A conversation that chat has closed already is replaced this often. More would mean that somebody
/// closes them faster than they are opened.
const ATTEMPTS: usize = 3;

/// Start a conversation
///
/// Answers the open conversation with this agent, or makes one. Repeating it changes nothing. A visitor
/// may start one with the agent that the session names; a person of the company may start one with any
/// agent, and plays the customer in it.
#[utoipa::path(
    post,
    path = "/agents/{id}/start",
    operation_id = "start_conversation",
    tag = "conversations",
    security(("bearer" = ["conversations:write"])),
    params(("id" = AgentId, Path, description = "the agent")),
    request_body(content = Option<StartConversation>, description = "there is nothing to say yet: leave it out"),
    responses(
        (status = 200, description = "the open conversation", body = Conversation),
        (status = 201, description = "a new conversation", body = Conversation),
    ),
)]
pub(super) async fn start_conversation(
    State(app): State<App>,
    caller: Participant,
    Path(agent): Path<AgentId>,
    OptionalJson(StartConversation {}): OptionalJson<StartConversation>,
) -> Result<Response> {
    let workspace = caller.workspace_id();
    let visitor = customer(&caller, agent)?;
    let mut connection = app.pool.acquire().await?;
    let found = agents::find(&mut connection, workspace, agent)
        .await?
        .ok_or(agents::Error::NotFound)?;
    drop(connection);
    let wanted = OpenChannel {
        workspace_id: workspace,
        agent_id: agent,
        visitor_id: visitor,
    };
    for _ in 0..ATTEMPTS {
        let mut connection = app.pool.acquire().await?;
        let now = app.clock.now();
        let Some(row) = store::open(&mut connection, workspace, (agent, visitor, now)).await?
        else {
            continue;
        };
        // A call to another service must not keep a connection.
        drop(connection);
        let opened = app.chat.open(row.channel_id, &wanted).await?;
        let channel = opened.channel;
        if channel.owner == OwnerState::Closed {
            // The event that says so is still on its way.
            let end = store::End {
                channel: row.channel_id,
                seq: channel.owner_version,
                at: channel.closed_at.unwrap_or(now),
                escalated: false,
            };
            store::close(&mut *app.pool.acquire().await?, workspace, end).await?;
            app.wake.log.notify_one();
            continue;
        }
        let status = if opened.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let conversation = Conversation {
            conversation_id: channel.id,
            channel_id: channel.id,
            agent_id: agent,
            agent_name: found.agent.name,
            owner: channel.owner,
            head_seq: channel.head_seq,
            created_at: channel.created_at,
        };
        return Ok((status, Json(conversation)).into_response());
    }
    Err(Error::Restless.into())
}

/// Who the customer of the conversation is.
fn customer(caller: &Participant, agent: AgentId) -> Result<VisitorId> {
    match caller {
        Participant::Visitor(visitor) if visitor.agent_id == agent => Ok(visitor.visitor_id),
        Participant::Visitor(_) => Err(Error::OtherAgent.into()),
        Participant::Person(person) => {
            person.require(Permission::ConversationsWrite)?;
            Ok(VisitorId::from_uuid(person.user_id.as_uuid()))
        }
    }
}
