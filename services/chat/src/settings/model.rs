//! The rules of the settings.

use std::fmt::Write;

use chat_api::{
    ChatSettings, ConsentSettings, FieldKey, FormField, Greeting, LabelSettings, PatchChatSettings,
    PatchConsent, PatchPrechat, PatchSwitch, PrechatSettings, Switch,
};
use chrono::{DateTime, Utc};
use common::{ErrorCode, Problem, problem::FieldError};
use rest::Field;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Why settings are not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Consent is to be asked for, and there is no text to agree to.
    #[error("there is no text to agree to")]
    NoText,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NoText => Self::new(ErrorCode::ValidationFailed)
                .detail("correct the fields under `errors`; nothing was saved")
                .field(FieldError::at(
                    "/consent/text",
                    "is needed where consent is required",
                )),
        }
    }
}

/// The settings, and how often they were changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Versioned {
    pub(super) settings: ChatSettings,
    pub(super) version: i64,
}

/// What holds without any decision.
#[must_use]
pub fn defaults() -> ChatSettings {
    ChatSettings {
        edit_minutes: 15,
        reopen_days: 7,
        consent: ConsentSettings::default(),
        prechat: PrechatSettings::default(),
        offline_form: Switch { enabled: false },
        csat: Switch { enabled: true },
        ai_first: true,
        labels: Vec::new(),
        greetings: Vec::new(),
        capacity: 5,
        requeue_minutes: 5,
        updated_at: None,
    }
}

/// The settings as they were decided once; what was not known then holds as without a decision.
pub(super) fn read(decided: Value, updated_at: DateTime<Utc>) -> serde_json::Result<ChatSettings> {
    let mut whole = serde_json::to_value(defaults())?;
    overlay(&mut whole, decided);
    let settings: ChatSettings = serde_json::from_value(whole)?;
    Ok(ChatSettings {
        updated_at: Some(updated_at),
        ..settings
    })
}

/// Puts the members of `upper` over those of `lower`; lists count as one.
fn overlay(lower: &mut Value, upper: Value) {
    match (lower, upper) {
        (Value::Object(lower), Value::Object(upper)) => {
            for (name, value) in upper {
                overlay(lower.entry(name).or_insert(Value::Null), value);
            }
        }
        (lower, upper) => *lower = upper,
    }
}

/// The settings after a merge patch.
pub(super) fn patched(
    current: &ChatSettings,
    patch: PatchChatSettings,
) -> Result<ChatSettings, Error> {
    let (now, none) = (current.clone(), defaults());
    let settings = ChatSettings {
        edit_minutes: or(patch.edit_minutes, now.edit_minutes, none.edit_minutes),
        reopen_days: or(patch.reopen_days, now.reopen_days, none.reopen_days),
        consent: consent(patch.consent, now.consent),
        prechat: prechat(patch.prechat, now.prechat),
        offline_form: switch(patch.offline_form, now.offline_form, none.offline_form),
        csat: switch(patch.csat, now.csat, none.csat),
        ai_first: or(patch.ai_first, now.ai_first, none.ai_first),
        labels: or(map(patch.labels, labels), now.labels, none.labels),
        greetings: or(
            map(patch.greetings, greetings),
            now.greetings,
            none.greetings,
        ),
        capacity: or(patch.capacity, now.capacity, none.capacity),
        requeue_minutes: or(
            patch.requeue_minutes,
            now.requeue_minutes,
            none.requeue_minutes,
        ),
        updated_at: now.updated_at,
    };
    if settings.consent.required && settings.consent.text.is_empty() {
        return Err(Error::NoText);
    }
    Ok(settings)
}

/// A member after a patch: as it is, as without a decision, or another.
fn or<T>(field: Field<T>, now: T, none: T) -> T {
    field.apply(Some(now)).unwrap_or(none)
}

/// The same patch of another value.
fn map<T, U>(field: Field<T>, of: impl FnOnce(T) -> U) -> Field<U> {
    match field {
        Field::Absent => Field::Absent,
        Field::Null => Field::Null,
        Field::Value(value) => Field::Value(of(value)),
    }
}

fn switch(field: Field<PatchSwitch>, now: Switch, none: Switch) -> Switch {
    match field {
        Field::Absent => now,
        Field::Null => none,
        Field::Value(patch) => Switch {
            enabled: or(patch.enabled, now.enabled, none.enabled),
        },
    }
}

fn prechat(field: Field<PatchPrechat>, now: PrechatSettings) -> PrechatSettings {
    match field {
        Field::Absent => now,
        Field::Null => PrechatSettings::default(),
        Field::Value(patch) => PrechatSettings {
            enabled: or(patch.enabled, now.enabled, false),
            when: patch.when.apply(Some(now.when)).unwrap_or_default(),
            fields: or(map(patch.fields, fields), now.fields, Vec::new()),
        },
    }
}

/// Consent after a patch. The number of a text is never used again, so that nobody seems to have agreed
/// to what they never saw.
fn consent(field: Field<PatchConsent>, now: ConsentSettings) -> ConsentSettings {
    let patch = match field {
        Field::Absent => return now,
        Field::Null => PatchConsent {
            required: Field::Null,
            text: Field::Null,
        },
        Field::Value(patch) => patch,
    };
    let required = or(patch.required, now.required, false);
    let text = or(patch.text, now.text.clone(), String::new());
    if text == now.text {
        return ConsentSettings { required, ..now };
    }
    ConsentSettings {
        required,
        version: now.version + i64::from(!text.is_empty()),
        hash: if text.is_empty() {
            String::new()
        } else {
            hash(&text)
        },
        text,
    }
}

/// SHA-256 in hexadecimal digits.
pub(super) fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::with_capacity(64), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        })
}

fn labels(labels: Vec<LabelSettings>) -> Vec<LabelSettings> {
    let trimmed = labels.into_iter().map(|label| LabelSettings {
        name: label.name.trim().to_owned(),
        ..label
    });
    let mut labels = last_of_each(trimmed, |label| label.name.clone());
    labels.sort_by(|one, other| one.name.cmp(&other.name));
    labels
}

fn greetings(greetings: Vec<Greeting>) -> Vec<Greeting> {
    last_of_each(greetings.into_iter(), |greeting| greeting.locale.clone())
}

fn fields(fields: Vec<FormField>) -> Vec<FormField> {
    last_of_each(fields.into_iter(), |field| match field.key {
        FieldKey::Custom => (field.key, field.label.clone()),
        key => (key, String::new()),
    })
}

/// In their order; of two with one key the last, where the first stood.
fn last_of_each<T, K: PartialEq>(items: impl Iterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    items.fold(Vec::new(), |mut kept: Vec<T>, item| {
        match kept.iter_mut().find(|other| key(other) == key(&item)) {
            Some(other) => *other = item,
            None => kept.push(item),
        }
        kept
    })
}

#[cfg(test)]
mod tests {
    use chat_api::PrechatWhen;
    use serde_json::json;

    use super::*;

    fn patch(json: Value) -> PatchChatSettings {
        serde_json::from_value(json).unwrap()
    }

    fn after(settings: &ChatSettings, json: Value) -> ChatSettings {
        patched(settings, patch(json)).unwrap()
    }

    #[test]
    fn what_is_absent_stays_and_null_goes_back() {
        let set = after(
            &defaults(),
            json!({
                "edit_minutes": 0, "csat": { "enabled": false }, "ai_first": false,
                "prechat": { "enabled": true, "when": "before_person",
                             "fields": [{ "key": "email", "label": "E-mail", "required": true }] },
            }),
        );
        assert_eq!(
            (set.edit_minutes, set.csat.enabled, set.ai_first),
            (0, false, false)
        );
        assert_eq!(after(&set, json!({})), set);
        let fewer = after(&set, json!({ "prechat": { "enabled": null } }));
        assert_eq!(
            (fewer.prechat.enabled, fewer.prechat.when),
            (false, PrechatWhen::BeforePerson)
        );
        assert_eq!(fewer.prechat.fields.len(), 1);
        let back = json!({ "edit_minutes": null, "csat": null, "ai_first": null, "prechat": null });
        assert_eq!(after(&set, back), defaults());
    }

    #[test]
    fn another_text_is_another_version_and_no_number_comes_twice() {
        let first = after(
            &defaults(),
            json!({ "consent": { "required": true, "text": "abc" } }),
        );
        assert_eq!(first.consent.version, 1);
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            first.consent.hash,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            after(&first, json!({ "consent": { "text": "abc" } })),
            first
        );
        let second = after(&first, json!({ "consent": { "text": "abcd" } }));
        assert_eq!((second.consent.version, second.consent.required), (2, true));
        let gone = after(&second, json!({ "consent": null }));
        assert_eq!((gone.consent.version, gone.consent.required), (2, false));
        assert_eq!(
            (gone.consent.text.as_str(), gone.consent.hash.as_str()),
            ("", "")
        );
        let again = after(&gone, json!({ "consent": { "text": "abc" } }));
        assert_eq!(again.consent.version, 3);
    }

    #[test]
    fn consent_is_not_asked_for_without_a_text() {
        let required = json!({ "consent": { "required": true } });
        assert!(matches!(
            patched(&defaults(), patch(required.clone())),
            Err(Error::NoText)
        ));
        let with_text = after(&defaults(), json!({ "consent": { "text": "abc" } }));
        let asked = after(&with_text, required);
        assert!(asked.consent.required);
        let removed = patch(json!({ "consent": { "text": null } }));
        assert!(matches!(patched(&asked, removed), Err(Error::NoText)));
    }

    #[test]
    fn of_two_that_are_the_same_the_last_counts() {
        let set = after(
            &defaults(),
            json!({
                "labels": [{ "name": "vip", "color": "#000000" }, { "name": " bug", "color": "#111111" },
                           { "name": "vip ", "color": "#222222" }],
                "greetings": [{ "locale": "en", "text": "Hi" }, { "locale": "de", "text": "Hallo" },
                              { "locale": "en", "text": "Hello" }],
                "prechat": { "fields": [
                    { "key": "custom", "label": "Order" }, { "key": "name", "label": "Name" },
                    { "key": "custom", "label": "City" }, { "key": "name", "label": "Your name" } ] },
            }),
        );
        let labels: Vec<_> = set.labels.iter().map(|l| (&*l.name, &*l.color)).collect();
        assert_eq!(labels, [("bug", "#111111"), ("vip", "#222222")]);
        let greetings: Vec<_> = set.greetings.iter().map(|g| &*g.text).collect();
        assert_eq!(greetings, ["Hello", "Hallo"]);
        let fields: Vec<_> = set.prechat.fields.iter().map(|f| &*f.label).collect();
        assert_eq!(fields, ["Order", "Your name", "City"]);
    }

    #[test]
    fn settings_of_an_older_release_are_read() {
        let at = DateTime::UNIX_EPOCH;
        let old = json!({ "edit_minutes": 3, "consent": { "text": "abc" }, "what_is_this": [1] });
        let read = read(old, at).unwrap();
        assert_eq!((read.edit_minutes, read.reopen_days), (3, 7));
        assert_eq!(
            (read.consent.text.as_str(), read.consent.version),
            ("abc", 0)
        );
        assert_eq!(read.updated_at, Some(at));
        let whole = serde_json::to_value(&read).unwrap();
        assert_eq!(super::read(whole, at).unwrap(), read);
    }
}
