//! Documents: from pending to ready, or to a readable failure.

use agent_api::{Document, DocumentStatus};
use common::tokens::Role;
use ids::{UserId, WorkspaceId};
use llm::fake::Script;
use reqwest::{Method, StatusCode, header};
use rest::Page;
use serde_json::json;
use testkit::{eventually, eventually_within};

use crate::support::{Instance, Options, RETURNS, World, refused};

async fn chunks(world: &World, document: &Document) -> Vec<(Vec<String>, String)> {
    sqlx::query_as(
        "SELECT headings, content FROM agent.chunks WHERE document_id = $1 ORDER BY ordinal",
    )
    .bind(document.id)
    .fetch_all(&world.postgres.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_document_becomes_ready_and_its_chunks_know_their_headings() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let body = json!({ "title": "Returns", "url": "/help/returns", "content": RETURNS });
    let document = world.add_document(&at, agent.id, body).await;
    assert_eq!(
        (document.status, document.chunk_count),
        (DocumentStatus::Pending, 0)
    );
    let ready = world.prepared(&at, &document).await;
    assert_eq!(
        (ready.status, ready.chunk_count, ready.error),
        (DocumentStatus::Ready, 2, None)
    );
    let chunks = chunks(&world, &document).await;
    assert_eq!(chunks[0].0, Vec::<String>::new());
    assert_eq!(
        chunks[1],
        (
            vec!["Used gear".to_owned()],
            "Used gear can be returned within 30 days for store credit.".to_owned()
        )
    );

    let path = format!("/agents/{}/documents/{}", agent.id, document.id);
    let read = world.get(&at, &path).send().await.unwrap();
    assert_eq!(read.headers()[header::ETAG], "\"2\"");
    let deleted = world
        .request(&at, Method::DELETE, &path)
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert!(self::chunks(&world, &document).await.is_empty());
    refused(world.get(&at, &path), StatusCode::NOT_FOUND, "not_found").await;
    refused(
        world.request(&at, Method::DELETE, &path),
        StatusCode::NOT_FOUND,
        "not_found",
    )
    .await;
}

#[tokio::test]
async fn a_long_document_is_embedded_in_batches() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let sections: Vec<_> = (0..70)
        .map(|n| format!("# Part {n}\n\nThe text of part {n}."))
        .collect();
    let document = world
        .add_document(
            &at,
            agent.id,
            json!({ "title": "Long", "content": sections.join("\n\n") }),
        )
        .await;
    assert_eq!(world.prepared(&at, &document).await.chunk_count, 70);
    assert_eq!(
        (world.llm.embedded(), world.llm.embedding_requests()),
        (70, 3)
    );
}

#[tokio::test]
async fn while_the_embedding_service_is_down_documents_wait() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    world
        .llm
        .embeddings_down(Script::Status(503, "overloaded", None));
    let document = world
        .add_document(
            &at,
            agent.id,
            json!({ "title": "Returns", "content": RETURNS }),
        )
        .await;
    // Longer than the attempts of one request: the work list itself tries again.
    eventually_within(
        std::time::Duration::from_secs(20),
        "more than one attempt",
        || async { (world.llm.embedding_requests() > 4).then_some(()) },
    )
    .await;
    let waiting = world.document(&at, &document).await;
    assert_eq!(
        (waiting.status, waiting.error),
        (DocumentStatus::Pending, None)
    );
    world.llm.embeddings_up();
    assert_eq!(
        world.prepared(&at, &document).await.status,
        DocumentStatus::Ready
    );
}

#[tokio::test]
async fn a_refusal_fails_the_document_readably_and_a_restart_tries_again() {
    let world = World::new().await;
    let wrong = Options {
        llm: llm::LlmConfig {
            llm_api_key: Some("sk-wrong".into()),
            ..world.llm.config()
        },
        ..Options::of(&world)
    };
    let at = Instance::with(&world, wrong).await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let document = world
        .add_document(
            &at,
            agent.id,
            json!({ "title": "Returns", "content": RETURNS }),
        )
        .await;
    let failed = world.prepared(&at, &document).await;
    assert_eq!(failed.status, DocumentStatus::Failed);
    let error = failed.error.unwrap();
    assert!(
        error.contains("401 invalid_api_key") && error.contains("restart"),
        "{error}"
    );

    drop(at);
    let at = Instance::start(&world).await;
    eventually("the document is tried again", || async {
        (world.document(&at, &document).await.status == DocumentStatus::Ready).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_document_without_text_fails_and_says_why() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let document = world
        .add_document(
            &at,
            agent.id,
            json!({ "title": "Empty", "content": "# Only a heading" }),
        )
        .await;
    let failed = world.prepared(&at, &document).await;
    assert_eq!(failed.status, DocumentStatus::Failed);
    assert!(failed.error.unwrap().contains("no text besides headings"));
}

#[tokio::test]
async fn the_list_can_be_narrowed_to_a_state() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    for (title, content) in [("One", RETURNS), ("Two", "# Nothing"), ("Three", RETURNS)] {
        let document = world
            .add_document(&at, agent.id, json!({ "title": title, "content": content }))
            .await;
        world.prepared(&at, &document).await;
    }
    let list = async |query: &str| {
        let path = format!("/agents/{}/documents{query}", agent.id);
        let page: Page<Document> = world
            .get(&at, &path)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let titles: Vec<_> = page
            .items
            .into_iter()
            .map(|document| document.title)
            .collect();
        (titles, page.next_cursor)
    };
    assert_eq!(list("").await.0, ["Three", "Two", "One"]);
    assert_eq!(list("?status=failed").await.0, ["Two"]);
    assert_eq!(
        list("?status=ready&sort=created_at").await.0,
        ["One", "Three"]
    );
    let (first, cursor) = list("?limit=2").await;
    assert_eq!(first, ["Three", "Two"]);
    assert_eq!(
        list(&format!("?limit=2&cursor={}", cursor.unwrap())).await,
        (vec!["One".to_owned()], None)
    );
}

#[tokio::test]
async fn a_repeated_addition_adds_once() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let other = world.create_agent(&at, json!({ "name": "Pine" })).await;
    let add = |agent: &agent_api::Agent| {
        let body = json!({ "title": "Returns", "content": RETURNS });
        world
            .post(&at, &format!("/agents/{}/documents", agent.id), &body)
            .header("Idempotency-Key", "one")
    };
    let first: Document = add(&agent).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        add(&agent)
            .send()
            .await
            .unwrap()
            .json::<Document>()
            .await
            .unwrap(),
        first
    );
    refused(
        add(&other),
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
    )
    .await;
}

#[tokio::test]
async fn a_change_of_language_prepares_the_documents_anew() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let document = world
        .add_document(
            &at,
            agent.id,
            json!({ "title": "Returns", "content": RETURNS }),
        )
        .await;
    world.prepared(&at, &document).await;
    let config = async || -> String {
        sqlx::query_scalar("SELECT DISTINCT search_config::text FROM agent.chunks")
            .fetch_one(&world.postgres.pool)
            .await
            .unwrap()
    };
    assert_eq!(config().await, "english");
    world
        .patch(
            &at,
            &format!("/agents/{}", agent.id),
            &json!({ "language": "de" }),
        )
        .send()
        .await
        .unwrap();
    eventually("the chunks are German", || async {
        (config().await == "german").then_some(())
    })
    .await;
    assert_eq!(world.prepared(&at, &document).await.chunk_count, 2);
}

#[tokio::test]
async fn a_worker_that_died_leaves_its_document_to_others() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    // The model never answers, so the worker dies in the middle of its work.
    world
        .llm
        .embeddings_down(Script::Stream(vec![llm::fake::Step::Stall]));
    let document = world
        .add_document(
            &at,
            agent.id,
            json!({ "title": "Returns", "content": RETURNS }),
        )
        .await;
    eventually("the work began", || async {
        (world.llm.embedding_requests() > 0).then_some(())
    })
    .await;
    at.kill();
    world.llm.embeddings_up();
    // The claim runs out by itself after a minute; the test does not wait for that.
    sqlx::query("UPDATE agent.documents SET due_at = clock_timestamp()")
        .execute(&world.postgres.pool)
        .await
        .unwrap();
    let at = Instance::start(&world).await;
    assert_eq!(
        world.prepared(&at, &document).await.status,
        DocumentStatus::Ready
    );
}

#[tokio::test]
async fn another_workspace_and_another_agent_see_none_of_it() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let other = world.create_agent(&at, json!({ "name": "Pine" })).await;
    let document = world
        .add_document(
            &at,
            agent.id,
            json!({ "title": "Returns", "content": RETURNS }),
        )
        .await;
    let stranger = world
        .keys
        .person(WorkspaceId::new(), UserId::new(), Role::Owner);
    let all = format!("/agents/{}/documents", agent.id);
    let one = format!("{all}/{}", document.id);
    let ask = |method: Method, path: &str| world.request_as(&at, &stranger, method, path);
    refused(ask(Method::GET, &all), StatusCode::NOT_FOUND, "not_found").await;
    let add = ask(Method::POST, &all).json(&json!({ "title": "x", "content": "y" }));
    refused(add, StatusCode::NOT_FOUND, "not_found").await;
    refused(ask(Method::GET, &one), StatusCode::NOT_FOUND, "not_found").await;
    refused(
        ask(Method::DELETE, &one),
        StatusCode::NOT_FOUND,
        "not_found",
    )
    .await;
    let through_other = format!("/agents/{}/documents/{}", other.id, document.id);
    refused(
        world.get(&at, &through_other),
        StatusCode::NOT_FOUND,
        "not_found",
    )
    .await;
    assert_eq!(world.document(&at, &document).await.id, document.id);
}
