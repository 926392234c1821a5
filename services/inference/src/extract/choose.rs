//! Which pieces of the sources answer a question, by similarity alone.
//!
//! A piece counts by the best of its probes: itself, itself under its headings, and each entry
//! of a list. Below the floor nothing is said: the best of what does not fit is still wrong.

use std::ops::Range;

use super::source::Source;
use super::units::{self, Shape, Unit};
use crate::embedder::dot;

/// The lowest similarity at which a piece counts as an answer.
///
/// Tuned on one half of the evaluation set (tests/it/evaluation.rs) and checked on the other: 0.40
/// quotes for a sixth more of the questions that the texts do not answer, 0.50 refuses a tenth of
/// those that they do. The model's similarities are not probabilities; with another model this
/// number means nothing.
pub const FLOOR: f32 = 0.45;

/// How far below the best piece another one of the same source may lie and still join it.
const NEAR_BEST: f32 = 0.12;

/// The same for pieces of other sources, which more often only share a word with the question.
const NEAR_BEST_ELSEWHERE: f32 = 0.06;

/// Pieces that are this similar say the same thing twice.
const SAME: f32 = 0.95;

/// How many pieces an answer has at most.
const MOST_PIECES: usize = 3;

/// An answer of several pieces stays under this many bytes; the best piece comes whole anyway.
const MOST_BYTES: usize = 1_200;

/// A piece of one source, and where its probes are.
#[derive(Debug)]
pub struct Piece {
    /// The index of the source.
    pub source: usize,
    /// The piece itself.
    pub unit: Unit,
    probes: Range<usize>,
}

/// All pieces of all sources, and the texts whose vectors the choice needs.
#[derive(Debug, Default)]
pub struct Corpus {
    /// The pieces, source by source, in the order of the text.
    pub pieces: Vec<Piece>,
    /// What to embed; the vectors come back in this order.
    pub probes: Vec<String>,
}

impl Corpus {
    /// Cuts the sources up.
    pub fn new(sources: &[Source]) -> Self {
        let mut corpus = Self::default();
        for (index, source) in sources.iter().enumerate() {
            for unit in units::cut(&source.text) {
                let start = corpus.probes.len();
                corpus.probes.extend(probes(&source.title, &unit));
                let probes = start..corpus.probes.len();
                corpus.pieces.push(Piece {
                    source: index,
                    unit,
                    probes,
                });
            }
        }
        corpus
    }

    /// Whether the piece at `index` continues the paragraph of the piece before it.
    fn continues(&self, index: usize) -> bool {
        index > 0 && index < self.pieces.len() && {
            let (before, this) = (&self.pieces[index - 1], &self.pieces[index]);
            before.source == this.source && before.unit.paragraph == this.unit.paragraph
        }
    }
}

/// The first probe is the piece itself, which also tells near-duplicates.
fn probes(title: &str, unit: &Unit) -> Vec<String> {
    let asked = unit
        .question
        .as_deref()
        .filter(|question| !unit.heading.ends_with(question));
    let text = match &unit.question {
        Some(question) => format!("{question} {}", unit.text),
        None => unit.text.clone(),
    };
    // A chunk often repeats its document's title as its first heading.
    let context = match (title, unit.heading.as_str()) {
        ("", heading) => heading.to_owned(),
        (title, heading) if heading.starts_with(title) => heading.to_owned(),
        (title, "") => title.to_owned(),
        (title, heading) => format!("{title}: {heading}"),
    };
    let mut probes = vec![text];
    if !context.is_empty() {
        let asked = asked
            .map(|question| format!("{question} "))
            .unwrap_or_default();
        probes.push(format!("{context}: {asked}{}", unit.text));
    }
    for entry in unit.entries() {
        probes.push(entry.clone());
        if !context.is_empty() {
            probes.push(format!("{context}: {entry}"));
        }
    }
    probes
}

/// What was found for a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The similarity of the best piece, whether or not it was enough; 0 without any piece.
    pub support: f32,
    /// Indexes of the chosen pieces, grouped by source, the source of the best piece first, and
    /// in the order of the text within a source. Empty when nothing was found.
    pub pieces: Vec<usize>,
}

/// Chooses the pieces that answer the question; `vectors` belong to the corpus's probes.
pub fn choose<V: AsRef<[f32]>>(corpus: &Corpus, question: &[f32], vectors: &[V]) -> Choice {
    let scores: Vec<f32> = corpus
        .pieces
        .iter()
        .map(|piece| {
            let of_probes = vectors[piece.probes.clone()].iter();
            of_probes
                .map(|vector| dot(question, vector.as_ref()))
                .fold(f32::MIN, f32::max)
        })
        .collect();
    let mut ranking: Vec<usize> = (0..scores.len()).collect();
    // A stable sort: among equals the earlier source and the earlier sentence win.
    ranking.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let Some(&best) = ranking.first().filter(|best| scores[**best] >= FLOOR) else {
        let support = ranking.first().map_or(0.0, |best| scores[*best]);
        return Choice {
            support,
            pieces: Vec::new(),
        };
    };

    let mut chosen = Chosen {
        corpus,
        pieces: vec![best],
        bytes: corpus.pieces[best].unit.text.len(),
    };
    let mut first = best;
    while corpus.continues(first) && leans_on_previous(&corpus.pieces[first].unit) {
        first -= 1;
        if !chosen.add(first) {
            break;
        }
    }
    if corpus.continues(best + 1) && leans_on_previous(&corpus.pieces[best + 1].unit) {
        chosen.add(best + 1);
    }
    let bare = |index: usize| vectors[corpus.pieces[index].probes.start].as_ref();
    for &candidate in &ranking[1..] {
        let short_of_best = scores[best] - scores[candidate];
        if scores[candidate] < FLOOR || short_of_best > NEAR_BEST {
            break;
        }
        let piece = &corpus.pieces[candidate];
        let elsewhere = piece.source != corpus.pieces[best].source;
        let torn = corpus.continues(candidate)
            && leans_on_previous(&piece.unit)
            && !chosen.pieces.contains(&(candidate - 1));
        let same = |&other: &usize| dot(bare(candidate), bare(other)) > SAME;
        if !(elsewhere && short_of_best > NEAR_BEST_ELSEWHERE
            || torn
            || chosen.pieces.iter().any(same))
        {
            chosen.add(candidate);
        }
    }
    Choice {
        support: scores[best],
        pieces: chosen.in_order(),
    }
}

struct Chosen<'a> {
    corpus: &'a Corpus,
    pieces: Vec<usize>,
    bytes: usize,
}

impl Chosen<'_> {
    fn add(&mut self, index: usize) -> bool {
        let bytes = self.corpus.pieces[index].unit.text.len();
        let fits = self.pieces.len() < MOST_PIECES && self.bytes + bytes <= MOST_BYTES;
        if fits && !self.pieces.contains(&index) {
            self.pieces.push(index);
            self.bytes += bytes;
        }
        fits
    }

    fn in_order(self) -> Vec<usize> {
        let source = |index: usize| self.corpus.pieces[index].source;
        let mut sources: Vec<usize> = Vec::new();
        for &index in &self.pieces {
            if !sources.contains(&source(index)) {
                sources.push(source(index));
            }
        }
        let mut pieces = self.pieces.clone();
        pieces.sort_by_key(|&index| (sources.iter().position(|s| *s == source(index)), index));
        pieces
    }
}

/// Words at the head of a sentence that only make sense after another one.
const CONNECTORS: &[&str] = &[
    "then",
    "after that",
    "before that",
    "until then",
    "otherwise",
    "however",
    "but",
    "if not",
    "also",
    "in that case",
    "in this case",
    "for this",
    "instead",
    "so",
    "half of",
    "the rest",
    "both",
    "such",
    "there",
];

/// Pronouns that, among the first words of a sentence, point back to the one before.
const POINTERS: &[&str] = &[
    "it", "they", "them", "this", "these", "that", "those", "also",
];

/// Whether a sentence needs the one before it to be understood.
fn leans_on_previous(unit: &Unit) -> bool {
    if unit.shape != Shape::Sentence {
        return false;
    }
    let lower = unit.text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’'))
        .filter(|word| !word.is_empty())
        .collect();
    let starts = |phrase: &&str| {
        phrase
            .split(' ')
            .enumerate()
            .all(|(at, word)| words.get(at) == Some(&word))
    };
    CONNECTORS.iter().any(starts) || words.iter().take(4).any(|word| POINTERS.contains(word))
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
