//! What can be allowed, and what the built-in roles may do. The table is part of the schema: migrations
//! fill it, and docs/permissions.md shows it.

use auth_api::{PermissionInfo, PermissionTable, RolePermissions};
use axum::extract::State;
use common::{
    problem::Result,
    tokens::{Caller, Permission, Role},
};
use rest::Json;
use sqlx::PgConnection;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{access, app::App};

/// The built-in roles, the mightiest first.
const BUILT_IN: [Role; 5] = [
    Role::Owner,
    Role::Admin,
    Role::Supervisor,
    Role::Agent,
    Role::Viewer,
];

/// The routes that the gateway publishes.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_permissions))
}

/// What a built-in role may do, in the order of the alphabet.
pub(crate) async fn of(connection: &mut PgConnection, role: Role) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "SELECT permission FROM auth.permissions WHERE role = $1 ORDER BY permission",
        role.as_str(),
    )
    .fetch_all(connection)
    .await
}

/// Get the permissions
///
/// Everything that can be allowed, and what each built-in role may do.
#[utoipa::path(
    get,
    path = "/auth/permissions",
    operation_id = "get_permissions",
    tag = "roles",
    security(("bearer" = ["roles:read"])),
    responses((status = 200, description = "the table", body = PermissionTable)),
)]
async fn get_permissions(State(app): State<App>, caller: Caller) -> Result<Json<PermissionTable>> {
    let mut connection = app.pool.acquire().await?;
    access::require(&mut connection, &caller, Permission::RolesRead).await?;
    let mut roles = Vec::with_capacity(BUILT_IN.len());
    for role in BUILT_IN {
        let permissions = of(&mut connection, role).await?;
        roles.push(RolePermissions { role, permissions });
    }
    let permissions = Permission::ALL.iter().map(|permission| PermissionInfo {
        name: permission.as_str().to_owned(),
        description: permission.description().to_owned(),
    });
    Ok(Json(PermissionTable {
        permissions: permissions.collect(),
        roles,
    }))
}
