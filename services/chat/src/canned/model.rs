//! The rules of canned replies: whose they are, and what stands in their places.

use std::collections::{BTreeMap, BTreeSet};

use chat_api::{CannedReply, CreateCannedReply, PatchCannedReply};
use chrono::{DateTime, Utc};
use common::{
    Problem,
    tokens::{Caller, Permission},
};
use ids::{CannedReplyId, UserId};

/// The version of a canned reply that was just made.
pub(super) const FIRST_VERSION: i64 = 1;

/// A canned reply and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Versioned {
    pub(super) reply: CannedReply,
    pub(super) version: i64,
}

/// Lets those pass who may make or change a reply: everybody who writes their own, and those who lead the
/// shared ones.
pub(super) fn may_change(caller: &Caller, shared: bool) -> Result<(), Problem> {
    caller.require(if shared {
        Permission::ChatSettingsWrite
    } else {
        Permission::ConversationsWrite
    })
}

/// The reply that somebody describes.
pub(super) fn created(body: CreateCannedReply, by: UserId, now: DateTime<Utc>) -> CannedReply {
    CannedReply {
        id: CannedReplyId::new(),
        shortcut: body.shortcut,
        title: body.title.trim().to_owned(),
        text: body.text,
        shared: body.shared,
        created_by: by,
        created_at: now,
        updated_at: now,
    }
}

/// The reply after a merge patch.
pub(super) fn patched(reply: &CannedReply, patch: PatchCannedReply) -> CannedReply {
    let now = reply.clone();
    let title = patch.title.value().map(|title| title.trim().to_owned());
    CannedReply {
        shortcut: patch.shortcut.apply(Some(now.shortcut)).unwrap_or_default(),
        title: title.unwrap_or(now.title),
        text: patch.text.apply(Some(now.text)).unwrap_or_default(),
        ..now
    }
}

/// What is searched: each field on its own line, so that nothing spans two of them.
pub(super) fn search(reply: &CannedReply) -> String {
    [&reply.shortcut, &reply.title, &reply.text]
        .map(|text| fold(text))
        .join("\n")
}

/// The form in which texts are compared: lower case by Unicode's rules, the same on every server.
pub(super) fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Fills the places of a text. A place is `{{name}}`, or `{{name | words}}` with words for when nothing is
/// known; anything else in braces stays as it is. Answers the text, and the names for which there was
/// nothing. What is filled in is not looked through again.
pub(super) fn filled(text: &str, values: &BTreeMap<String, String>) -> (String, Vec<String>) {
    let mut out = String::with_capacity(text.len());
    let mut missing = BTreeSet::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        out.push_str(before);
        let place = after
            .find("}}")
            .map(|end| (&after[..end], &after[end + 2..]));
        let Some((name, words, behind)) = place.and_then(|(inside, behind)| {
            let (name, words) = read(inside)?;
            Some((name, words, behind))
        }) else {
            out.push_str("{{");
            rest = after;
            continue;
        };
        match (values.get(name).filter(|value| !value.is_empty()), words) {
            (Some(value), _) => out.push_str(value),
            (None, Some(words)) => out.push_str(words),
            (None, None) => {
                missing.insert(name.to_owned());
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    (out, missing.into_iter().collect())
}

/// What stands between the braces: a name, and words for when nothing is known.
fn read(inside: &str) -> Option<(&str, Option<&str>)> {
    let (name, words) = match inside.split_once('|') {
        Some((name, words)) => (name.trim(), Some(words.trim())),
        None => (inside.trim(), None),
    };
    let usual = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
    let named = !name.is_empty() && name.chars().count() <= 80 && name.chars().all(usual);
    named.then_some((name, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> (String, Vec<String>) {
        let values = [
            ("contact.name", "Ada"),
            ("contact.email", ""),
            ("contact.Order no.", "42"),
            ("sly", "{{contact.name}}"),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        filled(text, &values.into())
    }

    fn text(text: &str) -> String {
        fill(text).0
    }

    #[test]
    fn places_are_filled_wherever_they_stand() {
        assert_eq!(text("Hello {{contact.name}}!"), "Hello Ada!");
        assert_eq!(text("{{ contact.name }}{{contact.name}}"), "AdaAda");
        assert_eq!(text("Order {{contact.Order no.}}"), "Order 42");
        assert_eq!(text("ä {{contact.name}} ö"), "ä Ada ö");
    }

    #[test]
    fn what_is_not_known_is_named_unless_there_are_words_for_it() {
        assert_eq!(text("Hello {{contact.surname | there}}!"), "Hello there!");
        assert_eq!(text("Hello {{contact.name | there}}!"), "Hello Ada!");
        assert_eq!(text("Write to {{contact.email|us}}"), "Write to us");
        let (text, missing) = fill("{{b}}, {{a}}, {{b}}, {{contact.email}}.");
        assert_eq!(text, ", , , .");
        assert_eq!(missing, ["a", "b", "contact.email"]);
        assert_eq!(fill("{{a|}}"), (String::new(), Vec::new()));
    }

    #[test]
    fn other_braces_stay_as_they_are() {
        for same in [
            "{{", "}}", "{{}}", "{ {a} }", "{{ | x}}", "{{a", "{{\n}}", "a {{ b", "{{a{b}}",
        ] {
            assert_eq!(fill(same), (same.to_owned(), Vec::new()), "{same}");
        }
        assert_eq!(text("{{{contact.name}}"), "{{{contact.name}}");
    }

    #[test]
    fn a_value_is_not_looked_through() {
        assert_eq!(text("{{sly}}"), "{{contact.name}}");
    }
}
