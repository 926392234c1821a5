//! What an answer says about the sources that it cites.

use std::collections::HashSet;

use chat_api::Source;

use crate::documents::{chunks::sentences, search::Hit};

/// The longest quote, in characters.
const MAX_QUOTE: usize = 300;

/// The cited sources: `cited` are ids of the prompt, in the order of the numbers that the customer sees.
pub(super) fn cited(hits: &[Hit], cited: &[usize], answer: &str) -> Vec<Source> {
    let numbered = (1..).zip(cited);
    numbered
        .filter_map(|(n, id)| {
            let hit = hits.get(id.checked_sub(1)?)?;
            Some(Source {
                n,
                title: hit.title.clone(),
                url: hit.url.clone(),
                document_id: Some(hit.document_id),
                quote: quote(&hit.content, answer),
            })
        })
        .collect()
}

/// The words of a chunk that an answer rests on most likely: the sentence or the line that shares most
/// words with it.
fn quote(content: &str, answer: &str) -> String {
    let in_answer = words(answer);
    let mut best: Option<(usize, String)> = None;
    for sentence in content.lines().flat_map(sentences) {
        let own = words(&sentence);
        let shared = own.intersection(&in_answer).count();
        // Ties go to the earlier one; a heading or a single word supports nothing.
        if own.len() > 1 && best.as_ref().is_none_or(|(most, _)| shared > *most) {
            best = Some((shared, sentence));
        }
    }
    let text = best
        .filter(|(shared, _)| *shared > 0)
        .map_or_else(|| content.to_owned(), |(_, sentence)| sentence);
    shortened(text.trim())
}

fn words(text: &str) -> HashSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() > 2 || word.chars().any(char::is_numeric))
        .map(str::to_lowercase)
        .collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTE) {
        None => text.to_owned(),
        Some((end, _)) => {
            let cut = text[..end].rfind(char::is_whitespace).unwrap_or(end);
            format!("{}…", text[..cut].trim_end())
        }
    }
}

#[cfg(test)]
mod tests {
    use ids::{ChunkId, DocumentId};

    use super::*;

    fn hit(title: &str, content: &str) -> Hit {
        Hit {
            chunk_id: ChunkId::new(),
            document_id: DocumentId::new(),
            title: title.to_owned(),
            url: None,
            headings: Vec::new(),
            content: content.to_owned(),
            cosine: 0.5,
            fused: 0.03,
        }
    }

    #[test]
    fn each_cited_source_quotes_the_sentence_that_the_answer_rests_on() {
        let hits = [
            hit(
                "Shipping",
                "We ship on workdays. Shipping to Canada costs $15.",
            ),
            hit("Never cited", "Nothing."),
            hit(
                "Returns",
                "Unused items go back within 60 days.\n- Ropes cannot be returned.\nKeep the tags.",
            ),
        ];
        let sources = cited(
            &hits,
            &[3, 1],
            "Ropes cannot be returned [1]. To Canada it costs $15 [2].",
        );
        let told: Vec<_> = sources
            .iter()
            .map(|s| (s.n, s.title.as_str(), s.quote.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (1, "Returns", "- Ropes cannot be returned."),
                (2, "Shipping", "Shipping to Canada costs $15.")
            ]
        );
        assert_eq!(sources[0].document_id, Some(hits[2].document_id));
    }

    #[test]
    fn without_a_shared_word_the_beginning_is_quoted_and_long_quotes_are_cut_at_a_word() {
        let content = "word ".repeat(100);
        let quote = quote(&content, "Nothing alike");
        assert!(
            quote.ends_with("word…") && quote.chars().count() <= MAX_QUOTE + 1,
            "{quote}"
        );
    }
}
