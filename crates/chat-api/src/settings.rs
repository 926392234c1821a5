//! What a workspace decides about its conversations.

use chrono::{DateTime, Utc};
use rest::{Check, Field, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Labels in the catalogue of a workspace.
const MAX_CATALOGUE: usize = 100;
/// Fields of a form.
const MAX_FIELDS: usize = 10;
/// Languages of the greeting.
const MAX_GREETINGS: usize = 50;
/// Characters of the text that visitors agree to.
const MAX_CONSENT: usize = 10_000;

/// The settings of a workspace's conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatSettings {
    /// Minutes within which a sender may edit or take back a message; 0 for never.
    pub edit_minutes: i32,
    /// Days within which a visitor may open a closed conversation again; 0 for never.
    pub reopen_days: i32,
    /// What visitors agree to before they write.
    pub consent: ConsentSettings,
    /// The form before the conversation.
    pub prechat: PrechatSettings,
    /// The form that is shown while nobody is there and a person is wanted.
    pub offline_form: Switch,
    /// Whether visitors are asked how it was, after the end.
    pub csat: Switch,
    /// Whether the AI answers first; otherwise visitors are asked whom they want.
    pub ai_first: bool,
    /// The labels that people choose from, by name.
    pub labels: Vec<LabelSettings>,
    /// What the widget says before anybody wrote, by language.
    pub greetings: Vec<Greeting>,
    /// Conversations that one person takes care of at a time, unless they say otherwise.
    pub capacity: i32,
    /// Minutes after which a conversation that was given to somebody, and not taken by them, is given
    /// to somebody else.
    pub requeue_minutes: i32,
    /// When they were last changed; never, when absent.
    pub updated_at: Option<DateTime<Utc>>,
}

/// What visitors agree to before they write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsentSettings {
    /// Whether nothing of a visitor is taken before they agreed.
    pub required: bool,
    /// The text.
    pub text: String,
    /// Counts the texts that there were; 0 for none.
    pub version: i64,
    /// SHA-256 of the text, in hexadecimal digits; empty when there is none.
    pub hash: String,
}

/// The form before the conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrechatSettings {
    /// Whether it is shown.
    pub enabled: bool,
    /// When.
    pub when: PrechatWhen,
    /// What it asks for.
    pub fields: Vec<FormField>,
}

/// When the form before the conversation is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrechatWhen {
    /// Before the first message.
    #[default]
    Always,
    /// When the visitor asks for a person.
    BeforePerson,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FormField {
    /// What it is.
    pub key: FieldKey,
    /// What stands beside it.
    #[schema(min_length = 1, max_length = 80)]
    pub label: String,
    /// Whether the form wants it.
    #[serde(default)]
    pub required: bool,
}

/// What a field of a form is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldKey {
    /// The visitor's name.
    Name,
    /// The e-mail address.
    Email,
    /// The telephone number.
    Phone,
    /// Anything else, known by its label.
    Custom,
}

/// Something that is on or off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Switch {
    /// Whether it is on.
    pub enabled: bool,
}

/// A label that people choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelSettings {
    /// The label.
    #[schema(min_length = 1, max_length = 50)]
    pub name: String,
    /// Its colour, as `#rrggbb`.
    #[schema(pattern = "^#[0-9a-f]{6}$")]
    pub color: String,
}

/// What the widget says before anybody wrote, in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Greeting {
    /// The language (BCP 47): `en`, `pt-BR`.
    #[schema(max_length = 35, pattern = "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
    pub locale: String,
    /// The words.
    #[schema(min_length = 1, max_length = 500)]
    pub text: String,
}

/// A merge patch of the settings. What is null goes back to what it is without a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchChatSettings {
    /// Minutes within which a sender may edit or take back a message; 15 when null.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 0, maximum = 1440)]
    pub edit_minutes: Field<i32>,
    /// Days within which a visitor may open a closed conversation again; 7 when null.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 0, maximum = 365)]
    pub reopen_days: Field<i32>,
    /// What visitors agree to before they write. Another text is another version, to which they have to
    /// agree anew.
    #[serde(default)]
    #[schema(value_type = Option<PatchConsent>)]
    pub consent: Field<PatchConsent>,
    /// The form before the conversation.
    #[serde(default)]
    #[schema(value_type = Option<PatchPrechat>)]
    pub prechat: Field<PatchPrechat>,
    /// The form that is shown while nobody is there.
    #[serde(default)]
    #[schema(value_type = Option<PatchSwitch>)]
    pub offline_form: Field<PatchSwitch>,
    /// Whether visitors are asked how it was; on when null.
    #[serde(default)]
    #[schema(value_type = Option<PatchSwitch>)]
    pub csat: Field<PatchSwitch>,
    /// Whether the AI answers first; so when null.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub ai_first: Field<bool>,
    /// All labels. Of two with one name the last counts.
    #[serde(default)]
    #[schema(value_type = Option<Vec<LabelSettings>>, max_items = 100)]
    pub labels: Field<Vec<LabelSettings>>,
    /// All greetings. Of two in one language the last counts.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Greeting>>, max_items = 50)]
    pub greetings: Field<Vec<Greeting>>,
    /// Conversations that one person takes care of at a time; 5 when null.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 100)]
    pub capacity: Field<i32>,
    /// Minutes until somebody else gets what was not taken; 5 when null.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 1440)]
    pub requeue_minutes: Field<i32>,
}

/// A merge patch of what visitors agree to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchConsent {
    /// Whether it is asked for; it then needs a text.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub required: Field<bool>,
    /// The text; null removes it.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 10_000)]
    pub text: Field<String>,
}

/// A merge patch of the form before the conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchPrechat {
    /// Whether it is shown.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub enabled: Field<bool>,
    /// When.
    #[serde(default)]
    #[schema(value_type = Option<PrechatWhen>)]
    pub when: Field<PrechatWhen>,
    /// All its fields. Of two that are the same the last counts.
    #[serde(default)]
    #[schema(value_type = Option<Vec<FormField>>, max_items = 10)]
    pub fields: Field<Vec<FormField>>,
}

/// A merge patch of something that is on or off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchSwitch {
    /// Whether it is on.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub enabled: Field<bool>,
}

impl Validate for PatchChatSettings {
    fn validate(&self, check: &mut Check) {
        for (pointer, field, min, max) in [
            ("/edit_minutes", &self.edit_minutes, 0, 1440),
            ("/reopen_days", &self.reopen_days, 0, 365),
            ("/capacity", &self.capacity, 1, 100),
            ("/requeue_minutes", &self.requeue_minutes, 1, 1440),
        ] {
            check.optional(field, |check, value| {
                if !(min..=max).contains(value) {
                    check.fault(pointer, format!("must be from {min} to {max}"));
                }
            });
        }
        check.optional(&self.consent, |check, consent| {
            check.optional(&consent.text, |check, text| {
                check.text("/consent/text", text, 1..=MAX_CONSENT);
            });
        });
        check.optional(&self.prechat, |check, prechat| {
            check.optional(&prechat.fields, |check, all| fields(check, all));
        });
        check.optional(&self.labels, |check, all| labels(check, all));
        check.optional(&self.greetings, |check, all| greetings(check, all));
    }
}

fn fields(check: &mut Check, fields: &[FormField]) {
    most(check, "/prechat/fields", fields.len(), MAX_FIELDS);
    for (index, field) in fields.iter().enumerate() {
        let pointer = format!("/prechat/fields/{index}/label");
        check.line(&pointer, &field.label, 1..=80);
    }
}

fn labels(check: &mut Check, labels: &[LabelSettings]) {
    most(check, "/labels", labels.len(), MAX_CATALOGUE);
    for (index, label) in labels.iter().enumerate() {
        check.line(&format!("/labels/{index}/name"), &label.name, 1..=50);
        let digits = label.color.strip_prefix('#').unwrap_or_default();
        let in_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 6 || !digits.bytes().all(in_hex) {
            check.fault(&format!("/labels/{index}/color"), "such as `#0a7cff`");
        }
    }
}

fn greetings(check: &mut Check, greetings: &[Greeting]) {
    most(check, "/greetings", greetings.len(), MAX_GREETINGS);
    for (index, greeting) in greetings.iter().enumerate() {
        if !is_locale(&greeting.locale) {
            let detail = "a language such as `en` or `pt-BR`";
            check.fault(&format!("/greetings/{index}/locale"), detail);
        }
        check.text(&format!("/greetings/{index}/text"), &greeting.text, 1..=500);
    }
}

fn most(check: &mut Check, pointer: &str, count: usize, max: usize) {
    if count > max {
        check.fault(pointer, format!("{max} at most"));
    }
}

/// A language tag in its usual form (RFC 5646 §2.1), without the rare ones.
fn is_locale(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    text.len() <= 35
        && (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// What the widget needs to know of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WidgetSettings {
    /// What the visitor agrees to before they write.
    pub consent: WidgetConsent,
    /// The form before the conversation.
    pub prechat: PrechatSettings,
    /// The form that is shown while nobody is there and a person is wanted.
    pub offline_form: Switch,
    /// Whether the visitor is asked how it was, after the end.
    pub csat: Switch,
    /// Whether the AI answers first; otherwise the visitor is asked whom they want.
    pub ai_first: bool,
    /// What the widget says before anybody wrote, by language.
    pub greetings: Vec<Greeting>,
    /// Minutes within which a message may be edited or taken back; 0 for never.
    pub edit_minutes: i32,
    /// Days within which a closed conversation may be opened again; 0 for never.
    pub reopen_days: i32,
    /// People of the company who are there.
    pub people_online: i64,
}

/// What the visitor agrees to before they write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WidgetConsent {
    /// Whether nothing of a visitor is taken before they agreed.
    pub required: bool,
    /// The version to agree to; 0 when there is no text.
    pub version: i64,
    /// The text.
    pub text: String,
    /// Whether this visitor still has to agree.
    pub needed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(json: serde_json::Value) -> bool {
        let patch: PatchChatSettings = serde_json::from_value(json).unwrap();
        Check::run(&patch).is_err()
    }

    #[test]
    fn numbers_colours_and_languages_have_bounds() {
        use serde_json::json;
        for fine in [
            json!({}),
            json!({ "edit_minutes": 0, "reopen_days": null, "capacity": 100 }),
            json!({ "labels": [{ "name": "vip", "color": "#0a7cff" }] }),
            json!({ "greetings": [{ "locale": "pt-BR", "text": "Oi" }, { "locale": "en", "text": "Hi" }] }),
            json!({ "consent": { "required": true, "text": "We keep what you write." } }),
        ] {
            assert!(!faults(fine.clone()), "{fine}");
        }
        for wrong in [
            json!({ "edit_minutes": -1 }),
            json!({ "capacity": 0 }),
            json!({ "labels": [{ "name": "vip", "color": "red" }] }),
            json!({ "labels": [{ "name": " ", "color": "#0a7cff" }] }),
            json!({ "greetings": [{ "locale": "English", "text": "Hi" }] }),
            json!({ "greetings": [{ "locale": "e", "text": "Hi" }] }),
            json!({ "consent": { "text": "" } }),
            json!({ "prechat": { "fields": [{ "key": "name", "label": "" }] } }),
        ] {
            assert!(faults(wrong.clone()), "{wrong}");
        }
    }
}
