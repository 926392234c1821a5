//! Accounts: registering, and who one is.

use chrono::{DateTime, Utc};
use common::{telemetry::Personal, tokens::Role};
use ids::{RoleId, SessionId, UserId};
use rest::{Check, Field, Validate};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Workspace, password};

/// A new account with a workspace of its own.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The e-mail address to sign in with.
    #[schema(value_type = String, format = Email, example = "ada@example.com")]
    pub email: Personal<String>,
    /// The password, 8 to 128 characters; none that others would soon guess.
    #[schema(value_type = String, min_length = 8, max_length = 128, format = Password)]
    pub password: SecretString,
    /// The person's name.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: Personal<String>,
    /// The company's name.
    #[schema(min_length = 1, max_length = 100)]
    pub workspace_name: String,
}

impl Validate for Register {
    fn validate(&self, check: &mut Check) {
        check.email("/email", self.email.expose());
        password::new_password(check, "/password", &self.password);
        check.line("/name", self.name.expose(), 1..=100);
        check.line("/workspace_name", &self.workspace_name, 1..=100);
    }
}

/// The answer to a registration. It is the same for an address that has an account already: its owner
/// learns of it by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Registered {
    /// What comes next.
    pub next: AfterRegistration,
}

/// What comes after registering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterRegistration {
    /// Open the link in the mail. Signing in works before that, too.
    VerifyEmail,
}

/// Changes to one's own account, as a merge patch (RFC 7396).
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateMe {
    /// The name.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: Field<Personal<String>>,
}

impl Validate for UpdateMe {
    fn validate(&self, check: &mut Check) {
        check.required("/name", &self.name, |check, name| {
            check.line("/name", name.expose(), 1..=100);
        });
    }
}

/// Deletes one's own account.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMe {
    /// The password; an account that has none leaves it out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, max_length = 1024)]
    pub password: Option<SecretString>,
}

impl Validate for DeleteMe {
    fn validate(&self, check: &mut Check) {
        if let Some(password) = &self.password {
            password::present_password(check, "/password", password);
        }
    }
}

/// Who one is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The user.
    pub id: UserId,
    /// The e-mail address.
    #[schema(value_type = String)]
    pub email: Personal<String>,
    /// Whether the address was verified.
    pub email_verified: bool,
    /// The name.
    #[schema(value_type = String)]
    pub name: Personal<String>,
    /// The workspace that the token is for.
    pub workspace: Workspace,
    /// The role in it.
    pub role: Role,
    /// Which of the workspace's own roles, if it is one.
    pub role_id: Option<RoleId>,
    /// What the role may do; nothing while a second factor is demanded.
    pub permissions: Vec<String>,
    /// Whether the workspace demands a second factor that this session lacks: set one up, or sign in again
    /// with it.
    pub second_factor_demanded: bool,
    /// The sign-in that the token belongs to.
    pub session_id: SessionId,
    /// When the account was created.
    pub created_at: DateTime<Utc>,
}
