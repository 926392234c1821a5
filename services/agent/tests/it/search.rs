//! Search: what is found, what is not, and for whom.

use agent::documents::search::{Hit, Question, best_cosine, search};
use agent_api::Agent;
use ids::{AgentId, WorkspaceId};
use llm::fake::{EMBEDDING_MODEL, embed};
use serde_json::json;

use crate::support::{Instance, QUESTION, World};

async fn find(world: &World, (workspace, agent): (WorkspaceId, AgentId), text: &str) -> Vec<Hit> {
    let question = Question {
        agent,
        text,
        vector: embed(text),
        model: EMBEDDING_MODEL,
        search_config: "english",
    };
    let mut connection = world.postgres.pool.acquire().await.unwrap();
    search(&mut connection, workspace, question).await.unwrap()
}

async fn shop() -> (World, Instance, Agent) {
    let (world, at) = World::with_instance().await;
    let agent = world.shop(&at).await;
    (world, at, agent)
}

#[tokio::test]
async fn the_chunk_that_answers_comes_first() {
    let (world, _at, agent) = shop().await;
    let hits = find(&world, (world.workspace, agent.id), QUESTION).await;
    assert_eq!(hits[0].title, "Returns");
    assert!(hits[0].content.contains("60 days"), "{hits:?}");
    assert!(best_cosine(&hits).unwrap() > 0.5, "{hits:?}");
    let hits = find(
        &world,
        (world.workspace, agent.id),
        "What does shipping to Canada cost?",
    )
    .await;
    assert_eq!(hits[0].title, "Shipping");
}

#[tokio::test]
async fn what_the_texts_do_not_say_stays_below_the_floor() {
    let (world, _at, agent) = shop().await;
    let hits = find(
        &world,
        (world.workspace, agent.id),
        "Who founded this company?",
    )
    .await;
    assert!(best_cosine(&hits).unwrap() < 0.3, "{hits:?}");
}

#[tokio::test]
async fn words_find_what_meaning_misses_and_the_closest_is_always_among_the_hits() {
    let (world, at) = World::with_instance().await;
    let agent = world.create_agent(&at, json!({ "name": "Juniper" })).await;
    let parts: Vec<_> = (0..40)
        .map(|n| format!("# Part {n}\n\nReplacement strap SKU-{n} for backpacks."))
        .collect();
    let document = world
        .add_document(
            &at,
            agent.id,
            json!({ "title": "Parts", "content": parts.join("\n\n") }),
        )
        .await;
    world.prepared(&at, &document).await;
    let hits = find(
        &world,
        (world.workspace, agent.id),
        "Is the strap SKU-23 for backpacks in stock?",
    )
    .await;
    assert!(hits[0].content.contains("SKU-23"), "{:?}", hits[0]);
    let best = best_cosine(&hits).unwrap();
    let all: f64 = sqlx::query_scalar("SELECT max(1 - (embedding <=> $1)) FROM agent.chunks")
        .bind(pgvector::Vector::from(embed(
            "Is the strap SKU-23 for backpacks in stock?",
        )))
        .fetch_one(&world.postgres.pool)
        .await
        .unwrap();
    assert!((best - all).abs() < 1e-6, "{best} {all}");
}

#[tokio::test]
async fn nobody_elses_texts_are_found() {
    let (world, at, agent) = shop().await;
    let other = world.create_agent(&at, json!({ "name": "Pine" })).await;
    assert!(
        find(&world, (world.workspace, other.id), QUESTION)
            .await
            .is_empty()
    );
    assert!(
        find(&world, (WorkspaceId::new(), agent.id), QUESTION)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn vectors_of_another_model_or_length_are_not_compared() {
    let (world, _at, agent) = shop().await;
    let mut connection = world.postgres.pool.acquire().await.unwrap();
    let ask = |model, vector| Question {
        agent: agent.id,
        text: QUESTION,
        vector,
        model,
        search_config: "english",
    };
    assert!(
        search(
            &mut connection,
            world.workspace,
            ask("another", embed(QUESTION))
        )
        .await
        .unwrap()
        .is_empty()
    );
    assert!(
        search(
            &mut connection,
            world.workspace,
            ask(EMBEDDING_MODEL, vec![1.0; 8])
        )
        .await
        .unwrap()
        .is_empty()
    );
}

#[tokio::test]
async fn odd_questions_are_only_questions() {
    let (world, _at, agent) = shop().await;
    for text in [
        "'; DROP TABLE agent.chunks; --",
        "& | ! ( ) :* <->",
        "'quoted' & \"more\"",
        "\\",
        "🚲",
    ] {
        find(&world, (world.workspace, agent.id), text).await;
    }
}
