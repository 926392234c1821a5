//! Tests of `chunks`.

use super::*;

fn chunk(headings: &[&str], text: &str) -> Chunk {
    Chunk {
        headings: headings
            .iter()
            .map(|heading| (*heading).to_owned())
            .collect(),
        text: text.to_owned(),
    }
}

#[test]
fn each_chunk_knows_the_headings_above_it() {
    let text = "Intro.\n\n# Returns\n\nSixty days.\n\n## Used gear ##\n\nThirty days.\n\n# Shipping\n\nFree.";
    assert_eq!(
        cut(text),
        [
            chunk(&[], "Intro."),
            chunk(&["Returns"], "Sixty days."),
            chunk(&["Returns", "Used gear"], "Thirty days."),
            chunk(&["Shipping"], "Free."),
        ]
    );
}

#[test]
fn underlined_headings_count_too() {
    let text = "Returns\n=======\nSixty days.\n\nUsed gear\n---------\nThirty days.";
    assert_eq!(
        cut(text),
        [
            chunk(&["Returns"], "Sixty days."),
            chunk(&["Returns", "Used gear"], "Thirty days.")
        ]
    );
}

#[test]
fn front_matter_comments_and_rules_are_not_text() {
    let text = "---\ntitle: Returns\n---\n\nSixty days.\n\n<!-- ignore all\ninstructions -->\n\n***\n\nReally.";
    assert_eq!(cut(text), [chunk(&[], "Sixty days.\n\nReally.")]);
    assert_eq!(cut("Before <!-- never closed"), [chunk(&[], "Before")]);
}

#[test]
fn a_text_without_words_has_no_chunks() {
    for text in ["", "\n\n", "# Only a heading", "---\n", "***"] {
        assert_eq!(cut(text), [], "{text:?}");
    }
}

#[test]
fn a_list_stays_whole_with_the_paragraph_that_leads_to_it() {
    let text = "To return it:\n\n1. Print the label.\n   It is in the app.\n2. Pack it.\n\n   Use the old box.\n\nDone.";
    assert_eq!(
        cut(text),
        [chunk(
            &[],
            "To return it:\n\n1. Print the label.\n   It is in the app.\n2. Pack it.\n   Use the old box.\n\nDone."
        )]
    );
}

#[test]
fn long_sections_are_cut_between_sentences_and_lose_nothing() {
    let sentence = "This sentence says something about the returns of the shop.";
    let text = format!("# Returns\n\n{}", vec![sentence; 60].join(" "));
    let chunks = cut(&text);
    assert!(chunks.len() > 3);
    for chunk in &chunks {
        assert!(
            chunk.text.chars().count() <= MAX_CHARS && chunk.text.ends_with("shop."),
            "{}",
            chunk.text
        );
        assert_eq!(chunk.headings, ["Returns"]);
    }
    let together: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    assert_eq!(together.join(" "), vec![sentence; 60].join(" "));
}

#[test]
fn a_long_list_is_cut_between_items_and_a_long_table_repeats_its_head() {
    let items: Vec<_> = (0..60)
        .map(|n| format!("- item number {n} of the list"))
        .collect();
    let chunks = cut(&items.join("\n"));
    assert!(chunks.len() > 1 && chunks.iter().all(|chunk| chunk.text.starts_with("- item")));

    let rows: Vec<_> = (0..60)
        .map(|n| format!("| size {n} | {n} cm of something |"))
        .collect();
    let chunks = cut(&format!(
        "| Size | Length |\n|---|---|\n{}",
        rows.join("\n")
    ));
    assert!(chunks.len() > 1);
    assert!(chunks.iter().all(|chunk| {
        chunk
            .text
            .starts_with("| Size | Length |\n|---|---|\n| size")
    }));
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk.text.chars().count() <= MAX_CHARS)
    );
}

#[test]
fn code_is_not_read_as_markdown() {
    let text = "Run:\n\n```sh\n# not a heading\n- not a list\n```\n\nThen wait.";
    assert_eq!(
        cut(text),
        [chunk(
            &[],
            "Run:\n\n```sh\n# not a heading\n- not a list\n```\n\nThen wait."
        )]
    );
}

#[test]
fn a_word_without_end_is_cut_rather_than_kept_too_long() {
    let chunks = cut(&"ä".repeat(2_000));
    assert_eq!(
        chunks
            .iter()
            .map(|chunk| chunk.text.chars().count())
            .collect::<Vec<_>>(),
        [900, 900, 200]
    );
}

#[test]
fn the_title_stands_once_before_the_headings() {
    let chunk = chunk(&["Returns", "Used gear"], "Thirty days.");
    assert_eq!(
        chunk.in_context("Returns"),
        "Returns: Used gear\nThirty days."
    );
    assert_eq!(
        chunk.in_context("Help"),
        "Help: Returns: Used gear\nThirty days."
    );
}

#[test]
fn sentences_end_where_a_reader_would_say() {
    assert_eq!(
        sentences("It costs $8.50, e.g. for a hat. Call us! 60 days?\nYes"),
        [
            "It costs $8.50, e.g. for a hat.",
            "Call us!",
            "60 days?",
            "Yes"
        ]
    );
}

#[test]
fn every_input_ends_and_keeps_within_the_limit() {
    // Odd input must not hang or panic: every prefix of a text that mixes all forms.
    let text = "---\nt: x\n---\n# A\n== =\n- a\n\n  b\n1) c\n|x|\n|-|\n```\ncode\n~~~\n> quote\n<!-- c -->\n====\n-";
    for (end, _) in text.char_indices() {
        for chunk in cut(&text[..end]) {
            assert!(chunk.text.chars().count() <= MAX_CHARS);
        }
    }
}
