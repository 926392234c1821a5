//! The committed OpenAPI document is what the service says.

#[test]
fn the_document_is_committed() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/agent.json");
    let now = agent::openapi().to_pretty_json().unwrap();
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    // Not `assert_eq`: two whole documents tell nobody anything.
    assert!(
        committed.trim_end() == now.trim_end(),
        "openapi/agent.json is not what the service says; write it with `cargo xtask openapi`"
    );
}
