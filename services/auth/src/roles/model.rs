//! The rules of roles.

use auth_api::{CreateRole, CustomRole, PatchRole};
use chrono::{DateTime, Utc};
use ids::RoleId;
use serde_json::{Value, json};

/// A role and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Versioned {
    pub(super) role: CustomRole,
    /// Counts its changes; the `ETag`.
    pub(super) version: i64,
}

/// A new role.
pub(super) fn created(body: CreateRole, now: DateTime<Utc>) -> Versioned {
    let role = CustomRole {
        id: RoleId::new(),
        name: body.name.trim().to_owned(),
        permissions: each_once(body.permissions),
        created_at: now,
        updated_at: now,
    };
    Versioned { role, version: 1 }
}

/// The role after a patch; the same when the patch changes nothing.
pub(super) fn patched(current: &Versioned, patch: PatchRole, now: DateTime<Utc>) -> Versioned {
    let mut role = current.role.clone();
    if let Some(name) = patch.name.apply(None) {
        role.name = name.trim().to_owned();
    }
    if let Some(permissions) = patch.permissions.apply(None) {
        role.permissions = each_once(permissions);
    }
    if role == current.role {
        return current.clone();
    }
    role.updated_at = now;
    Versioned {
        role,
        version: current.version + 1,
    }
}

/// Whether somebody with the role may do less than before.
pub(super) fn takes_away(before: &CustomRole, after: &CustomRole) -> bool {
    let kept = |permission| after.permissions.contains(permission);
    !before.permissions.iter().all(kept)
}

/// The form in which names are compared: lower case by Unicode's rules, the same on every server.
pub(super) fn name_key(name: &str) -> String {
    name.to_lowercase()
}

/// What the audit log keeps of a role.
pub(super) fn told(role: &CustomRole) -> Value {
    json!({ "name": role.name, "permissions": role.permissions })
}

fn each_once(mut permissions: Vec<String>) -> Vec<String> {
    permissions.sort();
    permissions.dedup();
    permissions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sales() -> Versioned {
        let body = json!({ "name": " Sales ", "permissions": ["contacts:write", "contacts:read", "contacts:read"] });
        created(serde_json::from_value(body).unwrap(), DateTime::UNIX_EPOCH)
    }

    fn patch(current: &Versioned, patch: Value) -> Versioned {
        let later = DateTime::UNIX_EPOCH + chrono::Duration::seconds(1);
        patched(current, serde_json::from_value(patch).unwrap(), later)
    }

    #[test]
    fn permissions_are_kept_once_and_sorted() {
        let sales = sales();
        assert_eq!(sales.role.name, "Sales");
        assert_eq!(sales.role.permissions, ["contacts:read", "contacts:write"]);
    }

    #[test]
    fn a_patch_that_changes_nothing_leaves_the_version() {
        let sales = sales();
        assert_eq!(patch(&sales, json!({})), sales);
        let same = json!({ "name": "Sales", "permissions": ["contacts:write", "contacts:read"] });
        assert_eq!(patch(&sales, same), sales);
        let renamed = patch(&sales, json!({ "name": "Selling" }));
        assert_eq!(
            (renamed.version, renamed.role.name.as_str()),
            (2, "Selling")
        );
        assert!(renamed.role.updated_at > sales.role.updated_at);
    }

    #[test]
    fn only_what_is_lost_is_taken_away() {
        let sales = sales();
        let with = |permissions| patch(&sales, json!({ "permissions": permissions }));
        let more = with(json!(["contacts:read", "contacts:write", "agents:read"]));
        assert!(!takes_away(&sales.role, &more.role));
        let other = with(json!(["contacts:read", "agents:read"]));
        assert!(takes_away(&sales.role, &other.role));
        let renamed = patch(&sales, json!({ "name": "Selling" }));
        assert!(!takes_away(&sales.role, &renamed.role));
    }
}
