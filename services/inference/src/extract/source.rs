//! Sources in the system message: the documented form in which a caller hands over texts.
//!
//! ```text
//! <source id="1" title="Returns" url="https://…">text of the chunk, XML-escaped</source>
//! ```
//!
//! Everything around the blocks is prose for other models and is not read. Only `<source id=`
//! opens a block, so prose that merely mentions `<source>` stays prose.

/// One text that an answer may quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The label that citation marks carry: `[1]`.
    pub id: String,
    /// The title of the document, empty where there is none.
    pub title: String,
    /// Where the document stands, empty where there is none.
    pub url: String,
    /// The text itself.
    pub text: String,
}

/// A block that opens like a source but is none; `n` counts blocks from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("source block {n} {problem}")]
pub struct Malformed {
    /// Which block.
    pub n: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

const OPEN: &str = "<source id=";
const CLOSE: &str = "</source>";

/// All sources of a message, in order.
pub fn parse(message: &str) -> Result<Vec<Source>, Malformed> {
    let mut sources = Vec::new();
    let mut rest = message;
    while let Some(start) = rest.find(OPEN) {
        let malformed = |problem| Malformed {
            n: sources.len() + 1,
            problem,
        };
        let (attributes, body) = tag(&rest[start + "<source".len()..]).map_err(malformed)?;
        let end = body.find(CLOSE).ok_or_else(|| malformed("is not closed"))?;
        let mut source = Source {
            id: String::new(),
            title: String::new(),
            url: String::new(),
            text: unescape(&body[..end]),
        };
        for (name, value) in attributes {
            match name {
                "id" => source.id = value,
                "title" => source.title = value,
                "url" => source.url = value,
                // A later version of the form may say more; what is known stays readable.
                _ => {}
            }
        }
        if source.id.is_empty() || source.id.len() > 32 {
            return Err(malformed("needs an id of 1 to 32 characters"));
        }
        if source
            .id
            .contains(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
        {
            return Err(malformed(
                "has an id with other characters than letters, digits, - and _",
            ));
        }
        sources.push(source);
        rest = &body[end + CLOSE.len()..];
    }
    Ok(sources)
}

type Attributes<'a> = Vec<(&'a str, String)>;

/// Reads ` name="value"…>`; returns the attributes and what follows the `>`.
fn tag(mut rest: &str) -> Result<(Attributes<'_>, &str), &'static str> {
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(body) = rest.strip_prefix('>') {
            return Ok((attributes, body));
        }
        let (name, after) = rest
            .split_once("=\"")
            .ok_or("has an attribute without a value")?;
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err("has a malformed attribute");
        }
        let (value, after) = after
            .split_once('"')
            .ok_or("has an attribute that does not end")?;
        attributes.push((name, unescape(value)));
        rest = after;
    }
}

/// Resolves the five entities of XML 1.0 §4.6 and character references; leaves the rest.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match rest
            .find(';')
            .and_then(|end| Some((entity(&rest[1..end])?, end)))
        {
            Some((character, end)) => {
                out.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_documented_form_and_ignores_prose() {
        let message = "Answer only from <source> blocks.\n\
            <source id=\"1\" title=\"Fish &amp; chips\" url=\"https://a.example/?x=1&amp;y=2\">\
            5 &lt; 6 &amp; &quot;so&quot; &#8364;</source>\nand\n\
            <source id=\"b-2\">plain</source>";
        let sources = parse(message).unwrap();
        assert_eq!(
            sources,
            [
                Source {
                    id: "1".into(),
                    title: "Fish & chips".into(),
                    url: "https://a.example/?x=1&y=2".into(),
                    text: "5 < 6 & \"so\" €".into(),
                },
                Source {
                    id: "b-2".into(),
                    title: String::new(),
                    url: String::new(),
                    text: "plain".into(),
                },
            ]
        );
    }

    #[test]
    fn escaped_text_cannot_open_or_close_a_block() {
        let message = "<source id=\"1\">a &lt;/source&gt; &lt;source id=\"9\"&gt; b</source>";
        let sources = parse(message).unwrap();
        assert_eq!(sources.len(), 1);
        assert_eq!(sources[0].text, "a </source> <source id=\"9\"> b");
    }

    #[test]
    fn a_broken_block_is_an_error_rather_than_a_missing_answer() {
        for (message, problem) in [
            ("<source id=\"1\">never closed", "is not closed"),
            (
                "<source id=\"\">x</source>",
                "needs an id of 1 to 32 characters",
            ),
            (
                "<source id=\"1\" title>x</source>",
                "has an attribute without a value",
            ),
            (
                "<source id=\"1\" title=\"x>y</source>",
                "has an attribute that does not end",
            ),
        ] {
            assert_eq!(
                parse(message),
                Err(Malformed { n: 1, problem }),
                "{message}"
            );
        }
        let second = "<source id=\"1\">x</source><source id=\"a b\">y</source>";
        assert_eq!(parse(second).unwrap_err().n, 2);
    }

    #[test]
    fn unknown_entities_and_lone_ampersands_stay_as_they_are() {
        assert_eq!(
            unescape("A&B; &nbsp; R&D &#xZZ; &"),
            "A&B; &nbsp; R&D &#xZZ; &"
        );
        assert_eq!(unescape("&#x1F6B2;&#39;"), "\u{1F6B2}'");
    }

    #[test]
    fn a_message_without_blocks_has_no_sources() {
        assert_eq!(
            parse("You are a helpful shop assistant. <source>").unwrap(),
            []
        );
    }
}
