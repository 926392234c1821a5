use chat_api::{Block, MAX_TEXT, Span};
use serde_json::{Value, json};
use url::Url;

use super::{NESTING, NODES, parse};

fn tree(text: &str) -> Value {
    serde_json::to_value(parse(text)).unwrap()
}

fn paragraph(spans: &Value) -> Value {
    json!([{ "type": "paragraph", "spans": spans }])
}

fn words(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn link(href: &str, text: &str) -> Value {
    json!({ "type": "link", "href": href, "spans": [words(text)] })
}

#[test]
fn plain_paragraphs_have_no_tree() {
    for text in [
        "",
        "Hello",
        "Hello,\nthere\n\n  and again",
        "2 * 3 = 6, and snake_case_names",
        "<b>not bold</b>",
        "AT&T [1] says (so)",
        "See javascript:alert(1)",
    ] {
        assert_eq!(tree(text), json!([]), "{text}");
    }
}

#[test]
fn markup_becomes_a_tree() {
    assert_eq!(
        tree("Some **strong *and stressed* words**, ~~gone~~ `code`\nnext"),
        paragraph(&json!([
            words("Some "),
            { "type": "strong", "spans": [
                words("strong "),
                { "type": "emphasis", "spans": [words("and stressed")] },
                words(" words"),
            ] },
            words(", "),
            { "type": "strike", "spans": [words("gone")] },
            words(" "),
            { "type": "code", "text": "code" },
            { "type": "break" },
            words("next"),
        ]))
    );
    assert_eq!(
        tree(
            "# Title\n\n> quoted\n\n---\n\n3. one\n   - inner\n4. two\n\n```rust,ignore\nfn x() {}\n```"
        ),
        json!([
            { "type": "heading", "level": 1, "spans": [words("Title")] },
            { "type": "quote", "blocks": [{ "type": "paragraph", "spans": [words("quoted")] }] },
            { "type": "rule" },
            { "type": "list", "start": 3, "items": [
                [
                    { "type": "paragraph", "spans": [words("one")] },
                    { "type": "list", "items": [[{ "type": "paragraph", "spans": [words("inner")] }]] },
                ],
                [{ "type": "paragraph", "spans": [words("two")] }],
            ] },
            { "type": "code", "text": "fn x() {}" },
        ])
    );
    assert_eq!(
        tree("```rust\nlet a = 1;\n\nlet b = 2;\n```"),
        json!([{ "type": "code", "language": "rust", "text": "let a = 1;\n\nlet b = 2;" }])
    );
    assert_eq!(tree(r"1 \* 2"), paragraph(&json!([words("1 * 2")])));
}

#[test]
fn html_is_what_somebody_wrote() {
    assert_eq!(
        tree("**x** <img src=x onerror=alert(1)>"),
        paragraph(&json!([
            { "type": "strong", "spans": [words("x")] },
            words(" <img src=x onerror=alert(1)>"),
        ]))
    );
    assert_eq!(
        tree("<script>\nalert(1)\n</script>\n\n*x*"),
        json!([
            { "type": "paragraph", "spans": [
                words("<script>"), { "type": "break" }, words("alert(1)"), { "type": "break" }, words("</script>"),
            ] },
            { "type": "paragraph", "spans": [{ "type": "emphasis", "spans": [words("x")] }] },
        ])
    );
}

#[test]
fn links_lead_to_the_web_and_to_mail_and_nowhere_else() {
    assert_eq!(
        tree("[shop](https://Shop.example/a b) <ada@example.com>"),
        // A space ends an address, so that was none.
        paragraph(&json!([
            words("[shop]("),
            link("https://shop.example/a", "https://Shop.example/a"),
            words(" b) "),
            link("mailto:ada@example.com", "ada@example.com"),
        ]))
    );
    assert_eq!(
        tree("[shop](<HTTPS://Shop.example/a b>)"),
        paragraph(&json!([link("https://shop.example/a%20b", "shop")]))
    );
    assert_eq!(
        tree("![a picture](https://example.com/x.png)"),
        paragraph(&json!([link("https://example.com/x.png", "a picture")]))
    );
    assert_eq!(
        tree("[![a picture](https://example.com/x.png)](https://example.com)"),
        paragraph(&json!([link("https://example.com/", "a picture")]))
    );
    for none in [
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,y)",
        "[x](/path)",
        "[x](//evil.example)",
        "[x](https://bank.example@evil.example)",
        "[x](https://)",
        "[x](mailto:nobody)",
        "![x](vbscript:y)",
    ] {
        assert_eq!(tree(none), paragraph(&json!([words("x")])), "{none}");
    }
}

#[test]
fn bare_addresses_are_links() {
    for (text, before, address, after) in [
        (
            "see https://example.com/a_b_c?d=e&f=g#h.",
            "see ",
            "https://example.com/a_b_c?d=e&f=g#h",
            ".",
        ),
        (
            "(https://example.com/x_(y))",
            "(",
            "https://example.com/x_(y)",
            ")",
        ),
        ("http://example.com/, or", "", "http://example.com/", ", or"),
        (
            "\u{201c}HTTPS://example.com/\u{201d}",
            "\u{201c}",
            "HTTPS://example.com/",
            "\u{201d}",
        ),
        (
            "https://example.com/\u{200b}evil",
            "",
            "https://example.com/",
            "\u{200b}evil",
        ),
    ] {
        let Value::Array(blocks) = tree(text) else {
            unreachable!()
        };
        let spans = blocks[0]["spans"].as_array().unwrap();
        let links: Vec<&Value> = spans.iter().filter(|span| span["type"] == "link").collect();
        assert_eq!(links.len(), 1, "{text}");
        assert_eq!(links[0]["spans"][0]["text"], address, "{text}");
        let is_words =
            |index: usize, expected: &str| expected.is_empty() || spans[index] == words(expected);
        assert!(
            is_words(0, before) && is_words(spans.len() - 1, after),
            "{text}: {spans:?}"
        );
    }
    for none in [
        "xhttps://example.com",
        "https://",
        "https://user@example.com",
        "ftp://example.com",
        "://",
    ] {
        assert_eq!(tree(none), json!([]), "{none}");
    }
    assert_eq!(
        tree("`https://example.com`"),
        paragraph(&json!([{ "type": "code", "text": "https://example.com" }]))
    );
}

#[test]
fn what_is_too_deep_or_too_large_is_drawn_as_text() {
    let quoted = |depth: usize| format!("{}x", "> ".repeat(depth));
    // A quotation inside the next, a paragraph, and its words.
    assert_eq!(parse(&quoted(NESTING - 2)).len(), 1);
    assert!(parse(&quoted(NESTING - 1)).is_empty());
    assert!(parse(&quoted(4_000)).is_empty());
    let many = |count: usize| "*x* ".repeat(count);
    assert_eq!(parse(&many(500)).len(), 1);
    assert!(parse(&many(NODES)).is_empty());
}

#[test]
fn characters_that_nobody_sees_do_not_turn_the_text_around() {
    assert_eq!(
        tree("**a**\u{202e}b\u{7}"),
        paragraph(&json!([{ "type": "strong", "spans": [words("a")] }, words("b")]))
    );
    assert_eq!(tree("abc\u{202e}def"), paragraph(&json!([words("abcdef")])));
}

fn hostile() -> Vec<String> {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/e2e/fixtures/hostile.json"
    );
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Walks a tree; answers how many parts it has and how deep it is.
fn walk(blocks: &[Block], text: &str) -> (usize, usize) {
    let parts = blocks.iter().map(|block| {
        let (count, depth) = match block {
            Block::Paragraph { spans } => walk_spans(spans, text),
            Block::Heading { spans, level } => {
                assert!((1..=6).contains(level), "{text}");
                walk_spans(spans, text)
            }
            Block::List { items, .. } => items
                .iter()
                .map(|item| walk(item, text))
                .fold((0, 0), |all, one| (all.0 + one.0, all.1.max(one.1))),
            Block::Quote { blocks } => walk(blocks, text),
            Block::Code {
                text: code,
                language,
            } => {
                visible(code.expose(), text);
                visible(language.as_deref().unwrap_or_default(), text);
                (0, 0)
            }
            Block::Rule => (0, 0),
        };
        (count + 1, depth + 1)
    });
    parts.fold((0, 0), |all, one| (all.0 + one.0, all.1.max(one.1)))
}

fn walk_spans(spans: &[Span], text: &str) -> (usize, usize) {
    let parts = spans.iter().map(|span| {
        let (count, depth) = match span {
            Span::Text { text: words } | Span::Code { text: words } => {
                visible(words.expose(), text);
                (0, 0)
            }
            Span::Strong { spans } | Span::Emphasis { spans } | Span::Strike { spans } => {
                walk_spans(spans, text)
            }
            Span::Link { href, spans } => {
                let url = Url::parse(href.expose()).unwrap();
                assert!(
                    matches!(url.scheme(), "http" | "https" | "mailto"),
                    "{text}"
                );
                assert_eq!((url.username(), url.password()), ("", None), "{text}");
                let usual = |c: char| c.is_ascii_graphic();
                assert!(
                    href.expose().chars().all(usual),
                    "{text}: {}",
                    href.expose()
                );
                let inner = serde_json::to_string(spans).unwrap();
                assert!(
                    !inner.contains(r#""type":"link""#),
                    "a link in a link: {text}"
                );
                walk_spans(spans, text)
            }
            Span::Break => (0, 0),
        };
        (count + 1, depth + 1)
    });
    parts.fold((0, 0), |all, one| (all.0 + one.0, all.1.max(one.1)))
}

fn visible(words: &str, text: &str) {
    let hidden = |c: char| {
        matches!(c, '\u{202a}'..='\u{202e}') || (c.is_control() && c != '\n' && c != '\t')
    };
    assert!(!words.contains(hidden), "{text:?}");
}

fn check(text: &str) {
    let (count, depth) = walk(&parse(text), text);
    assert!(
        count <= NODES && depth <= NESTING,
        "{count} parts, {depth} deep: {text}"
    );
}

#[test]
fn a_hostile_text_has_a_harmless_tree() {
    let hostile = hostile();
    assert!(hostile.len() >= 140, "{}", hostile.len());
    for text in &hostile {
        check(text);
        // As long as a message may be.
        let length = text.chars().count().max(1);
        check(&text.repeat((MAX_TEXT / length).max(1)));
        // Whatever stands around it.
        for around in [
            "**{}**",
            "> {}",
            "- {}",
            "[{}](https://example.com)",
            "[x]({})",
            "<{}>",
            "`{}",
            "\\{}",
        ] {
            check(&around.replace("{}", text));
        }
    }
}

#[test]
fn hostile_texts_mixed_and_cut_have_a_harmless_tree() {
    let hostile = hostile();
    // A linear congruential generator (Knuth, MMIX): the same texts in each run.
    let mut state = 1_u64;
    let mut next = |most: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % most
    };
    for _ in 0..4_000 {
        let mut text = String::new();
        for _ in 0..=next(3) {
            let from: Vec<char> = hostile[next(hostile.len())].chars().take(400).collect();
            let (one, other) = (next(from.len() + 1), next(from.len() + 1));
            text.extend(&from[one.min(other)..one.max(other)]);
            text.push_str(["", " ", "\n", "\n\n", "(", "]"][next(6)]);
        }
        check(&text);
    }
}
