//! Passwords: what they must be, and changing them.

use std::ops::RangeInclusive;

use common::telemetry::Personal;
use rest::{Check, Validate};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

/// How long a new password may be, in characters (NIST SP 800-63B §5.1.1.1 asks for eight at least).
const LENGTH: RangeInclusive<usize> = 8..=128;
/// How long a password that is checked may be: only the work is bounded.
const LONGEST: usize = 1024;

/// Checks a password that is to be set.
pub(crate) fn new_password(check: &mut Check, pointer: &str, password: &SecretString) {
    let length = password.expose_secret().chars().count();
    if !LENGTH.contains(&length) {
        check.fault(pointer, "must have 8 to 128 characters");
    }
}

/// Checks a password that is to be compared.
pub(crate) fn present_password(check: &mut Check, pointer: &str, password: &SecretString) {
    if password.expose_secret().chars().count() > LONGEST {
        check.fault(pointer, "is longer than any password can be");
    }
}

/// Checks the secret of a link.
pub(crate) fn link(check: &mut Check, token: &SecretString) {
    check.line("/token", token.expose_secret(), 1..=200);
}

/// Changes a password that is known.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The present password; an account that has none leaves it out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, max_length = 1024)]
    pub current_password: Option<SecretString>,
    /// The new one; none that others would soon guess.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub new_password: SecretString,
}

impl Validate for ChangePassword {
    fn validate(&self, check: &mut Check) {
        if let Some(password) = &self.current_password {
            present_password(check, "/current_password", password);
        }
        new_password(check, "/new_password", &self.new_password);
    }
}

/// Asks for a link to set a new password.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgottenPassword {
    /// The account's address.
    #[schema(value_type = String, format = Email, example = "ada@example.com", min_length = 1, max_length = 320)]
    pub email: Personal<String>,
}

impl Validate for ForgottenPassword {
    fn validate(&self, check: &mut Check) {
        check.email("/email", self.email.expose());
    }
}

/// Sets a new password by a link.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// What the link carries.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub token: SecretString,
    /// The new password; none that others would soon guess.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub password: SecretString,
}

impl Validate for ResetPassword {
    fn validate(&self, check: &mut Check) {
        link(check, &self.token);
        new_password(check, "/password", &self.password);
    }
}
