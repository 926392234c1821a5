//! The HTTP side of agents.

use agent_api::{
    Agent, CreateAgent, PatchAgent,
    events::{AgentCreated, AgentUpdated},
};
use axum::{extract::State, response::Response};
use common::{
    problem::Result,
    tokens::{Caller, Permission},
};
use http::StatusCode;
use ids::AgentId;
use rest::{Check, Cursor, IdempotencyKey, IfMatch, Json, Limit, Page, Path, Query, Tagged};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Error, FIRST_VERSION,
    list::{self, PageOf, Position, Sort},
    store::{self, Versioned},
};
use crate::{app::App, documents};

/// Which agents, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAgents {
    /// Part of the name, in upper or lower case.
    #[param(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// The order; newest first by default.
    #[serde(default)]
    #[param(inline, value_type = Option<Sort>)]
    sort: Sort,
    /// How many at most.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Limit,
    /// `next_cursor` of the page before, made in the same order.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

impl ListAgents {
    fn page(self) -> Result<PageOf> {
        let mut check = Check::default();
        if let Some(name) = &self.name {
            check.line("name", name, 1..=100);
        }
        check.parameters()?;
        let after = self
            .cursor
            .map(|cursor| Position::read(&cursor, self.sort))
            .transpose()?;
        Ok(PageOf {
            name: self.name,
            sort: self.sort,
            after,
            limit: self.limit,
        })
    }
}

/// List agents
#[utoipa::path(
    get,
    path = "/agents",
    operation_id = "list_agents",
    tag = "agents",
    security(("bearer" = ["agents:read"])),
    params(ListAgents),
    responses((status = 200, description = "a page of agents", body = Page<Agent>)),
)]
pub(super) async fn list_agents(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListAgents>,
) -> Result<Json<Page<Agent>>> {
    caller.require(Permission::AgentsRead)?;
    let (sort, limit) = (query.sort, query.limit);
    let page = query.page()?;
    let mut connection = app.pool.acquire().await?;
    let rows = list::fetch(&mut connection, caller.workspace_id, page).await?;
    let page = Page::cut(rows, limit, |row| Position::of(row, sort));
    Ok(Json(page.map(|row| Versioned::from(row).agent)))
}

/// Create an agent
#[utoipa::path(
    post,
    path = "/agents",
    operation_id = "create_agent",
    tag = "agents",
    security(("bearer" = ["agents:write"])),
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255,
            description = "repeating the request with the same key has no second effect, for 24 hours")),
    request_body = CreateAgent,
    responses(
        (status = 201, description = "the agent", body = Agent, headers(
            ("ETag" = String, description = "its version"),
            ("Location" = String, description = "where it is"),
            ("Idempotent-Replayed" = Option<String>, description = "`true` when it was created by an earlier request"),
        )),
        (status = 409, description = "the first request with this key is still running",
         body = common::problem::Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_agent(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(body): Json<CreateAgent>,
) -> Result<Response> {
    caller.require(Permission::AgentsWrite)?;
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let whose = (workspace, caller.user_id.as_uuid());
    let attempt = match app
        .idempotency
        .begin(&mut transaction, whose, "POST /agents", (key, &body))
        .await
    {
        Ok(attempt) => attempt,
        Err(answered) => return Ok(answered),
    };
    let now = app.clock.now();
    let agent = Agent {
        id: AgentId::new(),
        user_id: caller.user_id,
        name: body.name,
        voice_type: body.voice_type,
        language: body.language,
        personality: body.personality,
        system_prompt: body.system_prompt,
        created_at: now,
        updated_at: now,
    };
    let created = Versioned {
        agent,
        version: FIRST_VERSION,
    };
    store::insert(&mut transaction, workspace, &created).await?;
    let event = AgentCreated {
        agent_id: created.agent.id,
        created_at: now,
    };
    app.outbox
        .append(&mut transaction, workspace, &event)
        .await?;
    let answer = (&created.agent, Some(FIRST_VERSION));
    let response = attempt
        .finish(&mut transaction, StatusCode::CREATED, answer)
        .await?;
    app.outbox.commit(transaction).await?;
    Ok(response)
}

/// Get an agent
#[utoipa::path(
    get,
    path = "/agents/{id}",
    operation_id = "get_agent",
    tag = "agents",
    security(("bearer" = ["agents:read"])),
    params(("id" = AgentId, Path, description = "the agent")),
    responses((status = 200, description = "the agent", body = Agent,
               headers(("ETag" = String, description = "its version")))),
)]
pub(super) async fn get_agent(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AgentId>,
) -> Result<Tagged<Agent>> {
    caller.require(Permission::AgentsRead)?;
    let mut connection = app.pool.acquire().await?;
    let found = store::find(&mut connection, caller.workspace_id, id)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(Tagged::new(found.agent, found.version))
}

/// Change an agent
///
/// A JSON merge patch (RFC 7396): what is absent stays, null sets the default. A patch that changes
/// nothing leaves the version as it is. The next answer is given by the changed agent.
#[utoipa::path(
    patch,
    path = "/agents/{id}",
    operation_id = "update_agent",
    tag = "agents",
    security(("bearer" = ["agents:write"])),
    params(
        ("id" = AgentId, Path, description = "the agent"),
        ("If-Match" = Option<String>, Header, description = "change it only if this is still its ETag"),
    ),
    request_body(content(
        (PatchAgent = "application/merge-patch+json"),
        (PatchAgent = "application/json"),
    )),
    responses(
        (status = 200, description = "the agent after the change", body = Agent,
         headers(("ETag" = String, description = "its version"))),
        (status = 412, description = "it has changed since you read it",
         body = common::problem::Document, content_type = "application/problem+json",
         headers(("ETag" = String, description = "its version now"))),
    ),
)]
pub(super) async fn update_agent(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AgentId>,
    if_match: IfMatch,
    Json(patch): Json<PatchAgent>,
) -> Result<Tagged<Agent>> {
    caller.require(Permission::AgentsWrite)?;
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    let current = store::lock(&mut transaction, workspace, id)
        .await?
        .ok_or(Error::NotFound)?;
    if_match.check(current.version)?;
    let agent = patch.apply(current.agent.clone());
    if agent == current.agent {
        return Ok(Tagged::new(current.agent, current.version));
    }
    let agent = Agent {
        updated_at: app.clock.now(),
        ..agent
    };
    let updated = Versioned {
        agent,
        version: current.version + 1,
    };
    store::update(&mut transaction, workspace, &updated).await?;
    let stems = |agent: &Agent| documents::search_config(&agent.language);
    let stems_changed = stems(&updated.agent) != stems(&current.agent);
    if stems_changed {
        documents::requeue_of_agent(&mut transaction, workspace, id).await?;
    }
    let event = AgentUpdated {
        agent_id: id,
        version: updated.version,
        updated_at: updated.agent.updated_at,
    };
    app.outbox
        .append(&mut transaction, workspace, &event)
        .await?;
    app.outbox.commit(transaction).await?;
    if stems_changed {
        app.wake.documents.notify_one();
    }
    Ok(Tagged::new(updated.agent, updated.version))
}
