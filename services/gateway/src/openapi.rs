//! The one document of the whole API, merged from the services' committed ones.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::{Map, Value, json};

const PARTS: [(&str, &str); 5] = [
    ("auth", include_str!("../../../openapi/auth.json")),
    ("agent", include_str!("../../../openapi/agent.json")),
    ("crm", include_str!("../../../openapi/crm.json")),
    ("chat", include_str!("../../../openapi/chat.json")),
    ("analytics", include_str!("../../../openapi/analytics.json")),
];

static MERGED: LazyLock<Value> = LazyLock::new(merge);
static TEXT: LazyLock<String> = LazyLock::new(|| MERGED.to_string());

/// The document.
pub(crate) fn merged() -> &'static Value {
    &MERGED
}

pub(crate) async fn serve() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "max-age=60"),
    ];
    (headers, TEXT.as_str()).into_response()
}

fn merge() -> Value {
    let mut whole = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Syntera",
            "description": "AI agents in front of a company's customers. Errors are problem documents (RFC 9457); \
                            `code` is what programs switch on, `type` is the page that explains it.",
            "version": "v1",
        },
        "servers": [{ "url": "/api/v1" }],
        "security": [{ "bearer": [] }],
    });
    let mut paths = Map::new();
    let mut components: Map<String, Value> = Map::new();
    let mut tags = Vec::new();
    for (service, text) in PARTS {
        let part: Value =
            serde_json::from_str(text).expect("the committed documents are JSON, as a test shows");
        let description = &part["info"]["description"];
        tags.push(json!({ "name": service, "description": description }));
        for (path, item) in part["paths"].as_object().into_iter().flatten() {
            let mut item = item.clone();
            for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
                operation["tags"] = json!([service]);
            }
            paths.insert(path.clone(), item);
        }
        for (kind, named) in part["components"].as_object().into_iter().flatten() {
            let all = components.entry(kind.clone()).or_insert_with(|| json!({}));
            for (name, component) in named.as_object().into_iter().flatten() {
                all[name] = component.clone();
            }
        }
    }
    whole["tags"] = Value::Array(tags);
    whole["paths"] = Value::Object(paths);
    whole["components"] = Value::Object(components);
    whole
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn no_two_services_give_one_name_to_different_shapes() {
        let mut seen: BTreeMap<(String, String), (&str, Value)> = BTreeMap::new();
        for (service, text) in PARTS {
            let part: Value = serde_json::from_str(text).unwrap();
            for (kind, named) in part["components"].as_object().into_iter().flatten() {
                for (name, component) in named.as_object().into_iter().flatten() {
                    let key = (kind.clone(), name.clone());
                    if let Some((other, first)) = seen.get(&key) {
                        assert_eq!(
                            first, component,
                            "{kind}/{name} differs between {other} and {service}"
                        );
                    }
                    seen.insert(key, (service, component.clone()));
                }
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, whole: &Value) {
            match value {
                Value::Object(map) => {
                    if let Some(Value::String(target)) = map.get("$ref") {
                        let pointer = target.strip_prefix('#').expect("references stay inside");
                        assert!(whole.pointer(pointer).is_some(), "{target} leads nowhere");
                    }
                    map.values().for_each(|inner| walk(inner, whole));
                }
                Value::Array(list) => list.iter().for_each(|inner| walk(inner, whole)),
                _ => {}
            }
        }
        walk(merged(), merged());
    }
}
