//! Extractive answers: the company's own sentences, chosen by similarity, never rewritten.
//!
//! Everything here is pure. The caller embeds what [`Prepared`] asks for and hands the vectors
//! back, so the rules are tested without a model.

pub mod answer;
pub mod choose;
pub mod sentences;
pub mod source;
pub mod talk;
pub mod units;

use answer::{Answer, Outcome};
use choose::Corpus;
use source::Source;

/// A question and its sources, ready to be embedded.
#[derive(Debug)]
pub struct Prepared {
    sources: Vec<Source>,
    corpus: Corpus,
    query: String,
}

/// What a message leads to before any model runs.
#[derive(Debug)]
pub enum Start {
    /// The answer needs no model.
    Done(Answer),
    /// The answer needs the vectors of [`Prepared::texts`].
    Search(Prepared),
}

/// Reads the user's last message (and the one before it, for a follow-up) against the sources.
pub fn start(sources: Vec<Source>, message: &str, previous: Option<&str>) -> Start {
    let fixed = |text: &str, outcome| {
        Start::Done(Answer {
            text: text.to_owned(),
            outcome,
            support: 0.0,
        })
    };
    if let Some(line) = talk::reply(message) {
        return fixed(line, Outcome::SmallTalk);
    }
    let corpus = Corpus::new(&sources);
    if corpus.pieces.is_empty() || message.trim().is_empty() {
        return fixed(answer::NOT_FOUND, Outcome::NotFound);
    }
    let query = match previous.filter(|_| talk::is_follow_up(message)) {
        Some(previous) => format!("{previous} {message}"),
        None => message.to_owned(),
    };
    Start::Search(Prepared {
        sources,
        corpus,
        query,
    })
}

impl Prepared {
    /// What to embed: the question first, then the probes of the sources.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.query.as_str()).chain(self.corpus.probes.iter().map(String::as_str))
    }

    /// The answer, from the vectors of [`Self::texts`] in their order.
    pub fn answer<V: AsRef<[f32]>>(&self, vectors: &[V]) -> Answer {
        let (question, probes) = vectors
            .split_first()
            .expect("the question was embedded too");
        let choice = choose::choose(&self.corpus, question.as_ref(), probes);
        answer::quote(&self.sources, &self.corpus, &choice)
    }
}
