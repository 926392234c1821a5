//! Members: the people of a workspace.

use chrono::{DateTime, Utc};
use common::{telemetry::Personal, tokens::Role};
use ids::{RoleId, UserId};
use rest::{Check, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::role;

/// A person of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The person.
    pub user_id: UserId,
    /// The name.
    #[schema(value_type = String)]
    pub name: Personal<String>,
    /// The e-mail address.
    #[schema(value_type = String, example = "ada@example.com")]
    pub email: Personal<String>,
    /// Whether the address was verified.
    pub email_verified: bool,
    /// Whether signing in takes a second factor, or a passkey.
    pub second_factor: bool,
    /// The role.
    pub role: Role,
    /// Which of the workspace's own roles, if the role is `custom`.
    pub role_id: Option<RoleId>,
    /// When the person joined.
    pub joined_at: DateTime<Utc>,
    /// When the person last used this workspace, as far as sessions are kept.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The role that a member is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchMember {
    /// The role.
    pub role: Role,
    /// Which of the workspace's own roles; with the role `custom`, and only then.
    #[serde(default)]
    pub role_id: Option<RoleId>,
}

impl Validate for PatchMember {
    fn validate(&self, check: &mut Check) {
        role::assignment(check, self.role, self.role_id);
    }
}
