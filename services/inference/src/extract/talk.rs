//! What a message is, before anything is searched: small talk, a follow-up, or a question.
//!
//! A closed list on purpose. The model cannot converse, and must not seem to: whatever is not
//! plainly a greeting, a thank-you or a farewell is a question about the company's texts.

/// The fixed line for a message that asks nothing; `None` for everything else.
pub fn reply(message: &str) -> Option<&'static str> {
    let words = words(message);
    let all = |known: &[&str]| words.iter().all(|word| known.contains(&word.as_str()));
    let any = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    if words.is_empty() || words.len() > 8 {
        None
    } else if all(ACKNOWLEDGEMENT) {
        Some("Is there anything else you would like to know?")
    } else if any(GREETING) && all(&[GREETING, FILLER].concat()) {
        Some("Hello! What would you like to know?")
    } else if any(THANKS) && all(&[THANKS, FILLER, FAREWELL].concat()) {
        Some("You are welcome. Is there anything else you would like to know?")
    } else if any(FAREWELL) && all(&[FAREWELL, FILLER].concat()) {
        Some("Goodbye, and thank you for your visit.")
    } else {
        None
    }
}

const GREETING: &[&str] = &[
    "hi",
    "hello",
    "hey",
    "hiya",
    "howdy",
    "greetings",
    "morning",
    "afternoon",
    "evening",
    "hallo",
];
const ACKNOWLEDGEMENT: &[&str] = &["ok", "okay", "great", "perfect", "nice", "super", "cool"];
const THANKS: &[&str] = &["thanks", "thank", "thx", "ty", "cheers", "appreciated"];
const FAREWELL: &[&str] = &["bye", "goodbye", "later", "ciao"];
const FILLER: &[&str] = &[
    "good", "there", "you", "u", "a", "lot", "very", "much", "so", "all", "again", "ok", "okay",
    "great", "perfect", "nice", "super", "for", "your", "the", "help", "that", "is", "was", "day",
    "see", "have", "everyone", "team", "to", "and",
];

/// A longer message says what it is about by itself.
const FOLLOW_UP_WORDS: usize = 8;

/// Whether a message only makes sense after the one before it: "and to Norway?", "how long does
/// it take?". Such a message is searched together with its predecessor.
pub fn is_follow_up(message: &str) -> bool {
    let words = words(message);
    let starts = |phrase: &[&str]| {
        words.len() >= phrase.len() && words.iter().zip(phrase).all(|(word, known)| word == known)
    };
    let opens = [
        &["and"][..],
        &["what", "about"],
        &["how", "about"],
        &["or"],
        &["also"],
        &["why"],
    ];
    let points = |word: &String| {
        ["it", "they", "them", "that", "this", "those", "these"].contains(&word.as_str())
    };
    !words.is_empty()
        && words.len() <= FOLLOW_UP_WORDS
        && (opens.into_iter().any(starts) || words.iter().any(points))
}

fn words(message: &str) -> Vec<String> {
    message
        .split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_thanks_and_farewells_get_a_fixed_line() {
        for (message, start) in [
            ("Hi", "Hello"),
            ("hello there!! 👋", "Hello"),
            ("Good morning", "Hello"),
            ("Thanks a lot", "You are welcome"),
            ("ok thank you very much for your help", "You are welcome"),
            ("thanks, bye", "You are welcome"),
            ("ok, great", "Is there anything else"),
            ("Goodbye", "Goodbye"),
            ("see you later", "Goodbye"),
        ] {
            let line = reply(message).unwrap_or_default();
            assert!(line.starts_with(start), "{message}: {line}");
        }
    }

    #[test]
    fn a_question_is_never_taken_for_small_talk() {
        for message in [
            "Hi, where is my parcel?",
            "thanks but how do I return it",
            "hello can you help me with an invoice",
            "help",
            "is that all",
            "good day passes",
            "👋",
            "",
            "ok with you",
        ] {
            assert_eq!(reply(message), None, "{message}");
        }
    }

    #[test]
    fn follow_ups_are_short_and_point_back() {
        for message in [
            "and to Norway?",
            "What about bikes?",
            "How long does it take?",
            "why",
        ] {
            assert!(is_follow_up(message), "{message}");
        }
        for message in [
            "How long does delivery take?",
            "Who is the CEO?",
            "",
            "My bike has a flat tyre and I would like you to fix it on Saturday",
        ] {
            assert!(!is_follow_up(message), "{message}");
        }
    }
}
