//! The second wall behind [`Personal`](super::Personal): what still looks like a secret or an address
//! in a log line is blanked.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

/// What is blanked, and by what. Each pattern is anchored by its own shape, so that ids, paths and
/// times stay readable.
static PATTERNS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        // Passwords inside a URL: scheme://user:password@host.
        (
            r"(?P<head>[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@/]+@",
            "$head:[secret]@",
        ),
        // Letters of every script (RFC 6531).
        (
            r"[\p{L}\p{M}\p{N}._%+'-]+@[\p{L}\p{M}\p{N}.-]+\.\p{L}{2,}",
            "[email]",
        ),
        // JSON Web Tokens: three base64url parts, the first of which begins with `{"`.
        (
            r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
            "[token]",
        ),
        (r"\b(?:pk|sk|rt|vs)_[A-Za-z0-9_-]{8,}", "[key]"),
        (r"(?i)\bbearer\s+[A-Za-z0-9._~+/=-]{8,}", "[token]"),
        // Phone numbers in international form: without the plus nothing tells them from other numbers.
        (r"\+\d[\d ().-]{7,}\d", "[phone]"),
    ]
    .into_iter()
    .map(|(pattern, blank)| {
        (
            Regex::new(pattern).expect("the patterns are constants"),
            blank,
        )
    })
    .collect()
});

/// The text with secrets, addresses and phone numbers blanked.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    for (pattern, blank) in PATTERNS.iter() {
        if let Cow::Owned(changed) = pattern.replace_all(&clean, *blank) {
            clean = Cow::Owned(changed);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_addresses_are_blanked() {
        for (text, expected) in [
            ("to ada.lovelace@example.co.uk now", "to [email] now"),
            (
                "to jürgen@bücher.example, 李@例え.テスト",
                "to [email], [email]",
            ),
            (
                "postgres://crm:s3cret@127.0.0.1:4020/syntera",
                "postgres://crm:[secret]@127.0.0.1:4020/syntera",
            ),
            (
                "authorization: Bearer abcdefgh.ijkl",
                "authorization: [token]",
            ),
            ("got eyJhbGciOi.eyJzdWIiOi.c2ln end", "got [token] end"),
            ("key pk_Zm9vYmFyYmF6 used", "key [key] used"),
            ("call +44 20 7946 0958", "call [phone]"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn ids_paths_and_times_stay() {
        for text in [
            "GET /channels/01890a5d-ac96-774b-bcce-b302099a8057 200 in 12 ms",
            "2026-11-23T10:00:00.123456Z",
            "postgres://127.0.0.1:4020/syntera",
        ] {
            assert!(matches!(redact(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
