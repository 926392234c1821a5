//! Workspaces: the companies that people work in.

use chrono::{DateTime, Utc};
use common::tokens::Role;
use ids::{RoleId, UserId, WorkspaceId};
use rest::{Check, Field, Validate};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::password::present_password;

const NAME: std::ops::RangeInclusive<usize> = 1..=100;

/// A workspace, as its members see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workspace {
    /// The workspace.
    pub id: WorkspaceId,
    /// The company's name.
    pub name: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// A workspace with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkspaceSettings {
    /// The workspace.
    #[serde(flatten)]
    pub workspace: Workspace,
    /// Whether visitors must prove who they are.
    pub enforce_identity: bool,
    /// Whether there is a secret to sign visitors' identities with.
    pub has_identity_secret: bool,
    /// Whether members must have a second factor.
    pub require_second_factor: bool,
}

/// A workspace that one belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MyWorkspace {
    /// The workspace.
    #[serde(flatten)]
    pub workspace: Workspace,
    /// One's role in it.
    pub role: Role,
    /// Which of the workspace's own roles, if the role is `custom`.
    pub role_id: Option<RoleId>,
    /// When one joined.
    pub joined_at: DateTime<Utc>,
}

/// A workspace to be created. Whoever creates it owns it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWorkspace {
    /// The company's name.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
}

impl Validate for CreateWorkspace {
    fn validate(&self, check: &mut Check) {
        check.line("/name", &self.name, NAME);
    }
}

/// A merge patch of a workspace. Nothing of it can be cleared.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchWorkspace {
    /// The company's name.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: Field<String>,
    /// Whether visitors must prove who they are. It takes a secret to sign their identities with.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub enforce_identity: Field<bool>,
    /// Whether members must have a second factor: without one their tokens have no permissions. It takes one
    /// of one's own. The workspace's own identity providers answer for those whom they sign in.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub require_second_factor: Field<bool>,
}

impl Validate for PatchWorkspace {
    fn validate(&self, check: &mut Check) {
        check.required("/name", &self.name, |check, name| {
            check.line("/name", name, NAME);
        });
        check.required("/enforce_identity", &self.enforce_identity, |_, _| {});
        check.required(
            "/require_second_factor",
            &self.require_second_factor,
            |_, _| {},
        );
    }
}

/// Deleting the workspace. There is no way back.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteWorkspace {
    /// The workspace's name, to show that it is meant.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The caller's password, if the account has one.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 1024, format = Password)]
    pub password: Option<SecretString>,
}

impl Validate for DeleteWorkspace {
    fn validate(&self, check: &mut Check) {
        check.text("/name", &self.name, NAME);
        if let Some(password) = &self.password {
            present_password(check, "/password", password);
        }
    }
}

/// Giving the workspace to another member.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferWorkspace {
    /// The member who becomes an owner.
    pub user_id: UserId,
    /// The caller's password, if the account has one.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 1024, format = Password)]
    pub password: Option<SecretString>,
}

impl Validate for TransferWorkspace {
    fn validate(&self, check: &mut Check) {
        if let Some(password) = &self.password {
            present_password(check, "/password", password);
        }
    }
}

/// How the tokens of another workspace are to come. Browsers send no body.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnterWorkspace {
    /// Whether the answer shall carry the refresh token too, for programs that keep no cookies.
    #[serde(default)]
    pub return_refresh_token: bool,
}

impl Validate for EnterWorkspace {
    fn validate(&self, _: &mut Check) {}
}
