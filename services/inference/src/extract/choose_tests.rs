//! The choice with made-up vectors, so that every rule is exact.

use super::*;

fn source(title: &str, text: &str) -> Source {
    Source {
        id: "1".into(),
        title: title.into(),
        url: String::new(),
        text: text.into(),
    }
}

/// Gives each piece the similarity that `score` returns for its text. Every piece also points
/// somewhere of its own, so that none is a near-duplicate of another, except equal texts.
fn run(sources: &[Source], score: impl Fn(&str) -> f32) -> (Vec<String>, f32) {
    let corpus = Corpus::new(sources);
    let mut texts: Vec<&str> = corpus.pieces.iter().map(|p| p.unit.text.as_str()).collect();
    texts.dedup();
    let width = texts.len() + 1;
    let vectors: Vec<Vec<f32>> = corpus
        .pieces
        .iter()
        .flat_map(|piece| piece.probes.clone().map(move |_| piece))
        .map(|piece| {
            let mut vector = vec![0.0; width];
            vector[0] = score(&piece.unit.text);
            let own = texts.iter().position(|t| *t == piece.unit.text).unwrap() + 1;
            vector[own] = (1.0 - vector[0] * vector[0]).sqrt();
            vector
        })
        .collect();
    let mut question = vec![0.0; width];
    question[0] = 1.0;
    let choice = choose(&corpus, &question, &vectors);
    let chosen = choice
        .pieces
        .iter()
        .map(|i| corpus.pieces[*i].unit.text.clone())
        .collect();
    (chosen, choice.support)
}

fn by<'a>(scores: &'a [(&'a str, f32)]) -> impl Fn(&str) -> f32 + 'a {
    move |text| {
        scores
            .iter()
            .find(|(part, _)| text.contains(part))
            .map_or(0.0, |(_, s)| *s)
    }
}

#[test]
fn below_the_floor_nothing_is_quoted() {
    let sources = [source("", "Returns are free. Please ask us.")];
    let (chosen, support) = run(&sources, by(&[("free", FLOOR - 0.01)]));
    assert!(chosen.is_empty());
    assert!((support - (FLOOR - 0.01)).abs() < 1e-6);
    assert_eq!(
        run(&sources, by(&[("free", FLOOR)])).0,
        ["Returns are free."]
    );
}

#[test]
fn without_sources_nothing_is_quoted() {
    assert_eq!(run(&[], |_| 1.0), (Vec::new(), 0.0));
    assert_eq!(run(&[source("t", "")], |_| 1.0), (Vec::new(), 0.0));
}

#[test]
fn pieces_near_the_best_join_it_in_the_order_of_the_text() {
    let sources = [source(
        "",
        "Alpha one.\n\nBravo two.\n\nCharlie three.\n\nDelta four.",
    )];
    let (chosen, _) = run(
        &sources,
        by(&[
            ("Alpha", 0.70),
            ("Bravo", 0.5),
            ("Charlie", 0.8),
            ("Delta", 0.75),
        ]),
    );
    assert_eq!(chosen, ["Alpha one.", "Charlie three.", "Delta four."]);
}

#[test]
fn there_are_three_pieces_at_most_and_the_best_source_comes_first() {
    let sources = [
        source("", "Alpha one.\n\nBravo two."),
        source("", "Charlie three.\n\nDelta four."),
    ];
    let (chosen, _) = run(
        &sources,
        by(&[
            ("Alpha", 0.75),
            ("Bravo", 0.76),
            ("Charlie", 0.8),
            ("Delta", 0.71),
        ]),
    );
    assert_eq!(chosen, ["Charlie three.", "Alpha one.", "Bravo two."]);
}

#[test]
fn another_source_must_come_nearer_to_the_best_than_its_own() {
    let sources = [
        source("", "Alpha one."),
        source("", "Charlie three.\n\nDelta four."),
    ];
    let (chosen, _) = run(
        &sources,
        by(&[("Alpha", 0.73), ("Charlie", 0.8), ("Delta", 0.70)]),
    );
    assert_eq!(chosen, ["Charlie three.", "Delta four."]);
}

#[test]
fn a_sentence_that_leans_on_the_one_before_brings_it_along() {
    let text = "Bring the battery to a workshop. We recycle it for free. Ask for a receipt.";
    let (chosen, _) = run(&[source("", text)], by(&[("recycle", 0.6)]));
    assert_eq!(
        chosen,
        [
            "Bring the battery to a workshop.",
            "We recycle it for free."
        ]
    );
    let (chosen, _) = run(&[source("", text)], by(&[("Bring", 0.6)]));
    assert_eq!(
        chosen,
        [
            "Bring the battery to a workshop.",
            "We recycle it for free."
        ]
    );
    let (chosen, _) = run(&[source("", text)], by(&[("receipt", 0.6)]));
    assert_eq!(chosen, ["Ask for a receipt."]);
}

#[test]
fn a_sentence_that_leans_on_one_left_out_does_not_join_another() {
    let text = "Alpha is number one. Bravo is two.\n\nCharlie is number three. In that case, wait.";
    let (chosen, _) = run(&[source("", text)], by(&[("Alpha", 0.8), ("wait", 0.75)]));
    assert_eq!(chosen, ["Alpha is number one."]);
}

#[test]
fn a_sentence_does_not_lean_across_a_paragraph_or_a_source() {
    let (chosen, _) = run(
        &[source("", "We sell bikes.\n\nThey are red.")],
        by(&[("red", 0.6)]),
    );
    assert_eq!(chosen, ["They are red."]);
    let two = [source("", "We sell bikes."), source("", "They are red.")];
    assert_eq!(run(&two, by(&[("red", 0.6)])).0, ["They are red."]);
}

#[test]
fn the_same_sentence_from_two_sources_is_quoted_once() {
    let two = [
        source("a", "Returns are free."),
        source("b", "Returns are free."),
    ];
    assert_eq!(run(&two, by(&[("free", 0.9)])).0, ["Returns are free."]);
}

#[test]
fn a_long_list_is_quoted_whole_but_takes_no_company() {
    let list = format!(
        "We accept:\n- {}",
        "Visa and more\n- ".repeat(90).trim_end_matches("\n- ")
    );
    let text = format!("{list}\n\nAlpha one.");
    let (chosen, _) = run(
        &[source("", &text)],
        by(&[("accept", 0.8), ("Alpha", 0.79)]),
    );
    assert_eq!(chosen, [list]);
}

#[test]
fn probes_carry_title_headings_question_and_entries_once() {
    let text = "# Returns\n\n## Cost\n\nIs it free?\n\nYes, it is.";
    let corpus = Corpus::new(&[source("Returns", text)]);
    assert_eq!(
        corpus.probes,
        [
            "Is it free? Yes, it is.",
            "Returns: Cost: Is it free?: Yes, it is.",
        ]
    );
    let corpus = Corpus::new(&[source("Paying", "We accept:\n- Visa\n- Amex")]);
    assert_eq!(
        corpus.probes,
        [
            "We accept:\n- Visa\n- Amex",
            "Paying: We accept:\n- Visa\n- Amex",
            "We accept: Visa",
            "Paying: We accept: Visa",
            "We accept: Amex",
            "Paying: We accept: Amex",
        ]
    );
}
