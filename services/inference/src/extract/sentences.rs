//! Where a sentence ends. English rules, with the abbreviations that help texts use.

/// A dot after one of these does not end a sentence.
const NEVER_LAST: &[&str] = &[
    "e.g", "i.e", "eg", "ie", "cf", "vs", "mr", "mrs", "ms", "dr", "prof", "st", "approx", "ca",
    "incl", "excl", "min", "max", "tel", "ext", "fig", "art", "vol", "ed", "resp", "z.b", "bzw",
    "d.h", "no", "nr", "sec", "hr", "hrs", "sat", "sun", "mon", "tue", "wed", "thu", "fri", "jan",
    "feb", "aug", "sept", "sep", "oct", "nov", "dec", "dept", "est",
];

/// These words end sentences too: before a capital they are abbreviations only in part.
const WORDS_AS_WELL: &[&str] = &[
    "no", "max", "min", "art", "sat", "sun", "ms", "ca", "ed", "ext", "fig", "hr", "hrs", "sec",
];

/// Splits a paragraph without line breaks into its sentences, verbatim and trimmed.
pub fn split(paragraph: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut chars = paragraph.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(c, '.' | '!' | '?' | '…') {
            continue;
        }
        let mut end = at + c.len_utf8();
        while let Some(&(next, following)) = chars.peek() {
            if !matches!(
                following,
                '.' | '!' | '?' | '…' | '"' | '\'' | '”' | '’' | ')' | ']' | '*'
            ) {
                break;
            }
            end = next + following.len_utf8();
            chars.next();
        }
        let rest = &paragraph[end..];
        if rest.starts_with(char::is_whitespace) && ends_here(c, &paragraph[start..at], rest) {
            sentences.push(paragraph[start..end].trim());
            start = end;
        }
    }
    sentences.push(paragraph[start..].trim());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// Whether the mark after `before` ends a sentence that `rest` follows.
fn ends_here(mark: char, before: &str, rest: &str) -> bool {
    let next = rest.trim_start().chars().next();
    // A sentence starts with a capital, a number, a quotation or a bracket, not in lower case.
    if next.is_none_or(char::is_lowercase) {
        return next.is_none();
    }
    if mark != '.' {
        return true;
    }
    let word = before
        .rsplit(|c: char| c.is_whitespace() || c == '(' || c == '"')
        .next();
    let word = word.unwrap_or_default();
    // "1. Open the app" and "J. Smith".
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    let ordinal = word.len() == before.trim().len() && word.chars().all(|c| c.is_ascii_digit());
    if initial || ordinal {
        return false;
    }
    let lower = word.to_lowercase();
    let followed_by_number = next.is_some_and(|c| c.is_ascii_digit());
    // A street and its house number, as German and Dutch addresses write them.
    if lower.ends_with("str") && followed_by_number {
        return false;
    }
    if !NEVER_LAST.contains(&lower.as_str()) {
        return true;
    }
    // "The answer is no. We do…" against "No. 5", "max. 5 kg" and "St. Mary".
    WORDS_AS_WELL.contains(&lower.as_str()) && !followed_by_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_marks_before_a_capital() {
        assert_eq!(
            split("Send it back. Is it free? Yes! We pay… Then we refund."),
            [
                "Send it back.",
                "Is it free?",
                "Yes!",
                "We pay…",
                "Then we refund."
            ]
        );
    }

    #[test]
    fn keeps_abbreviations_numbers_and_addresses_whole() {
        for whole in [
            "In cold weather, e.g. Below zero, the range drops.",
            "Write to a.b@example.com or see www.example.com/help.html for v2.5.",
            "Dr. Brandt and J. Smith live in St. Gallen.",
            "Order no. 5 has max. 3 items at approx. 4.5 kg.",
            "Open until 5 p.m. on weekdays.",
            "1. Open the app.",
            "Visit us at Ehrenstr. 9 in Cologne.",
        ] {
            assert_eq!(split(whole), [whole]);
        }
    }

    #[test]
    fn a_word_that_is_also_an_abbreviation_still_ends_a_sentence() {
        assert_eq!(
            split("The answer is no. We keep it."),
            ["The answer is no.", "We keep it."]
        );
        assert_eq!(
            split("Closed on Sun. Open on Mon. 9 to 5."),
            ["Closed on Sun.", "Open on Mon. 9 to 5."]
        );
    }

    #[test]
    fn a_closing_quotation_or_bracket_belongs_to_its_sentence() {
        assert_eq!(
            split("Choose \"Return.\" Then wait. (It takes a day.) Done"),
            [
                "Choose \"Return.\"",
                "Then wait.",
                "(It takes a day.)",
                "Done"
            ]
        );
    }

    #[test]
    fn sentences_are_verbatim_and_complete() {
        let text = "We open at 8 a.m. Today we close at 5 p.m. Bring an ID. ";
        let joined = split(text).join(" ");
        assert_eq!(joined, text.trim());
        assert!(split("   ").is_empty());
    }
}
