//! The shape of each event's data, held against a committed snapshot.
//!
//! A changed snapshot means a new version of the event: consumers of the old one are running.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use crate::EventData;

/// The JSON schema of one event type's data.
#[derive(Debug, Clone, PartialEq)]
pub struct EventSchema {
    /// The event type.
    pub r#type: &'static str,
    /// The schema of `data`, with what it refers to under `components`.
    pub schema: Value,
}

impl EventSchema {
    /// The schema of `T`.
    #[must_use]
    pub fn of<T: EventData + ToSchema>() -> Self {
        let mut referred: Vec<(String, RefOr<Schema>)> = Vec::new();
        T::schemas(&mut referred);
        let referred: BTreeMap<_, _> = referred.into_iter().collect();
        let mut schema = json!(<T as PartialSchema>::schema());
        if !referred.is_empty() {
            schema["components"] = json!({ "schemas": referred });
        }
        Self {
            r#type: T::TYPE,
            schema,
        }
    }
}

/// Holds the schemas of one service's events against `file`; `UPDATE_SNAPSHOTS=1` writes it instead.
/// For tests.
///
/// # Panics
/// When they differ.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the test run, not a setting"
)]
pub fn assert_snapshot(file: &Path, events: &[EventSchema]) {
    let all: BTreeMap<_, _> = events
        .iter()
        .map(|event| (event.r#type, &event.schema))
        .collect();
    let mut text = serde_json::to_string_pretty(&all).expect("schemas are JSON");
    text.push('\n');
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(file, text).expect("the snapshot can be written");
        return;
    }
    let kept = fs::read_to_string(file).unwrap_or_default();
    assert!(
        kept == text,
        "the events differ from {}.\nA published event never changes: add a version (….v2) beside it. If this \
         event was never released, write the snapshot with UPDATE_SNAPSHOTS=1.\nnow:\n{text}",
        file.display()
    );
}
