//! Which new passwords are refused: those that somebody would try first (ASVS v5.0.0-6.2.4, 6.2.11).

use std::cmp::Reverse;

use zxcvbn::zxcvbn;

/// A password that is guessed by then is refused. Each of zxcvbn's lists, of passwords, words and names,
/// has 30,000 entries at most, so none of them is taken, and few of them with a digit behind.
const GUESSES: u64 = 30_001;
/// So many characters are judged at once: the time grows with their square, and no entry of a list is
/// longer.
const SEEN: usize = 24;
/// So few letters and digits beside the own words are soon tried.
const FEW: usize = 4;
/// Shorter words are part of many others.
const SHORTEST: usize = 3;
/// What this is called.
const PRODUCT: &str = "syntera";

/// What is wrong with a password, as the rest of a sentence that begins with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Weakness {
    /// It is on a list, or follows a simple pattern.
    #[error(
        "is one of the first that somebody would try; choose a few words that have nothing to do with each other"
    )]
    Guessable,
    /// It says little but who chose it.
    #[error(
        "is little more than your name, your address or the company's name; choose a few words that have nothing to do \
         with you"
    )]
    OwnWords,
}

/// The words that somebody would try who knows whose password it is: of names and addresses, and what
/// this is called. The longest first.
pub(crate) struct OwnWords(Vec<String>);

impl OwnWords {
    /// The words of these names and addresses.
    pub(crate) fn of(texts: &[&str]) -> Self {
        let mut words = vec![PRODUCT.to_owned()];
        for text in texts {
            words.push(letters(text));
            words.extend(text.split(|c: char| !c.is_alphanumeric()).map(letters));
        }
        words.retain(|word| word.chars().count() >= SHORTEST);
        words.sort_by_key(|word| Reverse(word.len()));
        Self(words)
    }

    /// Whether little is left of a password without them.
    fn make_up(&self, password: &str) -> bool {
        let mut rest = letters(password);
        for word in &self.0 {
            // What stands before a word and behind it makes no other one.
            rest = rest.replace(word, " ");
        }
        letters(&rest).chars().count() <= FEW
    }
}

/// What is wrong with a password that is to be set.
pub(super) fn weakness(password: &str, own: &OwnWords) -> Option<Weakness> {
    if own.make_up(password) {
        Some(Weakness::OwnWords)
    } else if is_guessable(password) {
        Some(Weakness::Guessable)
    } else {
        None
    }
}

/// Whether few guesses find it. A long one must be as simple at its end as at its beginning.
fn is_guessable(password: &str) -> bool {
    let soon_found = |part: &[char]| {
        let part: String = part.iter().collect();
        zxcvbn(&part, &[]).guesses() <= GUESSES
    };
    let all: Vec<char> = password.chars().collect();
    let seen = all.len().min(SEEN);
    soon_found(&all[..seen]) && (seen == all.len() || soon_found(&all[all.len() - seen..]))
}

/// The letters and digits of a text, in lower case.
fn letters(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> OwnWords {
        OwnWords::of(&[
            "ada.lovelace@juniper.example",
            "Ada Lovelace",
            "Juniper & Pine",
        ])
    }

    #[test]
    fn what_is_on_a_list_or_follows_a_simple_pattern_is_refused() {
        let long = "a".repeat(128);
        for password in [
            "password",
            "Password1",
            "password123",
            "p@ssw0rd",
            "12345678",
            "87654321",
            "iloveyou1",
            "football1",
            "trustno1",
            "qwertyuiop",
            "1qaz2wsx",
            "sunshine",
            "abcdefgh",
            "aaaaaaaa",
            &long,
        ] {
            let expected = Some(Weakness::Guessable);
            assert_eq!(weakness(password, &own()), expected, "{password}");
        }
    }

    #[test]
    fn what_is_little_more_than_the_own_words_is_refused() {
        for password in [
            "Ada.Lovelace",
            "ada.lovelace@juniper.example",
            "AdaLovelace1815",
            "JuniperPine2026!",
            "pine-juniper",
            "Syntera-2026!",
            "SynteraSyntera",
        ] {
            let expected = Some(Weakness::OwnWords);
            assert_eq!(weakness(password, &own()), expected, "{password}");
        }
    }

    #[test]
    fn what_takes_long_to_guess_is_taken() {
        let beginning = format!("{} and then a kestrel on a violin", "a".repeat(40));
        for password in [
            "correct horse battery staple",
            "a-long-enough-password",
            "another good password",
            "Tr0ub4dor&3-xyz",
            "S3cure-Pass-2026!",
            "test-password-123!",
            "demo-password-1",
            "dev-demo-password",
            "lovelace and the engine",
            "juniper-berries-on-toast",
            "ünïcode 密码 пароль",
            "9f2c1e7a",
            &beginning,
        ] {
            assert_eq!(weakness(password, &own()), None, "{password}");
        }
    }
}
