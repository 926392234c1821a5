//! The rules of introductions.

use chat_api::{CustomField, Introduce, Introduction};
use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use ids::VisitorId;
use secrecy::{ExposeSecret, SecretSlice};

/// As it is kept: trimmed, and each field of the workspace's own once.
pub(super) fn kept(said: Introduce) -> Introduce {
    let trimmed = |text: Personal<String>| Personal::new(text.expose().trim().to_owned());
    let custom = said
        .custom
        .into_iter()
        .fold(Vec::new(), |mut kept: Vec<CustomField>, field| {
            let field = CustomField {
                label: field.label.trim().to_owned(),
                ..field
            };
            match kept.iter_mut().find(|other| other.label == field.label) {
                Some(other) => *other = field,
                None => kept.push(field),
            }
            kept
        });
    Introduce {
        name: said.name.map(trimmed),
        email: said.email.map(trimmed),
        phone: said.phone.map(trimmed),
        custom,
    }
}

/// What is sealed.
pub(super) fn write(said: &Introduce) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(said)
}

/// What was sealed.
pub(super) fn read(plain: &SecretSlice<u8>) -> serde_json::Result<Introduce> {
    serde_json::from_slice(plain.expose_secret())
}

/// As it is told.
pub(super) fn told(
    visitor_id: VisitorId,
    said: Introduce,
    version: i64,
    introduced_at: DateTime<Utc>,
) -> Introduction {
    Introduction {
        visitor_id,
        name: said.name,
        email: said.email,
        phone: said.phone,
        custom: said.custom,
        version,
        introduced_at,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_is_trimmed_and_each_field_is_there_once() {
        let said: Introduce = serde_json::from_value(json!({
            "name": " Ada ",
            "custom": [{ "label": "Order ", "value": "1" }, { "label": "City", "value": "Paris" },
                       { "label": "Order", "value": "2" }],
        }))
        .unwrap();
        let kept = kept(said);
        assert_eq!(kept.name.as_ref().unwrap().expose(), "Ada");
        let custom: Vec<_> = kept
            .custom
            .iter()
            .map(|field| (&*field.label, &**field.value.expose()))
            .collect();
        assert_eq!(custom, [("Order", "2"), ("City", "Paris")]);
        let again = read(&write(&kept).unwrap().into()).unwrap();
        assert_eq!(again, kept);
    }
}
