//! Building the tree from the parser's events. Nothing here recurses, so that no text is too deep for it.

use chat_api::{Block, Span};
use pulldown_cmark::{CodeBlockKind, Event, LinkType, Tag};

use super::{NESTING, NODES, links};

/// The longest name of a language, in characters.
const MAX_LANGUAGE: usize = 32;

/// What is open while the tree is built, the outermost first.
#[derive(Debug)]
pub(super) struct Tree {
    open: Vec<Open>,
    nodes: usize,
}

#[derive(Debug)]
struct Open {
    kind: Kind,
    blocks: Vec<Block>,
    /// The words of an inline container, or those that stand in a list item without a paragraph.
    spans: Vec<Span>,
    items: Vec<Vec<Block>>,
    text: String,
}

#[derive(Debug)]
enum Kind {
    /// The text as a whole.
    Root,
    Paragraph,
    Heading(u8),
    List(Option<u64>),
    Item,
    Code(Option<String>),
    Quote,
    Strong,
    Emphasis,
    Strike,
    /// A link, or an image; without an address that may be one, it is only what it says.
    Link(Option<String>),
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            open: vec![Open::new(Kind::Root)],
            nodes: 0,
        }
    }
}

impl Open {
    const fn new(kind: Kind) -> Self {
        Self {
            kind,
            blocks: Vec::new(),
            spans: Vec::new(),
            items: Vec::new(),
            text: String::new(),
        }
    }

    /// Whether blocks stand in it.
    const fn holds_blocks(&self) -> bool {
        matches!(self.kind, Kind::Root | Kind::Item | Kind::Quote)
    }
}

impl Tree {
    /// Takes the next event; none when the tree becomes too deep or too large.
    pub(super) fn take(&mut self, event: Event<'_>) -> Option<()> {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text),
            // Raw HTML is what somebody wrote, and nothing else.
            Event::Html(text) | Event::InlineHtml(text) => self.lines(&text),
            Event::Code(code) => self.span(Span::Code {
                text: clean(&code).into(),
            }),
            // Whoever writes a new line in a chat means one.
            Event::SoftBreak | Event::HardBreak => self.span(Span::Break),
            Event::Rule => {
                self.flush()?;
                self.block(Block::Rule)
            }
            _ => None,
        }
    }

    /// The blocks; none when something is still open, or they became too many.
    pub(super) fn finish(mut self) -> Option<Vec<Block>> {
        self.flush()?;
        let root = self.open.pop()?;
        self.open.is_empty().then_some(root.blocks)
    }

    fn start(&mut self, tag: Tag<'_>) -> Option<()> {
        let kind = match tag {
            Tag::Paragraph | Tag::HtmlBlock => Kind::Paragraph,
            Tag::Heading { level, .. } => Kind::Heading(level as u8),
            Tag::BlockQuote(_) => Kind::Quote,
            Tag::CodeBlock(CodeBlockKind::Fenced(info)) => Kind::Code(language(&info)),
            Tag::CodeBlock(CodeBlockKind::Indented) => Kind::Code(None),
            Tag::List(start) => Kind::List(start),
            Tag::Item => Kind::Item,
            Tag::Emphasis => Kind::Emphasis,
            Tag::Strong => Kind::Strong,
            Tag::Strikethrough => Kind::Strike,
            Tag::Link {
                link_type: LinkType::Email,
                dest_url,
                ..
            } => Kind::Link(self.href(&format!("mailto:{dest_url}"))),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                Kind::Link(self.href(&dest_url))
            }
            _ => return None,
        };
        let is_block = matches!(
            kind,
            Kind::Paragraph | Kind::Heading(_) | Kind::Quote | Kind::Code(_) | Kind::List(_)
        );
        if is_block {
            self.flush()?;
        }
        // Words that stand in an item by themselves become a paragraph of it.
        let implied = usize::from(matches!(kind, Kind::Item));
        self.open.push(Open::new(kind));
        let containers = self
            .open
            .iter()
            .filter(|open| !matches!(open.kind, Kind::Root | Kind::Item | Kind::Link(None)));
        // The words inside are one more.
        (containers.count() + implied < NESTING).then_some(())
    }

    fn end(&mut self) -> Option<()> {
        self.flush()?;
        let Open {
            kind,
            blocks,
            spans,
            items,
            text,
        } = self.open.pop()?;
        match kind {
            Kind::Root => None,
            Kind::Paragraph => self.paragraph(spans),
            Kind::Heading(level) => match trimmed(spans) {
                spans if spans.is_empty() => Some(()),
                spans => self.block(Block::Heading { level, spans }),
            },
            Kind::List(start) => self.block(Block::List { start, items }),
            Kind::Item => {
                let list = self.open.last_mut()?;
                list.items.push(blocks);
                Some(())
            }
            Kind::Code(language) => {
                let text = text.strip_suffix('\n').unwrap_or(&text).to_owned();
                self.block(Block::Code {
                    language,
                    text: text.into(),
                })
            }
            Kind::Quote => self.block(Block::Quote { blocks }),
            Kind::Strong => self.span(Span::Strong { spans }),
            Kind::Emphasis => self.span(Span::Emphasis { spans }),
            Kind::Strike => self.span(Span::Strike { spans }),
            Kind::Link(None) => {
                for span in spans {
                    self.adopt(span)?;
                }
                Some(())
            }
            Kind::Link(Some(href)) => {
                let spans = if spans.is_empty() {
                    self.count()?;
                    vec![Span::Text {
                        text: href.clone().into(),
                    }]
                } else {
                    spans
                };
                let href = href.into();
                self.span(Span::Link { href, spans })
            }
        }
    }

    /// The address of a link that begins; none inside another one, because links do not nest.
    fn href(&self, address: &str) -> Option<String> {
        if self.is_in_link() {
            return None;
        }
        links::href(address)
    }

    fn is_in_link(&self) -> bool {
        let mut open = self.open.iter();
        open.any(|open| matches!(open.kind, Kind::Link(Some(_))))
    }

    fn text(&mut self, text: &str) -> Option<()> {
        let text = clean(text);
        let open = self.open.last_mut()?;
        if matches!(open.kind, Kind::Code(_)) {
            open.text.push_str(&text);
            return Some(());
        }
        // The parser cuts words where there could have been markup.
        if let Some(Span::Text { text: so_far }) = open.spans.last_mut() {
            let mut joined = std::mem::take(so_far).into_inner();
            joined.push_str(&text);
            *so_far = joined.into();
            return Some(());
        }
        self.span(Span::Text { text: text.into() })
    }

    fn lines(&mut self, text: &str) -> Option<()> {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.span(Span::Break)?;
            }
            if !line.is_empty() {
                self.text(line)?;
            }
        }
        Some(())
    }

    fn span(&mut self, span: Span) -> Option<()> {
        self.count()?;
        self.open.last_mut()?.spans.push(span);
        Some(())
    }

    /// Moves a span that is counted already to where the open container has its words.
    fn adopt(&mut self, span: Span) -> Option<()> {
        match span {
            Span::Text { text } => self.text(text.expose()),
            span => {
                self.open.last_mut()?.spans.push(span);
                Some(())
            }
        }
    }

    fn block(&mut self, block: Block) -> Option<()> {
        self.count()?;
        let open = self.open.last_mut()?;
        open.holds_blocks().then(|| open.blocks.push(block))
    }

    fn paragraph(&mut self, spans: Vec<Span>) -> Option<()> {
        match trimmed(spans) {
            spans if spans.is_empty() => Some(()),
            spans => self.block(Block::Paragraph { spans }),
        }
    }

    /// Finds bare addresses in the words of what is open, and makes a paragraph of words that stand among
    /// blocks.
    fn flush(&mut self) -> Option<()> {
        let in_link = self.is_in_link();
        let open = self.open.last_mut()?;
        let mut spans = std::mem::take(&mut open.spans);
        if spans.is_empty() {
            return Some(());
        }
        if !in_link {
            spans = self.linked(spans)?;
        }
        let open = self.open.last_mut()?;
        if open.holds_blocks() {
            return self.paragraph(spans);
        }
        open.spans = spans;
        Some(())
    }

    fn linked(&mut self, spans: Vec<Span>) -> Option<Vec<Span>> {
        let mut linked = Vec::with_capacity(spans.len());
        for span in spans {
            let found = match &span {
                Span::Text { text } => links::find(text.expose()),
                _ => None,
            };
            match found {
                Some(found) => {
                    for span in found {
                        self.count()?;
                        if matches!(span, Span::Link { .. }) {
                            // And the words of the link.
                            self.count()?;
                        }
                        linked.push(span);
                    }
                }
                None => linked.push(span),
            }
        }
        Some(linked)
    }

    fn count(&mut self) -> Option<()> {
        self.nodes += 1;
        (self.nodes <= NODES).then_some(())
    }
}

/// The text of blocks that are nothing but paragraphs of words; none of others.
pub(super) fn plain_text(blocks: &[Block]) -> Option<String> {
    let mut plain = String::new();
    for block in blocks {
        let Block::Paragraph { spans } = block else {
            return None;
        };
        for span in spans {
            match span {
                Span::Text { text } => plain.push_str(text.expose()),
                Span::Break => plain.push('\n'),
                _ => return None,
            }
        }
        plain.push('\n');
    }
    Some(plain)
}

/// Without the breaks around it.
fn trimmed(mut spans: Vec<Span>) -> Vec<Span> {
    while spans.last() == Some(&Span::Break) {
        spans.pop();
    }
    let first = spans.iter().position(|span| *span != Span::Break);
    spans.drain(..first.unwrap_or(0));
    spans
}

/// Without control characters, and without those that turn the direction of what follows around
/// (Unicode UAX #9 §2.1 and §2.2): with them a text can look like another one.
fn clean(text: &str) -> String {
    let is_shown = |c: &char| {
        let turns = matches!(c, '\u{202a}'..='\u{202e}');
        !turns && (!c.is_control() || matches!(c, '\n' | '\t'))
    };
    text.chars().filter(is_shown).collect()
}

/// The language that the first word of a fence names.
fn language(info: &str) -> Option<String> {
    let word = info.split_whitespace().next()?;
    let usual = |c: char| c.is_alphanumeric() || "+-_.#".contains(c);
    (word.chars().count() <= MAX_LANGUAGE && word.chars().all(usual)).then(|| word.to_owned())
}
