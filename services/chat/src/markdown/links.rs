//! Which links there are, and where they lead.

use chat_api::Span;
use common::telemetry::Personal;
use url::Url;

/// The longest address, in bytes.
const MAX_HREF: usize = 2_000;

/// The address that a link may have, as a browser would spell it; none when it may not be one. What names
/// a user before the host (`https://bank.example@evil.example`) misleads whoever reads it, so it is none.
pub(super) fn href(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let leads = match url.scheme() {
        "http" | "https" => url.has_host() && url.username().is_empty() && url.password().is_none(),
        "mailto" => url.path().contains('@'),
        _ => false,
    };
    let text = String::from(url);
    let usual = |byte: u8| byte.is_ascii_graphic() && !b"\"<>`".contains(&byte);
    (leads && text.len() <= MAX_HREF && text.bytes().all(usual)).then_some(text)
}

/// Cuts words into words and the bare addresses in them; none when there is no address.
pub(super) fn find(text: &str) -> Option<Vec<Span>> {
    let mut spans = Vec::new();
    let mut shown = 0;
    let mut from = 0;
    while let Some(colon) = text[from..].find("://").map(|at| from + at) {
        from = colon + 3;
        let Some(start) = scheme(text, shown, colon) else {
            continue;
        };
        let end = end(text, start, from);
        if end <= from {
            continue;
        }
        let address = &text[start..end];
        let Some(href) = href(address) else { continue };
        if shown < start {
            spans.push(words(&text[shown..start]));
        }
        spans.push(Span::Link {
            href: Personal::new(href),
            spans: vec![words(address)],
        });
        (shown, from) = (end, end);
    }
    if spans.is_empty() {
        return None;
    }
    if shown < text.len() {
        spans.push(words(&text[shown..]));
    }
    Some(spans)
}

fn words(text: &str) -> Span {
    Span::Text {
        text: Personal::new(text.to_owned()),
    }
}

/// Where the scheme in front of `colon` begins, when it is one of the web's and stands by itself.
fn scheme(text: &str, after: usize, colon: usize) -> Option<usize> {
    let before = &text[after..colon];
    let ends_with = |scheme: &&str| {
        let start = before.len().checked_sub(scheme.len());
        let end = start.and_then(|start| before.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(scheme))
    };
    let scheme = ["https", "http"].into_iter().find(ends_with)?;
    let rest = &before[..before.len() - scheme.len()];
    let alone = rest
        .chars()
        .next_back()
        .is_none_or(|c| !c.is_alphanumeric());
    alone.then_some(after + rest.len())
}

/// Where an address ends: before what cannot be part of it, and before the punctuation of the sentence
/// that it stands in (GFM 0.29, "extended autolinks").
fn end(text: &str, start: usize, from: usize) -> usize {
    let stops =
        |c: char| c.is_whitespace() || c.is_control() || is_format(c) || "<>\"`".contains(c);
    let mut end = text[from..].find(stops).map_or(text.len(), |at| from + at);
    while let Some(last) = text[from..end].chars().next_back() {
        let address = &text[start..end];
        let closes_nothing =
            |open: char| address.matches(last).count() > address.matches(open).count();
        let belongs_to_the_sentence = match last {
            '?' | '!' | '.' | ',' | ':' | ';' | '*' | '_' | '~' | '\'' => true,
            // Quotation marks and an ellipsis.
            '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2026}' => true,
            ')' => closes_nothing('('),
            ']' => closes_nothing('['),
            '}' => closes_nothing('{'),
            _ => false,
        };
        if !belongs_to_the_sentence {
            break;
        }
        end -= last.len_utf8();
    }
    end
}

/// Characters that nobody sees and that change what is seen.
const fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
