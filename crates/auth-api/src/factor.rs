//! Second factors: an authenticator app (RFC 6238), and recovery codes for when it is lost.

use std::{fmt, ops::RangeInclusive};

use chrono::{DateTime, Utc};
use ids::IssuerId;
use rest::{Check, Validate};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::password::present_password;

/// A code as people type it, with or without spaces.
const CODE: RangeInclusive<usize> = 1..=20;
/// The secret of a ticket.
const TICKET: RangeInclusive<usize> = 1..=200;

/// How one can prove who one is, beside the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Factors {
    /// Since when an authenticator app is asked for; null when there is none.
    pub totp_since: Option<DateTime<Utc>>,
    /// How many recovery codes are left.
    pub recovery_codes_left: i64,
    /// How many passkeys there are.
    pub passkeys: i64,
    /// The identity providers of this workspace that one has signed in by.
    pub issuers: Vec<LinkedIssuer>,
}

/// An identity provider that knows the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkedIssuer {
    /// The provider.
    pub id: IssuerId,
    /// What it is called.
    pub name: String,
    /// When one first signed in by it.
    pub linked_at: DateTime<Utc>,
    /// When one last signed in by it.
    pub last_used_at: DateTime<Utc>,
}

/// The password once more, before something that a stolen session must not do alone.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmPassword {
    /// The password; an account that has none leaves it out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, max_length = 1024)]
    pub password: Option<SecretString>,
}

impl Validate for ConfirmPassword {
    fn validate(&self, check: &mut Check) {
        optional_password(check, self.password.as_ref());
    }
}

/// What an authenticator app needs. It counts once a code has confirmed it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TotpSetup {
    /// Send it with the first code.
    pub setup_id: String,
    /// The secret in base32, to be typed.
    #[schema(example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    pub secret: String,
    /// The same as a URL, to be shown as a QR code.
    #[schema(
        example = "otpauth://totp/Syntera:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Syntera"
    )]
    pub otpauth_url: String,
    /// Seconds until `setup_id` ends.
    pub expires_in: i64,
}

impl fmt::Debug for TotpSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TotpSetup")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// Confirms that an authenticator app is set up.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTotp {
    /// What the first half answered.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub setup_id: SecretString,
    /// The six digits that the app shows.
    #[schema(value_type = String, min_length = 1, max_length = 20, example = "123456")]
    pub code: SecretString,
}

impl Validate for ConfirmTotp {
    fn validate(&self, check: &mut Check) {
        check.line("/setup_id", self.setup_id.expose_secret(), TICKET);
        code(check, &self.code);
    }
}

/// Proves who one is, to remove the authenticator app or to replace the recovery codes.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProveFactor {
    /// The password; an account that has none leaves it out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, max_length = 1024)]
    pub password: Option<SecretString>,
    /// The six digits that the app shows, or a recovery code.
    #[schema(value_type = String, min_length = 1, max_length = 20, example = "123456")]
    pub code: SecretString,
}

impl Validate for ProveFactor {
    fn validate(&self, check: &mut Check) {
        optional_password(check, self.password.as_ref());
        code(check, &self.code);
    }
}

/// Recovery codes, each good once. They are shown this once only.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// The codes.
    #[schema(min_items = 10, max_items = 10, example = json!(["7k2mq-x9ftc"]))]
    pub recovery_codes: Vec<String>,
}

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoveryCodes").finish_non_exhaustive()
    }
}

/// The second half of a sign-in.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactor {
    /// What the first half answered.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub mfa_token: SecretString,
    /// The six digits that the app shows, or a recovery code.
    #[schema(value_type = String, min_length = 1, max_length = 20, example = "123456")]
    pub code: SecretString,
}

impl Validate for SecondFactor {
    fn validate(&self, check: &mut Check) {
        check.line("/mfa_token", self.mfa_token.expose_secret(), TICKET);
        code(check, &self.code);
    }
}

fn code(check: &mut Check, code: &SecretString) {
    check.line("/code", code.expose_secret(), CODE);
}

fn optional_password(check: &mut Check, password: Option<&SecretString>) {
    if let Some(password) = password {
        present_password(check, "/password", password);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "s3cret-value";

    #[test]
    fn no_secret_and_no_code_is_printed() {
        let confirm: ConfirmTotp =
            serde_json::from_value(json!({ "setup_id": SECRET, "code": SECRET })).unwrap();
        let prove: ProveFactor =
            serde_json::from_value(json!({ "password": SECRET, "code": SECRET })).unwrap();
        let second: SecondFactor =
            serde_json::from_value(json!({ "mfa_token": SECRET, "code": SECRET })).unwrap();
        let setup = TotpSetup {
            setup_id: SECRET.to_owned(),
            secret: SECRET.to_owned(),
            otpauth_url: SECRET.to_owned(),
            expires_in: 600,
        };
        let codes = RecoveryCodes {
            recovery_codes: vec![SECRET.to_owned()],
        };
        let text = format!("{confirm:?} {prove:?} {second:?} {setup:?} {codes:?}");
        assert!(!text.contains(SECRET), "{text}");
        assert!(text.contains("600"), "{text}");
    }
}
