//! The HTTP side of interactions.

use axum::extract::State;
use common::{
    problem::Result,
    tokens::{Caller, Permission},
};
use crm_api::Interaction;
use ids::ContactId;
use rest::{Json, Page, PageQuery, Path, Query};

use super::store::{self, Position};
use crate::{app::App, contacts};

/// List a contact's interactions
///
/// Those that ended last come first.
#[utoipa::path(
    get,
    path = "/contacts/{id}/interactions",
    operation_id = "list_interactions",
    tag = "contacts",
    security(("bearer" = ["contacts:read"])),
    params(("id" = ContactId, Path, description = "the contact"), PageQuery),
    responses((status = 200, description = "a page of interactions", body = Page<Interaction>)),
)]
pub(super) async fn list_interactions(
    State(app): State<App>,
    caller: Caller,
    Path(contact): Path<ContactId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Interaction>>> {
    caller.require(Permission::ContactsRead)?;
    let after: Option<Position> = page.after()?;
    let limit = page.limit;
    let mut connection = app.pool.acquire().await?;
    if !contacts::exists(&mut connection, caller.workspace_id, contact).await? {
        return Err(contacts::Error::NotFound.into());
    }
    let page = (after, limit);
    let items = store::of_contact(&mut connection, caller.workspace_id, contact, page).await?;
    let position = |last: &Interaction| Position {
        created_at: last.created_at,
        id: last.id,
    };
    Ok(Json(Page::cut(items, limit, position)))
}
