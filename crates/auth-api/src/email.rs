//! E-mail addresses: verified by a link, and changed.

use common::telemetry::Personal;
use rest::{Check, Validate};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::password;

/// Proves an address by the link that was sent to it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyEmail {
    /// What the link carries.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub token: SecretString,
}

impl Validate for VerifyEmail {
    fn validate(&self, check: &mut Check) {
        password::link(check, &self.token);
    }
}

/// Asks for another address. It counts once its link was opened.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEmail {
    /// The new address.
    #[schema(value_type = String, format = Email, example = "ada@example.com", min_length = 1, max_length = 320)]
    pub email: Personal<String>,
    /// The password; an account that has none leaves it out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, max_length = 1024)]
    pub password: Option<SecretString>,
}

impl Validate for ChangeEmail {
    fn validate(&self, check: &mut Check) {
        check.email("/email", self.email.expose());
        if let Some(password) = &self.password {
            password::present_password(check, "/password", password);
        }
    }
}
