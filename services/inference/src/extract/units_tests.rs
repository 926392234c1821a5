//! How help texts of different make-up are cut.

use super::*;

fn texts(text: &str) -> Vec<String> {
    cut(text).into_iter().map(|unit| unit.text).collect()
}

#[test]
fn wrapped_prose_is_cut_into_sentences_with_its_headings() {
    let units = cut(
        "# Returns\n\n## How\n\nSend it back within 30 days\nof delivery. It is free.\n\n## Cost\nReturns are free of charge.",
    );
    assert_eq!(units[0].text, "Send it back within 30 days of delivery.");
    assert_eq!(units[0].heading, "Returns: How");
    assert_eq!(units[1].text, "It is free.");
    assert_eq!(units[0].paragraph, units[1].paragraph);
    assert_eq!(units[2].heading, "Returns: Cost");
    assert_ne!(units[1].paragraph, units[2].paragraph);
}

#[test]
fn tiny_sentences_stay_with_their_neighbours() {
    assert_eq!(
        texts("We open at 9 a.m. Mountain Time. Is it free? Yes. You pay nothing at all."),
        [
            "We open at 9 a.m. Mountain Time.",
            "Yes. You pay nothing at all."
        ]
    );
    assert_eq!(texts("Please note! Ask. Us."), ["Please note! Ask. Us."]);
}

#[test]
fn a_list_stays_with_its_lead_in() {
    let units = cut(
        "It is easy. To return an item:\n1. Open the app.\n2. Pack it\n   well.\n\nThat is all.",
    );
    assert_eq!(units.len(), 3);
    assert_eq!(
        units[1].text,
        "To return an item:\n1. Open the app.\n2. Pack it well."
    );
    assert_eq!(
        units[1].entries(),
        [
            "To return an item: Open the app.",
            "To return an item: Pack it well."
        ]
    );
    assert_eq!(units[2].text, "That is all.");
}

#[test]
fn a_blank_line_between_lead_in_and_list_or_between_items_changes_nothing() {
    let tight = cut("We accept:\n- Visa\n- PayPal");
    let loose = cut("We accept:\n\n- Visa\n\n- PayPal");
    assert_eq!(tight, loose);
    assert_eq!(tight[0].text, "We accept:\n- Visa\n- PayPal");
}

#[test]
fn numbered_steps_under_a_heading_stay_together_and_loose_bullets_do_not() {
    assert_eq!(
        texts("# Steps\n1. Open.\n2. Close."),
        ["1. Open.\n2. Close."]
    );
    assert_eq!(
        texts("# Prices\n- One: €1.\n- Two: €2."),
        ["One: €1.", "Two: €2."]
    );
}

#[test]
fn a_question_is_not_quoted_but_kept_with_its_answer() {
    let units = cut(
        "Can I cancel?\n\nYes, until it ships. Then not any more.\n\nIs it free? It is. And why? Because we can.",
    );
    let pairs: Vec<_> = units
        .iter()
        .map(|u| (u.question.as_deref(), u.text.as_str()))
        .collect();
    assert_eq!(
        pairs,
        [
            (Some("Can I cancel?"), "Yes, until it ships."),
            (None, "Then not any more."),
            (Some("Is it free?"), "It is."),
            (Some("And why?"), "Because we can."),
        ]
    );
    let list = cut("Which cards?\n- Visa\n- Amex");
    assert_eq!(list[0].question.as_deref(), Some("Which cards?"));
    assert_eq!(list[0].text, "- Visa\n- Amex");
}

#[test]
fn a_table_is_one_unit_whose_rows_carry_the_column_names() {
    let units = cut("| Size | Height |\n|---|---|\n| S | 155 cm |\n| M | 165 cm |");
    assert_eq!(units.len(), 1);
    assert_eq!(
        units[0].entries(),
        ["Size: S, Height: 155 cm", "Size: M, Height: 165 cm"]
    );
    assert!(units[0].text.contains("| M | 165 cm |"));
}

#[test]
fn opening_hours_stay_together() {
    let units = cut(
        "Our stores\n\nUtrecht, Oudegracht 112\nMonday to Friday: 10:00–18:00\nSunday: closed\n\nBring an ID card.",
    );
    assert_eq!(units.len(), 2);
    assert!(units[0].text.starts_with("Utrecht") && units[0].text.ends_with("Sunday: closed"));
    assert_eq!(units[0].heading, "Our stores");
    assert_eq!(
        units[0].entries()[1],
        "Utrecht, Oudegracht 112 Sunday: closed"
    );
}

#[test]
fn a_plain_title_line_is_a_heading_and_a_lone_line_is_text() {
    let units = cut("Flex: ride without buying\n\nYou rent by the month.");
    assert_eq!(units[0].heading, "Flex: ride without buying");
    assert_eq!(units.len(), 1);
    assert_eq!(
        texts("Free shipping over 60 euro"),
        ["Free shipping over 60 euro"]
    );
    assert_eq!(
        texts("**Invoices**\nYour invoice is attached."),
        ["Your invoice is attached."]
    );
}

#[test]
fn a_rule_and_empty_input_are_nothing() {
    assert!(cut("").is_empty());
    assert!(cut("---\n\n***\n").is_empty());
    assert!(cut("| a | b |\n|---|---|").is_empty());
}

#[test]
fn every_word_of_the_prose_is_quotable() {
    let text = include_str!("../../tests/fixtures/help-centre/09-rental.txt");
    let quoted = texts(text).join(" ");
    for word in text.lines().skip(1).flat_map(str::split_whitespace) {
        assert!(quoted.contains(word), "{word} got lost");
    }
}
