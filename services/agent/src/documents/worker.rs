//! The background work on documents: cut, embed, put in place.
//!
//! Any number of processes may run it: a claim is a row of the work list that nobody else gets for a
//! minute. While the embedding service is down, documents stay `pending` and are tried again, at most
//! half a minute later. A reason that does not pass (a refused key, a model that answers garbage) makes
//! a document `failed` after three attempts, because such reasons are sometimes mended within minutes.

use std::{sync::LazyLock, time::Duration};

use prometheus::{IntCounterVec, register_int_counter_vec};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    chunks::{self, Chunk},
    search_config,
    store::{self, Claim, Prepared, Setback},
};
use crate::app::App;

static DOCUMENTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "agent_documents_total",
        "attempts to prepare a document",
        &["outcome"]
    )
    .expect("the name is used once")
});

/// Texts in one request for embeddings: some seconds of work for the embedded model.
const BATCH: usize = 32;
/// What a crash or a lost wake-up left is found within this time.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const FIRST_WAIT_MS: i64 = 500;
const LONGEST_WAIT_MS: i64 = 30_000;
const MOST_FAILURES: i32 = 3;

/// Why a document was not prepared.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// There is nothing in it.
    #[error("the document has no text besides headings")]
    Empty,
    /// The embedding model failed.
    #[error(transparent)]
    Model(#[from] llm::Error),
    /// Somebody else has the document, or it was deleted.
    #[error("the claim is gone")]
    Lost,
    /// PostgreSQL failed; the claim runs out by itself.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Works until `stop`, through every outage.
pub async fn run(app: App, stop: CancellationToken) {
    let mut requeued = false;
    while !stop.is_cancelled() {
        if !requeued {
            requeued = requeue(&app).await;
        }
        match next(&app).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "no document could be claimed"),
        }
        let wake = tokio::time::timeout(SWEEP_EVERY, app.wake.documents.notified());
        stop.run_until_cancelled(wake).await;
    }
}

/// Puts on the work list what a changed setting may have changed; answers whether it could.
async fn requeue(app: &App) -> bool {
    let done = async {
        let mut connection = app.pool.acquire().await?;
        store::requeue_stale(&mut connection, app.embedder.name()).await
    };
    match done.await {
        Ok(0) => true,
        Ok(documents) => {
            tracing::info!(
                documents,
                "documents are prepared anew, for the model in use"
            );
            true
        }
        Err(error) => {
            tracing::debug!(%error, "documents could not be requeued");
            false
        }
    }
}

/// Prepares one document; answers whether there was one.
async fn next(app: &App) -> sqlx::Result<bool> {
    let claimed = store::claim(&mut *app.pool.acquire().await?).await?;
    let Some(claim) = claimed else {
        return Ok(false);
    };
    let span = tracing::info_span!(
        "agent.documents.prepare",
        document = %claim.document,
        workspace = %claim.workspace,
        attempt = claim.attempt,
        chunks = tracing::field::Empty,
    );
    settle(app, &claim).instrument(span).await?;
    Ok(true)
}

/// Prepares a document and notes how it went.
async fn settle(app: &App, claim: &Claim) -> sqlx::Result<()> {
    let trouble = match prepare(app, claim).await {
        Ok(()) => {
            DOCUMENTS.with_label_values(&["ready"]).inc();
            return Ok(());
        }
        Err(trouble) => trouble,
    };
    let lasting = matches!(&trouble, Trouble::Model(error) if !error.may_pass());
    let last = lasting && claim.failures + 1 >= MOST_FAILURES;
    let why = reason(&trouble);
    let setback = match &trouble {
        Trouble::Lost => return Ok(()),
        Trouble::Store(error) => {
            tracing::warn!(%error, "a document could not be stored; it is tried again");
            return Ok(());
        }
        Trouble::Empty => Setback::Failed(&why),
        Trouble::Model(error) if last => {
            tracing::warn!(%error, "a document was given up");
            Setback::Failed(&why)
        }
        Trouble::Model(error) => {
            let wait_ms = pause(claim.attempt);
            tracing::warn!(%error, wait_ms, "a document could not be embedded; it is tried again");
            Setback::Postponed { wait_ms, lasting }
        }
    };
    let outcome = if matches!(setback, Setback::Failed(_)) {
        "failed"
    } else {
        "postponed"
    };
    DOCUMENTS.with_label_values(&[outcome]).inc();
    let mut connection = app.pool.acquire().await?;
    store::set_back(&mut connection, claim, (setback, app.clock.now())).await
}

async fn prepare(app: &App, claim: &Claim) -> Result<(), Trouble> {
    let chunks = chunks::cut(&claim.content);
    tracing::Span::current().record("chunks", chunks.len());
    if chunks.is_empty() {
        return Err(Trouble::Empty);
    }
    let vectors = embed(app, claim, &chunks).await?;
    let prepared = Prepared {
        chunks: &chunks,
        vectors,
        model: app.embedder.name(),
        search_config: search_config(&claim.language),
    };
    let mut transaction = app.pool.begin().await?;
    if !store::replace_chunks(&mut transaction, claim, (prepared, app.clock.now())).await? {
        return Err(Trouble::Lost);
    }
    transaction.commit().await?;
    Ok(())
}

async fn embed(app: &App, claim: &Claim, chunks: &[Chunk]) -> Result<Vec<Vec<f32>>, Trouble> {
    let mut vectors = Vec::with_capacity(chunks.len());
    for batch in chunks.chunks(BATCH) {
        let texts: Vec<String> = batch
            .iter()
            .map(|chunk| chunk.in_context(&claim.title))
            .collect();
        vectors.extend(app.embedder.embed(&texts).await?.vectors);
        if !store::keep(
            &mut *app.pool.acquire().await.map_err(Trouble::Store)?,
            claim,
        )
        .await?
        {
            return Err(Trouble::Lost);
        }
    }
    Ok(vectors)
}

/// What people of the company are told.
fn reason(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Empty => {
            "there is no text besides headings; add some, and add the document again".to_owned()
        }
        Trouble::Model(llm::Error::Refused { status, code }) => format!(
            "the embedding model refused the text ({status} {code}); whoever runs this installation should check \
             the model's name and key, and restart: the document is then tried again"
        ),
        Trouble::Model(error) => format!("the embedding model gave no usable answer: {error}"),
        Trouble::Lost | Trouble::Store(_) => "it could not be stored".to_owned(),
    }
}

/// Milliseconds until the next attempt.
fn pause(attempt: i32) -> i64 {
    let doublings = u32::try_from(attempt.clamp(1, 7) - 1).unwrap_or(0);
    (FIRST_WAIT_MS << doublings).min(LONGEST_WAIT_MS)
}

#[cfg(test)]
mod tests {
    use super::pause;

    #[test]
    fn pauses_grow_to_half_a_minute() {
        let pauses: Vec<_> = [1, 2, 3, 7, 8, 1_000_000].into_iter().map(pause).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 30_000, 30_000, 30_000]);
    }
}
