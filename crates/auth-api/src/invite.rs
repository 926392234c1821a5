//! Invitations to a workspace.

use chrono::{DateTime, Utc};
use common::{telemetry::Personal, tokens::Role};
use ids::{InviteId, RoleId};
use rest::{Check, Validate};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    password::{self, new_password},
    role,
};

/// An invitation that nobody has accepted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invite {
    /// The invitation.
    pub id: InviteId,
    /// Who is invited.
    #[schema(value_type = String, example = "bob@example.com")]
    pub email: Personal<String>,
    /// The role that they will have.
    pub role: Role,
    /// Which of the workspace's own roles, if the role is `custom`.
    pub role_id: Option<RoleId>,
    /// The user or the key that invited them, or the identity provider that vouched for them.
    pub invited_by: Uuid,
    /// When they were invited.
    pub created_at: DateTime<Utc>,
    /// When the last letter was sent.
    pub sent_at: DateTime<Utc>,
    /// When its link ends.
    pub expires_at: DateTime<Utc>,
}

/// Inviting somebody.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateInvite {
    /// Who is invited.
    #[schema(value_type = String, format = Email, example = "bob@example.com")]
    pub email: Personal<String>,
    /// The role that they will have.
    pub role: Role,
    /// Which of the workspace's own roles; with the role `custom`, and only then.
    #[serde(default)]
    pub role_id: Option<RoleId>,
}

impl Validate for CreateInvite {
    fn validate(&self, check: &mut Check) {
        check.email("/email", self.email.expose());
        role::assignment(check, self.role, self.role_id);
    }
}

/// Looking at an invitation by its link.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookUpInvite {
    /// What the link carries.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub token: SecretString,
}

impl Validate for LookUpInvite {
    fn validate(&self, check: &mut Check) {
        password::link(check, &self.token);
    }
}

/// What an invitation is about, for the person who is invited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InviteDetails {
    /// The workspace.
    pub workspace_name: String,
    /// Who is invited.
    #[schema(value_type = String, example = "bob@example.com")]
    pub email: Personal<String>,
    /// The role that they will have.
    pub role: Role,
    /// What the role is called, if the workspace made it.
    pub role_name: Option<String>,
    /// Whether they have an account.
    pub account: InviteAccount,
}

/// Whether somebody who is invited has an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteAccount {
    /// None, or one whose address nobody has proven: accepting takes a name and a password.
    None,
    /// One: accepting takes the link alone.
    Exists,
}

/// Accepting an invitation.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptInvite {
    /// What the link carries.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub token: SecretString,
    /// The person's name, when there is no account yet.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    pub name: Option<Personal<String>>,
    /// The password, 8 to 128 characters and none that others would soon guess, when there is no account yet.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 8, max_length = 128, format = Password)]
    pub password: Option<SecretString>,
}

impl Validate for AcceptInvite {
    fn validate(&self, check: &mut Check) {
        password::link(check, &self.token);
        if let Some(name) = &self.name {
            check.line("/name", name.expose(), 1..=100);
        }
        if let Some(password) = &self.password {
            new_password(check, "/password", password);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_and_no_secret_is_printed() {
        let (create, accept) = (
            serde_json::json!({ "email": "s3cret@example.com", "role": "agent" }),
            serde_json::json!({ "token": "s3cret", "name": "s3cret", "password": "s3cret-password" }),
        );
        let create: CreateInvite = serde_json::from_value(create).unwrap();
        let accept: AcceptInvite = serde_json::from_value(accept).unwrap();
        let text = format!("{create:?} {accept:?}");
        assert!(text.contains("Agent") && !text.contains("s3cret"), "{text}");
    }
}
