//! Teams: groups of people who take care of conversations together.

mod error;
mod http;
mod list;
mod store;
mod sweep;

use common::Problem;
use ids::{TeamId, WorkspaceId};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub use error::Error;
pub(crate) use sweep::leave_until;

/// Members of one team.
const MAX_MEMBERS: usize = 500;

/// The routes that the gateway publishes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list_teams, http::create_team))
        .routes(routes!(
            http::get_team,
            http::update_team,
            http::delete_team
        ))
        .routes(routes!(http::add_team_member, http::remove_team_member))
}

/// Whether the workspace has such a team.
///
/// # Errors
/// When PostgreSQL is not there.
pub async fn exists(app: &App, workspace: WorkspaceId, team: TeamId) -> Result<bool, Problem> {
    Ok(store::exists(&app.pool, workspace, team).await?)
}
