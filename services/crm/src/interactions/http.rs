//! The HTTP side of interactions.

use axum::extract::State;
use common::{
    problem::Result,
    tokens::{Caller, Permission},
};
use crm_api::Interaction;
use ids::ContactId;
use rest::{Cursor, Json, Limit, Page, Path, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::store::{self, Position};
use crate::{app::App, contacts};

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListInteractions {
    /// How many at most.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Limit,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// List a contact's interactions
///
/// Those that ended last come first.
#[utoipa::path(
    get,
    path = "/contacts/{id}/interactions",
    operation_id = "list_interactions",
    tag = "contacts",
    security(("bearer" = ["contacts:read"])),
    params(("id" = ContactId, Path, description = "the contact"), ListInteractions),
    responses((status = 200, description = "a page of interactions", body = Page<Interaction>)),
)]
pub(super) async fn list_interactions(
    State(app): State<App>,
    caller: Caller,
    Path(contact): Path<ContactId>,
    Query(query): Query<ListInteractions>,
) -> Result<Json<Page<Interaction>>> {
    caller.require(Permission::ContactsRead)?;
    let after: Option<Position> = query.cursor.map(|cursor| cursor.read()).transpose()?;
    let mut connection = app.pool.acquire().await?;
    if !contacts::exists(&mut connection, caller.workspace_id, contact).await? {
        return Err(contacts::Error::NotFound.into());
    }
    let page = (after, query.limit);
    let items = store::of_contact(&mut connection, caller.workspace_id, contact, page).await?;
    let position = |last: &Interaction| Position {
        created_at: last.created_at,
        id: last.id,
    };
    Ok(Json(Page::cut(items, query.limit, position)))
}
