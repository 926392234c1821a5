//! The rules of contacts.

use chat_api::Introduction;
use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use crm_api::{Contact, CreateContact, PatchContact};
use ids::{ContactId, UserId, VisitorId};
use rest::Field;

use super::Error;

/// The version of a contact that was just made.
pub(crate) const FIRST_VERSION: i64 = 1;

/// A contact and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The contact.
    pub contact: Contact,
    /// Counts its changes; the `ETag`.
    pub version: i64,
}

/// What is looked up and sorted by: lower case by Unicode's rules, the same on every server.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    /// Name, e-mail and company, each on its own line: a substring never spans two of them.
    pub(super) search: String,
}

impl Keys {
    pub(super) fn of(contact: &Contact) -> Self {
        let name = contact.name.as_ref().map(|name| fold(name.expose()));
        let email = contact.email.as_ref().map(|email| fold(email.expose()));
        let company = contact.company.as_deref().map(fold);
        let lines: Vec<&str> = [&name, &email, &company]
            .into_iter()
            .filter_map(|text| text.as_deref())
            .collect();
        Self {
            search: lines.join("\n"),
            name,
            email,
        }
    }
}

/// The form in which texts are compared.
pub(super) fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The contact that a person describes.
pub(super) fn created(body: CreateContact, by: UserId, now: DateTime<Utc>) -> Contact {
    Contact {
        id: ContactId::new(),
        user_id: Some(by),
        visitor_id: None,
        name: body.name,
        email: body.email,
        phone: body.phone,
        company: body.company,
        lead_score: body.lead_score,
        tags: labels(body.tags),
        created_at: now,
        updated_at: now,
    }
}

/// The contact of somebody who wrote in the widget. Nobody told a name yet.
pub(super) fn of_visitor(visitor: VisitorId, now: DateTime<Utc>) -> Contact {
    Contact {
        id: ContactId::new(),
        user_id: None,
        visitor_id: Some(visitor),
        name: None,
        email: None,
        phone: None,
        company: None,
        lead_score: 0,
        tags: Vec::new(),
        created_at: now,
        updated_at: now,
    }
}

/// The contact after a merge patch.
pub(super) fn patched(contact: &Contact, patch: PatchContact) -> Result<Contact, Error> {
    let current = contact.clone();
    let patched = Contact {
        name: patch.name.apply(current.name),
        email: patch.email.apply(current.email),
        phone: patch.phone.apply(current.phone),
        company: patch.company.apply(current.company),
        lead_score: patch
            .lead_score
            .apply(Some(current.lead_score))
            .unwrap_or_default(),
        tags: match patch.tags {
            Field::Absent => current.tags,
            Field::Null => Vec::new(),
            Field::Value(tags) => labels(tags),
        },
        ..current
    };
    let known_by_something = patched.visitor_id.is_some()
        || patched.name.is_some()
        || patched.email.is_some()
        || patched.phone.is_some()
        || patched.company.is_some();
    if known_by_something {
        Ok(patched)
    } else {
        Err(Error::Unrecognisable)
    }
}

/// The contact with what a visitor says of themselves, where nothing was known.
pub(super) fn introduced(contact: &Contact, said: &Introduction) -> Contact {
    let current = contact.clone();
    Contact {
        name: current.name.or_else(|| said.name.clone()),
        email: current.email.or_else(|| said.email.clone()),
        phone: current.phone.or_else(|| said.phone.clone()),
        ..current
    }
}

/// Labels as they are kept: trimmed, each once, sorted.
fn labels(tags: Vec<String>) -> Vec<String> {
    let mut tags: Vec<String> = tags.into_iter().map(|tag| tag.trim().to_owned()).collect();
    tags.sort();
    tags.dedup();
    tags
}

/// A text of the store, hidden from logs.
pub(super) fn personal(text: Option<String>) -> Option<Personal<String>> {
    text.map(Personal::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Contact {
        let body: CreateContact = serde_json::from_value(serde_json::json!({
            "name": "Ada Lovelace", "email": "Ada@Example.com", "tags": [" vip", "vip ", "beta"], "lead_score": 70,
        }))
        .unwrap();
        created(body, UserId::new(), DateTime::UNIX_EPOCH)
    }

    fn patch(text: &str) -> PatchContact {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn labels_are_trimmed_sorted_and_unique_and_the_address_stays_as_typed() {
        let ada = ada();
        assert_eq!(ada.tags, ["beta", "vip"]);
        assert_eq!(ada.email.unwrap().expose(), "Ada@Example.com");
    }

    #[test]
    fn keys_fold_case_beyond_ascii_and_keep_fields_apart() {
        let contact = Contact {
            name: personal(Some("ÄDA Ünal".to_owned())),
            company: Some("ACME".to_owned()),
            ..ada()
        };
        let keys = Keys::of(&contact);
        assert_eq!(keys.name.as_deref(), Some("äda ünal"));
        assert_eq!(keys.search, "äda ünal\nada@example.com\nacme");
    }

    #[test]
    fn a_patch_sets_clears_and_leaves() {
        let before = ada();
        let after = patched(
            &before,
            patch(r#"{"name":null,"company":"Acme","lead_score":null,"tags":null}"#),
        )
        .unwrap();
        assert_eq!(
            (after.name.as_ref(), after.company.as_deref()),
            (None, Some("Acme"))
        );
        assert_eq!((after.lead_score, after.tags.len()), (0, 0));
        assert_eq!(after.email, before.email);
        assert_eq!(patched(&before, patch("{}")).unwrap(), before);
    }

    #[test]
    fn what_a_visitor_says_fills_what_is_not_known() {
        let visitor = VisitorId::new();
        let said = Introduction {
            visitor_id: visitor,
            name: personal(Some("A. Lovelace".to_owned())),
            email: personal(Some("ada@example.org".to_owned())),
            phone: personal(Some("+44 20 7946 0958".to_owned())),
            custom: Vec::new(),
            version: 1,
            introduced_at: DateTime::UNIX_EPOCH,
        };
        let fresh = introduced(&of_visitor(visitor, DateTime::UNIX_EPOCH), &said);
        assert_eq!(
            (&fresh.name, &fresh.email, &fresh.phone),
            (&said.name, &said.email, &said.phone)
        );
        let known = introduced(&ada(), &said);
        assert_eq!((&known.name, &known.email), (&ada().name, &ada().email));
        assert_eq!(known.phone, said.phone);
    }

    #[test]
    fn a_contact_stays_recognisable() {
        let nameless = patch(r#"{"name":null,"email":null}"#);
        assert!(matches!(
            patched(&ada(), nameless),
            Err(Error::Unrecognisable)
        ));
        let visitor = of_visitor(VisitorId::new(), DateTime::UNIX_EPOCH);
        assert!(patched(&visitor, patch(r#"{"name":null}"#)).is_ok());
    }
}
