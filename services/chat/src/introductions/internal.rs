//! What the CRM asks.

use axum::extract::State;
use chat_api::Introduction;
use common::{ErrorCode, Problem, problem::Result, tokens::ServiceCaller};
use ids::{VisitorId, WorkspaceId};
use rest::{Json, Path, Query};
use serde::Deserialize;

use crate::app::App;

/// The only service that keeps contacts.
const CRM: &str = "crm";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GetQuery {
    workspace_id: WorkspaceId,
}

/// `GET /internal/visitors/{id}/introduction`: who a visitor said they are.
pub(super) async fn get(
    State(app): State<App>,
    caller: ServiceCaller,
    Path(visitor): Path<VisitorId>,
    Query(query): Query<GetQuery>,
) -> Result<Json<Introduction>> {
    if caller.service != CRM {
        return Err(Problem::new(ErrorCode::Forbidden).detail("only the CRM may do this"));
    }
    let said = super::of(&app, query.workspace_id, visitor).await?;
    said.map(Json).ok_or_else(Problem::not_found)
}
