//! Roles: the built-in ones, those that a workspace makes, and what each may do.

use chrono::{DateTime, Utc};
use common::tokens::{Permission, Role};
use ids::RoleId;
use rest::{Check, Field, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const NAME: std::ops::RangeInclusive<usize> = 1..=100;

/// A role that a workspace made for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustomRole {
    /// The role.
    pub id: RoleId,
    /// What it is called.
    pub name: String,
    /// What it lets people do, in the order of the alphabet.
    #[schema(example = json!(["contacts:read", "conversations:read"]))]
    pub permissions: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A role to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRole {
    /// What it is called. No other role of the workspace is called so, in upper or lower case.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What it lets people do; the caller must have each of them.
    #[schema(min_items = 1, example = json!(["contacts:read", "conversations:read"]))]
    pub permissions: Vec<String>,
}

impl Validate for CreateRole {
    fn validate(&self, check: &mut Check) {
        name(check, &self.name);
        permissions(check, &self.permissions);
    }
}

/// A merge patch of a role. Nothing of it can be cleared.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchRole {
    /// What it is called.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: Field<String>,
    /// All that it lets people do.
    #[serde(default)]
    #[schema(value_type = Vec<String>, min_items = 1)]
    pub permissions: Field<Vec<String>>,
}

impl Validate for PatchRole {
    fn validate(&self, check: &mut Check) {
        check.required("/name", &self.name, |check, text| name(check, text));
        check.required("/permissions", &self.permissions, |check, names| {
            permissions(check, names);
        });
    }
}

fn name(check: &mut Check, text: &str) {
    check.line("/name", text, NAME);
    if text.trim().to_lowercase().parse::<Role>().is_ok() {
        check.fault("/name", "is the name of a built-in role");
    }
}

fn permissions(check: &mut Check, names: &[String]) {
    if names.is_empty() || names.len() > Permission::ALL.len() {
        let most = Permission::ALL.len();
        check.fault("/permissions", format!("must name 1 to {most} permissions"));
    }
    for (index, name) in names.iter().enumerate() {
        if !Permission::ALL
            .iter()
            .any(|permission| permission.as_str() == name)
        {
            let pointer = format!("/permissions/{index}");
            check.fault(
                &pointer,
                "is not a permission; GET /auth/permissions lists them",
            );
        }
    }
}

/// Checks a role that somebody is to have: a built-in one by its name, or one of the workspace's own by
/// its id.
pub(crate) fn assignment(check: &mut Check, role: Role, role_id: Option<RoleId>) {
    match (role, role_id) {
        (Role::Program, _) => check.fault("/role", "is no role of people"),
        (Role::Custom, None) => check.fault("/role_id", "is required with the role custom"),
        (Role::Custom, Some(_)) | (_, None) => {}
        (_, Some(_)) => check.fault("/role_id", "goes with the role custom only"),
    }
}

/// What can be allowed, and what each built-in role may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PermissionTable {
    /// Every permission there is.
    pub permissions: Vec<PermissionInfo>,
    /// The built-in roles, the mightiest first.
    pub roles: Vec<RolePermissions>,
}

/// One thing that somebody may be allowed to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PermissionInfo {
    /// As tokens and roles spell it.
    #[schema(example = "contacts:write")]
    pub name: String,
    /// What it lets somebody do, as a sentence.
    #[schema(example = "Create and change contacts.")]
    pub description: String,
}

/// What a built-in role may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RolePermissions {
    /// The role.
    pub role: Role,
    /// Its permissions, in the order of the alphabet.
    pub permissions: Vec<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn faults(value: &impl Validate) -> Vec<String> {
        let Err(problem) = Check::run(value) else {
            return Vec::new();
        };
        let errors = problem.document().errors.into_iter();
        errors.filter_map(|error| error.pointer).collect()
    }

    fn create(name: &str, permissions: Value) -> Vec<String> {
        let body = json!({ "name": name, "permissions": permissions });
        faults(&serde_json::from_value::<CreateRole>(body).unwrap())
    }

    #[test]
    fn a_role_has_a_name_of_its_own_and_permissions_that_exist() {
        let good = json!(["contacts:read"]);
        assert_eq!(create("Sales", good.clone()), [""; 0]);
        for taken in ["owner", " Admin ", "VIEWER", "custom"] {
            assert_eq!(create(taken, good.clone()), ["/name"], "{taken}");
        }
        assert_eq!(create("Sales", json!([])), ["/permissions"]);
        let unknown = json!(["contacts:read", "contacts:delete"]);
        assert_eq!(create("Sales", unknown), ["/permissions/1"]);
        let many = json!(vec!["contacts:read"; Permission::ALL.len() + 1]);
        assert_eq!(create("Sales", many), ["/permissions"]);
    }

    #[test]
    fn nothing_of_a_role_can_be_cleared() {
        let patch = |body: Value| faults(&serde_json::from_value::<PatchRole>(body).unwrap());
        assert_eq!(patch(json!({})), [""; 0]);
        let both = json!({ "name": null, "permissions": null });
        assert_eq!(patch(both), ["/name", "/permissions"]);
    }

    #[test]
    fn the_id_goes_with_the_role_custom() {
        let pointers = |role: Role, id: Option<RoleId>| {
            struct Both(Role, Option<RoleId>);
            impl Validate for Both {
                fn validate(&self, check: &mut Check) {
                    assignment(check, self.0, self.1);
                }
            }
            faults(&Both(role, id))
        };
        assert_eq!(pointers(Role::Agent, None), [""; 0]);
        assert_eq!(pointers(Role::Custom, Some(RoleId::new())), [""; 0]);
        assert_eq!(pointers(Role::Custom, None), ["/role_id"]);
        assert_eq!(pointers(Role::Agent, Some(RoleId::new())), ["/role_id"]);
        assert_eq!(pointers(Role::Program, None), ["/role"]);
    }
}
