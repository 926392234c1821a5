//! What visitors say of themselves, and what they agree to.

use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use ids::{ChannelId, VisitorId};
use rest::{Check, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Fields of a workspace's own that one visitor fills in.
const MAX_CUSTOM: usize = 20;

/// A visitor agrees to the workspace's text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveConsent {
    /// The version of the text that was shown; it must be the present one.
    pub version: i64,
    /// The conversation in which it was shown, whose log then tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
}

impl Validate for GiveConsent {
    fn validate(&self, _: &mut Check) {}
}

/// A visitor agreed to a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consent {
    /// Who.
    pub visitor_id: VisitorId,
    /// The version of the text.
    pub version: i64,
    /// SHA-256 of the text, in hexadecimal digits.
    pub text_hash: String,
    /// When.
    pub given_at: DateTime<Utc>,
}

/// Who a visitor says they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Introduce {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub name: Option<Personal<String>>,
    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Email)]
    pub email: Option<Personal<String>>,
    /// The telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub phone: Option<Personal<String>>,
    /// What the workspace's own fields ask for. Of two with one label the last counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub custom: Vec<CustomField>,
}

/// What a visitor wrote into a field of the workspace's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomField {
    /// The label of the field.
    #[schema(min_length = 1, max_length = 80)]
    pub label: String,
    /// What stands in it.
    #[schema(value_type = String, min_length = 1, max_length = 1_000)]
    pub value: Personal<String>,
}

impl Validate for Introduce {
    fn validate(&self, check: &mut Check) {
        if let Some(name) = &self.name {
            check.line("/name", name.expose(), 1..=200);
        }
        if let Some(email) = &self.email {
            check.email("/email", email.expose());
        }
        if let Some(phone) = &self.phone {
            check.phone("/phone", phone.expose());
        }
        if self.custom.len() > MAX_CUSTOM {
            check.fault("/custom", format!("{MAX_CUSTOM} at most"));
        }
        for (index, field) in self.custom.iter().enumerate() {
            check.line(&format!("/custom/{index}/label"), &field.label, 1..=80);
            let pointer = format!("/custom/{index}/value");
            check.text(&pointer, field.value.expose(), 1..=1_000);
        }
    }
}

/// Who a visitor said they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Introduction {
    /// The visitor.
    pub visitor_id: VisitorId,
    /// The name.
    #[schema(value_type = Option<String>)]
    pub name: Option<Personal<String>>,
    /// The e-mail address.
    #[schema(value_type = Option<String>)]
    pub email: Option<Personal<String>>,
    /// The telephone number.
    #[schema(value_type = Option<String>)]
    pub phone: Option<Personal<String>>,
    /// What the workspace's own fields ask for.
    pub custom: Vec<CustomField>,
    /// Counts what they said.
    pub version: i64,
    /// When.
    pub introduced_at: DateTime<Utc>,
}
