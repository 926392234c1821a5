//! Embeddings.

use std::time::Duration;

use llm::{
    Embedder, Error, LlmConfig, OpenAi, Stage,
    fake::{Fake, Script, embed},
};

fn texts() -> Vec<String> {
    [
        "Returns take sixty days.",
        "How many days do returns take?",
        "Our office is in Boulder.",
    ]
    .map(str::to_owned)
    .into()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[tokio::test]
async fn each_text_gets_its_vector_in_order() {
    let fake = Fake::start().await;
    let embeddings = OpenAi::new(&fake.config())
        .unwrap()
        .embed(&texts())
        .await
        .unwrap();
    assert_eq!(embeddings.vectors.len(), 3);
    assert!(embeddings.tokens > 0);
    for (text, vector) in texts().iter().zip(&embeddings.vectors) {
        assert!((dot(&embed(text), vector) - 1.0).abs() < 1e-5);
    }
    let [one, two, other] = &embeddings.vectors[..] else {
        panic!()
    };
    assert!(dot(one, two) > 0.5 && dot(one, other) < 0.2);
}

#[tokio::test]
async fn nothing_to_embed_asks_nobody() {
    let fake = Fake::start().await;
    fake.embeddings_down(Script::Status(500, "server_error", None));
    let embeddings = OpenAi::new(&fake.config())
        .unwrap()
        .embed(&[])
        .await
        .unwrap();
    assert!(embeddings.vectors.is_empty());
}

#[tokio::test]
async fn what_may_pass_is_tried_again_within_the_deadline() {
    let fake = Fake::start().await;
    fake.embeddings_down(Script::Status(503, "overloaded", None));
    let model = OpenAi::new(&fake.config()).unwrap();
    let texts = texts();
    let (result, ()) = tokio::join!(model.embed(&texts[..1]), async {
        testkit::eventually("a first attempt", || async {
            (fake.embedding_requests() > 0).then_some(())
        })
        .await;
        fake.embeddings_up();
    });
    assert_eq!(result.unwrap().vectors.len(), 1);
    assert!(fake.embedding_requests() > 1);

    fake.embeddings_down(Script::Status(503, "overloaded", None));
    let limit = Duration::from_millis(300);
    let config = LlmConfig {
        llm_embedding: limit,
        ..fake.config()
    };
    let error = OpenAi::new(&config)
        .unwrap()
        .embed(&texts)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        Error::TimedOut {
            stage: Stage::Whole,
            limit
        }
    );
}

#[tokio::test]
async fn a_refusal_is_final() {
    let fake = Fake::start().await;
    let config = LlmConfig {
        llm_embedding_model: "unknown".to_owned(),
        ..fake.config()
    };
    let error = OpenAi::new(&config)
        .unwrap()
        .embed(&texts())
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Refused { status: 400, .. }) && !error.may_pass(),
        "{error:?}"
    );
    assert_eq!(fake.take_violations(), ["model unknown"]);
}
