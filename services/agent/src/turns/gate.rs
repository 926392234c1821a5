//! What is decided before any model is asked: greetings, thanks and farewells, a wish for a person.
//!
//! Closed lists on purpose (phrases.json): whatever is not plainly one of these is a question about the
//! company's texts. All languages are looked at, whatever the agent's own, because customers write in
//! theirs.

use std::{collections::BTreeMap, sync::LazyLock};

use agent_api::events::TurnOutcome;
use serde::Deserialize;

/// The words of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Language {
    greeting: Vec<String>,
    thanks: Vec<String>,
    farewell: Vec<String>,
    acknowledgement: Vec<String>,
    /// Words that may stand beside the others without asking anything.
    filler: Vec<String>,
    /// Plain ways to ask for a person.
    wants_person: Vec<String>,
    /// A message that begins so asks about the possibility, which the texts may tell.
    questions: Vec<String>,
    /// Before a wish, these turn it around.
    negations: Vec<String>,
    /// A short message that begins so goes on from the one before.
    follow_up_starts: Vec<String>,
    /// A short message with one of these points back.
    follow_up_words: Vec<String>,
    replies: Replies,
}

/// What the agent says without a model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replies {
    greeting: String,
    thanks: String,
    farewell: String,
    acknowledgement: String,
    pub(super) handed_off: String,
    pub(super) not_known: String,
    pub(super) failed: String,
}

static LANGUAGES: LazyLock<BTreeMap<String, Language>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("phrases.json")).expect("a test reads phrases.json")
});

/// Longer messages say more than a greeting.
const SMALL_TALK_WORDS: usize = 8;
/// Longer messages may mention a person for another reason.
const WISH_WORDS: usize = 15;
/// A longer message says what it is about by itself.
const FOLLOW_UP_WORDS: usize = 8;

/// An answer that needs no model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fixed {
    pub(super) outcome: TurnOutcome,
    pub(super) text: String,
    pub(super) offers_person: bool,
}

/// What the agent says in its language; in English when the language is not among ours.
pub(super) fn replies(tag: &str) -> &'static Replies {
    &language(tag).replies
}

/// The answer to messages that need no model; none when the texts should be searched. `language` is the
/// agent's.
pub(super) fn decide(messages: &[&str], tag: &str) -> Option<Fixed> {
    if messages.iter().any(|message| wants_person(message)) {
        let text = replies(tag).handed_off.clone();
        return Some(Fixed {
            outcome: TurnOutcome::HandedOff,
            text,
            offers_person: false,
        });
    }
    let all = messages.join(" ");
    small_talk(&all, tag).map(|text| Fixed {
        outcome: TurnOutcome::SmallTalk,
        text: text.to_owned(),
        offers_person: false,
    })
}

/// Whether a message only makes sense after the one before it: "and to Norway?".
pub(super) fn is_follow_up(message: &str) -> bool {
    let words = words(message);
    (1..=FOLLOW_UP_WORDS).contains(&words.len())
        && LANGUAGES.values().any(|language| {
            let starts = |phrase: &String| position(&words, phrase) == Some(0);
            language.follow_up_starts.iter().any(starts)
                || words
                    .iter()
                    .any(|word| language.follow_up_words.contains(word))
        })
}

fn wants_person(message: &str) -> bool {
    let words = words(message);
    if words.len() > WISH_WORDS {
        return false;
    }
    LANGUAGES.values().any(|language| {
        let asks = words
            .first()
            .is_some_and(|word| language.questions.contains(word));
        !asks
            && language.wants_person.iter().any(|phrase| {
                position(&words, phrase).is_some_and(|at| {
                    !words[..at]
                        .iter()
                        .any(|word| language.negations.contains(word))
                })
            })
    })
}

fn small_talk(message: &str, tag: &str) -> Option<&'static str> {
    let words = words(message);
    if words.is_empty() || words.len() > SMALL_TALK_WORDS {
        return None;
    }
    // The agent's language first: "hi" and "ok" are words of several.
    let own = language(tag);
    std::iter::once(own)
        .chain(LANGUAGES.values())
        .find_map(|language| in_language(&words, language))
}

fn in_language(words: &[String], language: &'static Language) -> Option<&'static str> {
    let all = |lists: &[&[String]]| {
        words
            .iter()
            .all(|word| lists.iter().any(|list| list.contains(word)))
    };
    let any = |list: &[String]| words.iter().any(|word| list.contains(word));
    let Language {
        greeting,
        thanks,
        farewell,
        acknowledgement,
        filler,
        replies,
        ..
    } = language;
    if all(&[acknowledgement]) {
        Some(&replies.acknowledgement)
    } else if any(thanks) && all(&[thanks, filler, farewell, acknowledgement, greeting]) {
        Some(&replies.thanks)
    } else if any(farewell) && all(&[farewell, filler, acknowledgement]) {
        Some(&replies.farewell)
    } else if any(greeting) && all(&[greeting, filler]) {
        Some(&replies.greeting)
    } else {
        None
    }
}

fn language(tag: &str) -> &'static Language {
    let primary = tag
        .split('-')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    LANGUAGES
        .get(&primary)
        .or_else(|| LANGUAGES.get("en"))
        .expect("phrases.json has English")
}

/// Where the words of `phrase` stand in `words`.
fn position(words: &[String], phrase: &str) -> Option<usize> {
    let phrase = self::words(phrase);
    words
        .windows(phrase.len())
        .position(|window| window == phrase)
}

fn words(message: &str) -> Vec<String> {
    message
        .replace('’', "'")
        .split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '-'))
        .map(|word| word.trim_matches(['\'', '-']))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(message: &str) -> Option<TurnOutcome> {
        decide(&[message], "en").map(|fixed| fixed.outcome)
    }

    #[test]
    fn greetings_thanks_and_farewells_are_answered_in_their_language() {
        for (message, start) in [
            ("Hi", "Hello"),
            ("hello there!! 👋", "Hello"),
            ("Good morning", "Hello"),
            ("Thanks a lot", "You are welcome"),
            ("ok thank you very much for your help", "You are welcome"),
            ("thanks, bye", "You are welcome"),
            ("ok, great", "Is there anything else"),
            ("see you later", "Goodbye"),
            ("Guten Tag!", "Hallo"),
            ("Vielen Dank für Ihre Hilfe", "Gern geschehen"),
            ("Auf Wiedersehen", "Auf Wiedersehen"),
            ("Bonjour", "Bonjour"),
            ("merci beaucoup", "Je vous en prie"),
            ("Buenos días", "¡Hola!"),
            ("muchas gracias", "De nada"),
        ] {
            let fixed =
                decide(&[message], "en").unwrap_or_else(|| panic!("{message} is small talk"));
            assert_eq!(fixed.outcome, TurnOutcome::SmallTalk);
            assert!(fixed.text.starts_with(start), "{message}: {}", fixed.text);
        }
        assert!(decide(&["hi"], "de-AT").unwrap().text.starts_with("Hallo"));
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
            "Gute Schuhe?",
            "das war kaputt",
            "bonne journée portes ouvertes",
            "¿y la garantía?",
        ] {
            assert_eq!(outcome(message), None, "{message}");
        }
    }

    #[test]
    fn a_plain_wish_for_a_person_is_heard_in_each_language() {
        for message in [
            "I want to talk to a human",
            "Can I speak to a real person please?",
            "human please!",
            "Let me speak with someone from your team",
            "get me a human",
            "Ich möchte mit einem Menschen sprechen",
            "Kann ich bitte mit jemandem reden?",
            "Je voudrais parler à quelqu’un",
            "Quiero hablar con una persona",
        ] {
            assert_eq!(outcome(message), Some(TurnOutcome::HandedOff), "{message}");
        }
        assert_eq!(
            decide(&["Hi", "human please"], "en").map(|fixed| fixed.outcome),
            Some(TurnOutcome::HandedOff)
        );
    }

    #[test]
    fn a_person_that_is_only_mentioned_is_not_asked_for() {
        for message in [
            "When can I talk to a person in the chat?",
            "I don't want to talk to a human",
            "Ich will nicht mit einem Menschen sprechen",
            "Is this jacket fit for a person of two metres?",
            "My human resources department needs an invoice",
            "Yesterday in your shop I could speak to someone who told me that the tent would be here by Friday but it is not",
        ] {
            assert_ne!(outcome(message), Some(TurnOutcome::HandedOff), "{message}");
        }
    }

    #[test]
    fn follow_ups_are_short_and_point_back() {
        for message in [
            "and to Norway?",
            "What about bikes?",
            "How long does it take?",
            "und nach Norwegen?",
            "Et pour les gants ?",
        ] {
            assert!(is_follow_up(message), "{message}");
        }
        for message in ["How long does delivery take?", "Who is the CEO?", ""] {
            assert!(!is_follow_up(message), "{message}");
        }
    }

    #[test]
    fn every_language_has_every_list_in_lower_case() {
        assert!(
            ["de", "en", "es", "fr"]
                .iter()
                .all(|tag| LANGUAGES.contains_key(*tag))
        );
        for (tag, language) in LANGUAGES.iter() {
            for list in [
                &language.greeting,
                &language.thanks,
                &language.farewell,
                &language.acknowledgement,
                &language.filler,
                &language.wants_person,
                &language.questions,
                &language.negations,
                &language.follow_up_starts,
                &language.follow_up_words,
            ] {
                assert!(!list.is_empty(), "{tag}");
                for phrase in list {
                    assert_eq!(
                        &words(phrase).join(" "),
                        phrase,
                        "{tag}: words are compared as they are split"
                    );
                }
            }
        }
    }
}
