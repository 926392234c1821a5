//! Passkeys (WebAuthn Level 3): made and used by the browser, checked here.
//!
//! What the browser makes of the options, and what it answers, is JSON as WebAuthn defines it (§5.1).
//! Our own shapes only carry it.

use std::fmt;

use chrono::{DateTime, Utc};
use ids::PasskeyId;
use rest::{Check, Validate};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

const NAME: std::ops::RangeInclusive<usize> = 1..=100;

/// A passkey of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Passkey {
    /// The passkey.
    pub id: PasskeyId,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it last signed in.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A challenge for the browser.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct PasskeyChallenge {
    /// Send it with what the browser answers.
    pub challenge_id: String,
    /// The options, as `PublicKeyCredential.parseCreationOptionsFromJSON` takes them when a passkey is
    /// added, and `parseRequestOptionsFromJSON` when one signs in.
    #[schema(value_type = Object)]
    pub options: Value,
    /// Seconds until the challenge ends.
    pub expires_in: i64,
}

impl fmt::Debug for PasskeyChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyChallenge")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// Adds a passkey that the browser has made.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePasskey {
    /// What the first half answered.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub challenge_id: SecretString,
    /// What to call it.
    #[schema(min_length = 1, max_length = 100, example = "my telephone")]
    pub name: String,
    /// The new credential, as `PublicKeyCredential.toJSON()` gives it.
    #[schema(value_type = Object)]
    pub credential: Value,
}

impl Validate for CreatePasskey {
    fn validate(&self, check: &mut Check) {
        challenge(check, &self.challenge_id);
        check.line("/name", &self.name, NAME);
        credential(check, &self.credential);
    }
}

impl fmt::Debug for CreatePasskey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatePasskey")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Renames a passkey.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchPasskey {
    /// What to call it.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
}

impl Validate for PatchPasskey {
    fn validate(&self, check: &mut Check) {
        check.line("/name", &self.name, NAME);
    }
}

/// Signs in by a passkey.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyLogin {
    /// What the first half answered.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub challenge_id: SecretString,
    /// The assertion, as `PublicKeyCredential.toJSON()` gives it.
    #[schema(value_type = Object)]
    pub credential: Value,
    /// Whether the answer shall carry the refresh token too, for programs that keep no cookies.
    #[serde(default)]
    pub return_refresh_token: bool,
}

impl Validate for PasskeyLogin {
    fn validate(&self, check: &mut Check) {
        challenge(check, &self.challenge_id);
        credential(check, &self.credential);
    }
}

impl fmt::Debug for PasskeyLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyLogin")
            .field("return_refresh_token", &self.return_refresh_token)
            .finish_non_exhaustive()
    }
}

fn challenge(check: &mut Check, id: &SecretString) {
    check.line("/challenge_id", id.expose_secret(), 1..=200);
}

fn credential(check: &mut Check, credential: &Value) {
    if !credential.is_object() {
        check.fault("/credential", "must be an object");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_credential_is_an_object_and_is_not_printed() {
        let body = |credential| json!({ "challenge_id": "s3cret", "credential": credential });
        let login: PasskeyLogin = serde_json::from_value(body(json!("s3cret"))).unwrap();
        let problem = Check::run(&login).unwrap_err().document();
        assert_eq!(problem.errors[0].pointer.as_deref(), Some("/credential"));
        let login: PasskeyLogin = serde_json::from_value(body(json!({ "id": "s3cret" }))).unwrap();
        assert!(Check::run(&login).is_ok());
        assert!(!format!("{login:?}").contains("s3cret"));
    }
}
