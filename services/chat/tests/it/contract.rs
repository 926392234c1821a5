//! The documents that others build on.

use serde_json::Value;

#[test]
fn the_openapi_document_is_the_committed_one() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/chat.json");
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    let now = chat::openapi().to_pretty_json().unwrap();
    assert!(
        kept.trim_end() == now.trim_end(),
        "write it with `cargo xtask openapi`, read the difference, commit it"
    );
}

#[test]
fn every_reference_of_the_asyncapi_document_leads_somewhere() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi");
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(format!("{folder}/{name}")).unwrap()).unwrap()
    };
    let (socket, rest) = (read("chat.asyncapi.json"), read("chat.json"));
    let mut found = 0;
    let mut look = vec![&socket];
    while let Some(value) = look.pop() {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let (document, pointer) = match reference.split_once('#').unwrap() {
                ("", pointer) => (&socket, pointer),
                ("./chat.json", pointer) => (&rest, pointer),
                other => panic!("{other:?}"),
            };
            assert!(document.pointer(pointer).is_some(), "{reference}");
            found += 1;
        }
        match value {
            Value::Array(items) => look.extend(items),
            Value::Object(members) => look.extend(members.values()),
            _ => {}
        }
    }
    assert!(found > 50, "{found}");
}
