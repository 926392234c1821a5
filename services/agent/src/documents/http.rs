//! The HTTP side of documents.

use agent_api::{CreateDocument, Document, DocumentStatus};
use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use common::{
    ErrorCode, Problem,
    problem::{FieldError, Result},
    tokens::{Caller, Permission},
};
use http::StatusCode;
use ids::{AgentId, DocumentId, WorkspaceId};
use rest::{Cursor, IdempotencyKey, Json, Limit, Page, Path, Query, Tagged};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};

use super::{
    Error,
    store::{self, PageOf, Row},
};
use crate::{agents, app::App};

/// How the list is sorted; `-` is downwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
enum Sort {
    /// Oldest first.
    #[serde(rename = "created_at")]
    CreatedAt,
    /// Newest first.
    #[default]
    #[serde(rename = "-created_at")]
    CreatedAtDown,
}

/// Where a page begins. It names the order, because it is meaningless in another.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    sort: Sort,
    created_at: DateTime<Utc>,
    id: DocumentId,
}

/// Which documents, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListDocuments {
    /// Only those in this state.
    status: Option<DocumentStatus>,
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

impl ListDocuments {
    fn page(&self, agent: AgentId) -> Result<PageOf> {
        let position: Option<Position> = self.cursor.as_ref().map(Cursor::read).transpose()?;
        if position
            .as_ref()
            .is_some_and(|position| position.sort != self.sort)
        {
            return Err(Problem::new(ErrorCode::InvalidCursor)
                .detail("pass the same `sort`, or start again without a cursor")
                .field(FieldError::parameter("cursor", "not made for this order")));
        }
        Ok(PageOf {
            agent,
            status: self.status,
            down: self.sort == Sort::CreatedAtDown,
            after: position.map(|position| (position.created_at, position.id)),
            rows: self.limit.rows(),
        })
    }
}

/// List the documents of an agent
#[utoipa::path(
    get,
    path = "/agents/{id}/documents",
    operation_id = "list_documents",
    tag = "documents",
    security(("bearer" = ["agents:read"])),
    params(("id" = AgentId, Path, description = "the agent"), ListDocuments),
    responses((status = 200, description = "a page of documents", body = Page<Document>)),
)]
pub(super) async fn list_documents(
    State(app): State<App>,
    caller: Caller,
    Path(agent): Path<AgentId>,
    Query(query): Query<ListDocuments>,
) -> Result<Json<Page<Document>>> {
    caller.require(Permission::AgentsRead)?;
    let page = query.page(agent)?;
    let mut connection = app.pool.acquire().await?;
    agent_of(&mut connection, caller.workspace_id, agent).await?;
    let rows = store::fetch(&mut connection, caller.workspace_id, page).await?;
    let position = |row: &Row| Position {
        sort: query.sort,
        created_at: row.created_at,
        id: row.id,
    };
    Ok(Json(
        Page::cut(rows, query.limit, position).map(Document::from),
    ))
}

/// Add a document
///
/// It is `pending` at first, and can be found once it is `ready`, some seconds later.
#[utoipa::path(
    post,
    path = "/agents/{id}/documents",
    operation_id = "create_document",
    tag = "documents",
    security(("bearer" = ["agents:write"])),
    params(
        ("id" = AgentId, Path, description = "the agent"),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255,
         description = "repeating the request with the same key has no second effect, for 24 hours"),
    ),
    request_body = CreateDocument,
    responses(
        (status = 201, description = "the document", body = Document, headers(
            ("ETag" = String, description = "its version"),
            ("Idempotent-Replayed" = Option<String>, description = "`true` when it was created by an earlier request"),
        )),
        (status = 409, description = "the first request with this key is still running",
         body = common::problem::Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_document(
    State(app): State<App>,
    caller: Caller,
    Path(agent): Path<AgentId>,
    key: IdempotencyKey,
    Json(body): Json<CreateDocument>,
) -> Result<Response> {
    caller.require(Permission::AgentsWrite)?;
    let workspace = caller.workspace_id;
    let mut transaction = app.pool.begin().await?;
    agent_of(&mut transaction, workspace, agent).await?;
    let whose = (workspace, caller.user_id.as_uuid());
    // The agent is part of what a repeated request must repeat.
    let request = (agent, &body);
    let attempt = match app
        .idempotency
        .begin(
            &mut transaction,
            whose,
            "POST /agents/{id}/documents",
            (key, &request),
        )
        .await
    {
        Ok(attempt) => attempt,
        Err(answered) => return Ok(answered),
    };
    let now = app.clock.now();
    let document = Document {
        id: DocumentId::new(),
        agent_id: agent,
        title: body.title.clone(),
        url: body.url.clone(),
        status: DocumentStatus::Pending,
        error: None,
        chunk_count: 0,
        created_at: now,
        updated_at: now,
    };
    store::insert(&mut transaction, workspace, (&document, &body)).await?;
    let answer = (&document, Some(1));
    let response = attempt
        .finish(&mut transaction, StatusCode::CREATED, answer)
        .await?;
    transaction.commit().await?;
    app.wake.documents.notify_one();
    Ok(response)
}

/// Get a document
#[utoipa::path(
    get,
    path = "/agents/{id}/documents/{document_id}",
    operation_id = "get_document",
    tag = "documents",
    security(("bearer" = ["agents:read"])),
    params(
        ("id" = AgentId, Path, description = "the agent"),
        ("document_id" = DocumentId, Path, description = "the document"),
    ),
    responses((status = 200, description = "the document", body = Document,
               headers(("ETag" = String, description = "its version")))),
)]
pub(super) async fn get_document(
    State(app): State<App>,
    caller: Caller,
    Path(which): Path<(AgentId, DocumentId)>,
) -> Result<Tagged<Document>> {
    caller.require(Permission::AgentsRead)?;
    let mut connection = app.pool.acquire().await?;
    let row = store::find(&mut connection, caller.workspace_id, which)
        .await?
        .ok_or(Error::NotFound)?;
    let version = row.version;
    Ok(Tagged::new(row.into(), version))
}

/// Delete a document
///
/// No answer after this one rests on it.
#[utoipa::path(
    delete,
    path = "/agents/{id}/documents/{document_id}",
    operation_id = "delete_document",
    tag = "documents",
    security(("bearer" = ["agents:write"])),
    params(
        ("id" = AgentId, Path, description = "the agent"),
        ("document_id" = DocumentId, Path, description = "the document"),
    ),
    responses((status = 204, description = "it is gone")),
)]
pub(super) async fn delete_document(
    State(app): State<App>,
    caller: Caller,
    Path(which): Path<(AgentId, DocumentId)>,
) -> Result<StatusCode> {
    caller.require(Permission::AgentsWrite)?;
    let mut connection = app.pool.acquire().await?;
    if store::delete(&mut connection, caller.workspace_id, which).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::NotFound.into())
    }
}

async fn agent_of(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    agent: AgentId,
) -> Result<()> {
    if agents::exists(connection, workspace, agent).await? {
        Ok(())
    } else {
        Err(agents::Error::NotFound.into())
    }
}
