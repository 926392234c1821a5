//! The words of an answer: quotes with their citation marks, or a plain line that says why not.

use super::choose::{Choice, Corpus};
use super::source::Source;
use super::units::{Shape, Unit};

/// Said when the sources do not answer the question, or there are none.
pub const NOT_FOUND: &str = "I did not find an answer to that in our help texts.";

/// What kind of answer it is, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The answer quotes at least one source.
    Quoted,
    /// Nothing in the sources answers the question.
    NotFound,
    /// The message greets, thanks or takes leave, and asks nothing.
    SmallTalk,
}

/// An answer, before it is put into a protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The whole text.
    pub text: String,
    /// What kind of answer it is.
    pub outcome: Outcome,
    /// The similarity of the best piece to the question, up to 1; 0 where none was compared.
    pub support: f32,
}

/// Puts the chosen pieces into words, verbatim: one paragraph for each source, ending in `[id]`.
pub fn quote(sources: &[Source], corpus: &Corpus, choice: &Choice) -> Answer {
    if choice.pieces.is_empty() {
        let text = NOT_FOUND.to_owned();
        return Answer {
            text,
            outcome: Outcome::NotFound,
            support: choice.support,
        };
    }
    let by_source = choice
        .pieces
        .chunk_by(|a, b| corpus.pieces[*a].source == corpus.pieces[*b].source);
    let paragraphs: Vec<String> = by_source
        .map(|indexes| {
            let mut text = String::new();
            let mut before: Option<usize> = None;
            for &index in indexes {
                if let Some(before) = before {
                    text.push_str(gap(corpus, before, index));
                }
                text.push_str(&words(&corpus.pieces[index].unit));
                before = Some(index);
            }
            let id = &sources[corpus.pieces[indexes[0]].source].id;
            format!("{text} [{id}]")
        })
        .collect();
    Answer {
        text: paragraphs.join("\n\n"),
        outcome: Outcome::Quoted,
        support: choice.support,
    }
}

/// A bare "Yes" or "No" says nothing, or the opposite, under another question than its own.
fn words(unit: &Unit) -> String {
    let first = unit
        .text
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    match &unit.question {
        Some(question) if ["yes", "no"].contains(&first.to_lowercase().as_str()) => {
            format!("{question} {}", unit.text)
        }
        _ => unit.text.clone(),
    }
}

/// What stands between two quotes of one source: left-out words show as an ellipsis.
fn gap(corpus: &Corpus, before: usize, after: usize) -> &'static str {
    let (one, two) = (&corpus.pieces[before].unit, &corpus.pieces[after].unit);
    let prose = one.shape == Shape::Sentence && two.shape == Shape::Sentence;
    if one.paragraph != two.paragraph || !prose {
        "\n"
    } else if before + 1 == after {
        " "
    } else {
        " … "
    }
}

/// Cuts a text into word-sized pieces for a stream; joined, they are the text again.
pub fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut in_space = false;
    for (at, c) in text.char_indices() {
        if in_space && !c.is_whitespace() {
            pieces.push(&text[start..at]);
            start = at;
        }
        in_space = c.is_whitespace();
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(id: &str, text: &str) -> Source {
        Source {
            id: id.into(),
            title: String::new(),
            url: String::new(),
            text: text.into(),
        }
    }

    fn render(sources: &[Source], pieces: &[usize]) -> Answer {
        let choice = Choice {
            support: 0.7,
            pieces: pieces.to_vec(),
        };
        quote(sources, &Corpus::new(sources), &choice)
    }

    #[test]
    fn each_source_is_quoted_verbatim_and_cited_once() {
        let sources = [
            source("1", "This is one. This is two. This is three.\n\nFour."),
            source("b", "Five."),
        ];
        let answer = render(&sources, &[0, 1, 3, 4]);
        assert_eq!(
            answer.text,
            "This is one. This is two.\nFour. [1]\n\nFive. [b]"
        );
        assert_eq!(answer.outcome, Outcome::Quoted);
    }

    #[test]
    fn items_keep_lines_of_their_own() {
        let sources = [source("1", "# Prices\n- One: €1.\n- Two: €2.")];
        assert_eq!(render(&sources, &[0, 1]).text, "One: €1.\nTwo: €2. [1]");
    }

    #[test]
    fn left_out_sentences_show() {
        assert_eq!(
            render(
                &[source("1", "This is one. This is two. This is three.")],
                &[0, 2]
            )
            .text,
            "This is one. … This is three. [1]"
        );
    }

    #[test]
    fn yes_and_no_keep_their_question() {
        let text = "Can I cancel?\n\nYes, until it ships. Open the app.\n\nWhen?\n\nNow and then.";
        assert_eq!(
            render(&[source("1", text)], &[0]).text,
            "Can I cancel? Yes, until it ships. [1]"
        );
        assert_eq!(render(&[source("1", text)], &[1]).text, "Open the app. [1]");
        assert_eq!(render(&[source("1", text)], &[2]).text, "Now and then. [1]");
    }

    #[test]
    fn nothing_found_is_said_without_a_citation() {
        let answer = render(&[source("1", "One.")], &[]);
        assert_eq!(
            (answer.text.as_str(), answer.outcome),
            (NOT_FOUND, Outcome::NotFound)
        );
        assert!(!answer.text.contains('['));
    }

    #[test]
    fn streamed_pieces_are_word_sized_and_complete() {
        for text in [
            "One two.\n- three\n\nfour [1]",
            " lead",
            "",
            "ünï çödé 🚲 x",
        ] {
            assert_eq!(pieces(text).concat(), text);
        }
        assert_eq!(pieces("One two.\n- x"), ["One ", "two.\n", "- ", "x"]);
    }
}
