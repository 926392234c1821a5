//! Agents: creating, reading, changing and listing them.

use agent_api::Agent;
use common::tokens::Role;
use ids::{UserId, WorkspaceId};
use reqwest::{Method, StatusCode, header};
use rest::Page;
use serde_json::{Value, json};
use testkit::eventually;

use crate::support::{World, refused};

async fn names(
    world: &World,
    at: &crate::support::Instance,
    query: &str,
) -> (Vec<String>, Option<String>) {
    let page: Page<Agent> = world
        .get(at, &format!("/agents{query}"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    (
        page.items.into_iter().map(|agent| agent.name).collect(),
        page.next_cursor,
    )
}

#[tokio::test]
async fn an_agent_is_created_read_and_changed() {
    let (world, at) = World::with_instance().await;
    let response = world
        .post(
            &at,
            "/agents",
            &json!({ "name": "Juniper", "language": "de-AT" }),
        )
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let etag = response.headers()[header::ETAG].clone();
    let created: Agent = response.json().await.unwrap();
    assert_eq!(
        (created.name.as_str(), created.language.as_str()),
        ("Juniper", "de-AT")
    );
    assert_eq!(
        (created.voice_type.as_str(), created.personality.as_str()),
        ("neutral", "")
    );
    assert_eq!(created.user_id, world.user);

    let path = format!("/agents/{}", created.id);
    let read = world.get(&at, &path).send().await.unwrap();
    assert_eq!(read.headers()[header::ETAG], etag);
    assert_eq!(read.json::<Agent>().await.unwrap(), created);

    let patch = json!({ "personality": "Warm.", "language": null });
    let changed = world
        .patch(&at, &path, &patch)
        .header(header::IF_MATCH, &etag)
        .send()
        .await
        .unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    assert_ne!(changed.headers()[header::ETAG], etag);
    let changed: Agent = changed.json().await.unwrap();
    assert_eq!(
        (changed.personality.as_str(), changed.language.as_str()),
        ("Warm.", "en")
    );
    assert!(changed.updated_at > created.updated_at);

    let stale = world
        .patch(&at, &path, &json!({ "name": "Other" }))
        .header(header::IF_MATCH, &etag);
    refused(
        stale,
        StatusCode::PRECONDITION_FAILED,
        "precondition_failed",
    )
    .await;
    let same = world.patch(&at, &path, &patch).send().await.unwrap();
    assert_eq!(
        same.headers()[header::ETAG],
        "\"2\"",
        "a patch that changes nothing makes no version"
    );
}

#[tokio::test]
async fn both_changes_are_told_as_events() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    world
        .patch(
            &at,
            &format!("/agents/{}", agent.id),
            &json!({ "name": "Pine" }),
        )
        .send()
        .await
        .unwrap();
    // Analytics takes every event of the agent service.
    eventually("both events are published", || async {
        (world.broker.depth("analytics.ingest").await == 2).then_some(())
    })
    .await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM agent.outbox")
        .fetch_one(&world.postgres.pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_repeated_creation_creates_once() {
    let (world, at) = World::with_instance().await;
    let create = |name: &str| {
        world
            .post(&at, "/agents", &json!({ "name": name }))
            .header("Idempotency-Key", "one")
    };
    let first: Agent = create("Juniper")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let again = create("Juniper").send().await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.json::<Agent>().await.unwrap(), first);
    refused(
        create("Pine"),
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
    )
    .await;
    assert_eq!(names(&world, &at, "").await.0, ["Juniper"]);
}

#[tokio::test]
async fn the_list_is_sorted_filtered_and_paged_by_keyset() {
    let (world, at) = World::with_instance().await;
    for name in ["beta", "Alpha", "gamma 50%", "alpha 2"] {
        world.create_agent(&at, json!({ "name": name })).await;
    }
    assert_eq!(
        names(&world, &at, "").await.0,
        ["alpha 2", "gamma 50%", "Alpha", "beta"]
    );
    assert_eq!(
        names(&world, &at, "?sort=name").await.0,
        ["Alpha", "alpha 2", "beta", "gamma 50%"]
    );
    assert_eq!(
        names(&world, &at, "?name=ALPHA&sort=-name").await.0,
        ["alpha 2", "Alpha"]
    );
    assert_eq!(names(&world, &at, "?name=50%25").await.0, ["gamma 50%"]);
    assert_eq!(names(&world, &at, "?name=_").await.0, Vec::<String>::new());

    for sort in ["name", "-name", "created_at", "-created_at"] {
        let (whole, _) = names(&world, &at, &format!("?sort={sort}")).await;
        let mut seen = Vec::new();
        let mut query = format!("?sort={sort}&limit=1");
        loop {
            let (page, next) = names(&world, &at, &query).await;
            seen.extend(page);
            let Some(cursor) = next else { break };
            query = format!("?sort={sort}&limit=1&cursor={cursor}");
        }
        assert_eq!(seen, whole, "{sort}");
    }
    let (_, cursor) = names(&world, &at, "?sort=name&limit=1").await;
    let other = world.get(
        &at,
        &format!("/agents?sort=-name&cursor={}", cursor.unwrap()),
    );
    refused(other, StatusCode::BAD_REQUEST, "invalid_cursor").await;
}

#[tokio::test]
async fn another_workspace_sees_none_of_it() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let stranger = world
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Owner);
    let path = format!("/agents/{}", agent.id);
    let ask = |method: Method, path: &str| world.request_as(&at, &stranger, method, path);
    refused(ask(Method::GET, &path), StatusCode::NOT_FOUND, "not_found").await;
    let patch = ask(Method::PATCH, &path).json(&json!({ "name": "Mine" }));
    refused(patch, StatusCode::NOT_FOUND, "not_found").await;
    let start = ask(Method::POST, &format!("{path}/start")).json(&json!({}));
    refused(start, StatusCode::NOT_FOUND, "not_found").await;
    let list: Value = ask(Method::GET, "/agents")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(list["items"], json!([]));
}
