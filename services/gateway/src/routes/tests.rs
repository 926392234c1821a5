//! The table against the committed documents.

use std::{collections::BTreeSet, fs};

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
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
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
