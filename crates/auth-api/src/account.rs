//! Accounts: registering, signing in, and who one is.

use chrono::{DateTime, Utc};
use common::{telemetry::Personal, tokens::Role};
use ids::{SessionId, UserId, WorkspaceId};
use rest::{Check, Validate};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Passwords have at least 8 characters and no rules about which (OWASP ASVS v5.0.0-6.2.1, 6.2.5), and
/// at most 128, so that nobody keeps the hash busy.
const PASSWORD: std::ops::RangeInclusive<usize> = 8..=128;

/// A new account with a workspace of its own.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The e-mail address to sign in with.
    #[schema(value_type = String, example = "ada@example.com")]
    pub email: Personal<String>,
    /// The password, 8 to 128 characters.
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
        let length = self.password.expose_secret().chars().count();
        if !PASSWORD.contains(&length) {
            check.fault("/password", "must have 8 to 128 characters");
        }
        check.line("/name", self.name.expose(), 1..=100);
        check.line("/workspace_name", &self.workspace_name, 1..=100);
    }
}

/// Signing in.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The e-mail address.
    #[schema(value_type = String, example = "ada@example.com")]
    pub email: Personal<String>,
    /// The password.
    #[schema(value_type = String, format = Password)]
    pub password: SecretString,
    /// Whether the answer shall carry the refresh token too, for programs that keep no cookies.
    #[serde(default)]
    pub return_refresh_token: bool,
}

impl Validate for Login {
    fn validate(&self, check: &mut Check) {
        // Whether it is well-formed says nothing about an account, so no oracle is made here; only the
        // work for the hash is bounded.
        check.text("/email", self.email.expose(), 1..=320);
        if self.password.expose_secret().len() > 1024 {
            check.fault("/password", "is longer than any password can be");
        }
    }
}

/// Renewing the access token. Browsers send the cookie and an empty object, or nothing.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token, for programs that keep no cookies; the answer then carries its successor.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub refresh_token: Option<SecretString>,
}

impl Validate for Refresh {
    fn validate(&self, _: &mut Check) {}
}

/// An access token. The cookies carry it and its refresh token too.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until it ends.
    pub expires_in: i64,
    /// The refresh token, for programs that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

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
    /// What the role may do.
    pub permissions: Vec<String>,
    /// The sign-in that the token belongs to.
    pub session_id: SessionId,
    /// When the account was created.
    pub created_at: DateTime<Utc>,
}
