//! The table against the committed documents.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use super::*;

#[test]
fn lookups() {
    assert!(
        matches!(find(&Method::GET, "/contacts/1"), Found::Route(known) if known.route.path == "/contacts/{id}")
    );
    assert!(matches!(find(&Method::HEAD, "/contacts"), Found::Route(_)));
    assert!(
        matches!(find(&Method::PUT, "/contacts"), Found::OtherMethods(methods) if methods.len() == 2)
    );
    assert!(matches!(
        find(&Method::GET, "/internal/jwks"),
        Found::Nothing
    ));
    assert!(matches!(
        find(&Method::GET, "/contacts/1/../../internal"),
        Found::Nothing
    ));
    assert!(allows_any_origin("/auth/visitors") && !allows_any_origin("/auth/login"));
}

/// The operations of all committed documents: service, method, path, and whether they are public.
fn documented() -> BTreeSet<(String, String, String, bool)> {
    let mut operations = BTreeSet::new();
    for service in Upstream::ALL {
        let file = format!(
            "{}/../../openapi/{}.json",
            env!("CARGO_MANIFEST_DIR"),
            service.name()
        );
        let text = fs::read_to_string(&file).unwrap_or_else(|_| panic!("{file} is there"));
        let document: Value = serde_json::from_str(&text).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let public = operation["security"]
                    .as_array()
                    .is_some_and(|all| all.iter().all(|one| one.as_object().unwrap().is_empty()));
                operations.insert((
                    service.name().to_owned(),
                    method.to_uppercase(),
                    path.clone(),
                    public,
                ));
            }
        }
    }
    operations
}

#[test]
fn every_documented_operation_is_routed_once_and_every_route_is_documented() {
    let routed: Vec<_> = ROUTES
        .iter()
        .map(|route| {
            let public = route.access == Access::Public;
            (
                route.upstream.name().to_owned(),
                route.method.to_string(),
                route.path.to_owned(),
                public,
            )
        })
        .collect();
    let once: BTreeSet<_> = routed.iter().cloned().collect();
    assert_eq!(
        routed.len(),
        once.len(),
        "an operation stands in the table twice"
    );
    let documented = documented();
    let missing: Vec<_> = documented.difference(&once).collect();
    let unknown: Vec<_> = once.difference(&documented).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "not routed, or with other access than documented: {missing:#?}\nrouted, not documented so: {unknown:#?}"
    );
}

/// The most bytes that JSON of a schema may need, when each character is spelled as two escapes of six
/// bytes (RFC 8259 §7).
fn most(schema: &Value, schemas: &Value) -> u64 {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return most(&schemas[name], schemas);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let sizes = choices.iter().map(|one| most(one, schemas));
        return sizes.max().unwrap_or_default();
    }
    let kinds = &schema["type"];
    let items = schema["maxItems"].as_u64().unwrap_or(1);
    match kinds.as_str().or_else(|| kinds[0].as_str()) {
        Some("object") => schema["properties"].as_object().map_or(2, |properties| {
            let members = properties
                .iter()
                .map(|(name, value)| name.len() as u64 + 4 + most(value, schemas));
            2 + members.sum::<u64>()
        }),
        Some("array") => 2 + items * (1 + most(&schema["items"], schemas)),
        // Ids, times and names of a choice are plain.
        Some("string") => {
            2 + schema["maxLength"]
                .as_u64()
                .map_or(40, |length| 12 * length)
        }
        _ => 24,
    }
}

#[test]
fn the_longest_body_that_chat_documents_fits_however_it_is_escaped() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/chat.json");
    let document: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let schemas = &document["components"]["schemas"];
    for route in ROUTES.iter().filter(|one| one.upstream == Upstream::Chat) {
        let method = route.method.as_str().to_lowercase();
        let body = &document["paths"][route.path][&method]["requestBody"];
        let size = most(&body["content"]["application/json"]["schema"], schemas);
        assert!(
            size <= route.body_limit,
            "{method} {} may need {size} bytes and gets {}",
            route.path,
            route.body_limit
        );
    }
}
