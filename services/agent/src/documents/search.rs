//! Finding the chunks that may answer a question.
//!
//! Two rankings, by meaning (cosine of the embeddings) and by words (full text), are fused by reciprocal
//! rank: each chunk gets the sum of 1 / (60 + rank) over the rankings that have it (Cormack, Clarke and
//! Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR
//! 2009, which also found the 60). Words bring what embeddings blur: part numbers, names.
//!
//! Ranks say nothing about whether the best is any good. That is what the floor is for: when no chunk's
//! cosine reaches it, nothing was found. docs/knowledge.md says how the default was found.

use ids::{AgentId, ChunkId, DocumentId, WorkspaceId};
use pgvector::Vector;
use sqlx::PgConnection;

/// Chunks that an answer may rest on, and the closest one besides, if many match by words.
pub const HITS: i64 = 5;

/// One chunk that was found.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Hit {
    /// The chunk.
    pub chunk_id: ChunkId,
    /// Its document.
    pub document_id: DocumentId,
    /// The document's title.
    pub title: String,
    /// Where a person can read the document.
    pub url: Option<String>,
    /// The headings above the chunk.
    pub headings: Vec<String>,
    /// The text.
    pub content: String,
    /// How close in meaning it is to the question, -1 to 1.
    pub cosine: f64,
    /// The fused rank: more is better.
    pub fused: f64,
}

/// What is looked for.
#[derive(Debug)]
pub struct Question<'a> {
    /// The agent whose documents are searched.
    pub agent: AgentId,
    /// The question in words.
    pub text: &'a str,
    /// The question's embedding.
    pub vector: Vec<f32>,
    /// The model that made it: vectors of others cannot be compared.
    pub model: &'a str,
    /// PostgreSQL's text search configuration.
    pub search_config: &'static str,
}

/// The best chunks, best first, whether or not they are good enough.
///
/// # Errors
/// When PostgreSQL fails.
pub async fn search(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    question: Question<'_>,
) -> sqlx::Result<Vec<Hit>> {
    let dimension = i32::try_from(question.vector.len()).unwrap_or(i32::MAX);
    // Not `query!`: it knows no vectors. The words are joined by "or", because a question has many words
    // that its answer has not; the rank by cover density prefers chunks that have more of them.
    sqlx::query_as(
        "WITH mine AS NOT MATERIALIZED (
             SELECT id, document_id, headings, content, embedding, search_vector
             FROM agent.chunks
             WHERE workspace_id = $1 AND agent_id = $2 AND embedding_model = $3 AND vector_dims(embedding) = $4
         ), nearest AS (
             SELECT id, row_number() OVER (ORDER BY distance, id) AS rank
             FROM (SELECT id, embedding <=> $5 AS distance FROM mine ORDER BY distance LIMIT 24) closest
         ), worded AS (
             SELECT id, row_number() OVER (ORDER BY score DESC, id) AS rank
             FROM (
                 SELECT mine.id, ts_rank_cd(mine.search_vector, words.query) AS score
                 FROM mine,
                      (SELECT replace(plainto_tsquery($6::text::regconfig, $7)::text, '&', '|')::tsquery AS query) words
                 WHERE mine.search_vector @@ words.query
                 ORDER BY score DESC LIMIT 24
             ) matching
         ), fused AS (
             SELECT id, sum(1.0 / (60 + rank))::float8 AS fused, bool_or(closest) AS closest
             FROM (
                 SELECT id, rank, rank = 1 AS closest FROM nearest UNION ALL SELECT id, rank, false FROM worded
             ) ranked
             GROUP BY id
         ), placed AS (
             SELECT id, fused, closest, row_number() OVER (ORDER BY fused DESC, id) AS place FROM fused
         )
         SELECT mine.id AS chunk_id, mine.document_id, d.title, d.url, mine.headings, mine.content,
                1 - (mine.embedding <=> $5) AS cosine, placed.fused
         FROM placed
         JOIN mine USING (id)
         JOIN agent.documents d ON d.workspace_id = $1 AND d.id = mine.document_id
         WHERE placed.place <= $8 OR placed.closest
         ORDER BY placed.place",
    )
    .bind(workspace)
    .bind(question.agent)
    .bind(question.model)
    .bind(dimension)
    .bind(Vector::from(question.vector))
    .bind(question.search_config)
    .bind(question.text)
    .bind(HITS)
    .fetch_all(connection)
    .await
}

/// The cosine of the closest chunk; none without chunks.
#[must_use]
pub fn best_cosine(hits: &[Hit]) -> Option<f64> {
    hits.iter().map(|hit| hit.cosine).max_by(f64::total_cmp)
}
