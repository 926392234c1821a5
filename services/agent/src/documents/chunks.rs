//! Cuts a Markdown text into chunks that keep the headings above them.
//!
//! A chunk never crosses a heading, and lists, tables and code are kept together as long as they fit:
//! half a list says something else than its author wrote. The limit is what the default embedding model
//! reads: 256 tokens, some 1,000 characters of English.

/// A chunk's text is at most this long, in characters.
const MAX_CHARS: usize = 900;

/// One piece of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The headings above it, outermost first.
    pub headings: Vec<String>,
    /// The text, as Markdown.
    pub text: String,
}

impl Chunk {
    /// What is embedded and searched: a text without its headings often does not say what it is about.
    #[must_use]
    pub fn in_context(&self, title: &str) -> String {
        let headings = self
            .headings
            .iter()
            .map(String::as_str)
            .filter(|heading| *heading != title);
        let path: Vec<&str> = std::iter::once(title).chain(headings).collect();
        format!("{}\n{}", path.join(": "), self.text)
    }
}

/// The chunks of a document, in order.
#[must_use]
pub fn cut(content: &str) -> Vec<Chunk> {
    let text = without_comments(&content.replace("\r\n", "\n"));
    let text = without_front_matter(text.trim_start_matches('\u{feff}'));
    let mut chunks = Vec::new();
    let mut headings: Vec<(usize, String)> = Vec::new();
    let mut section: Vec<Block> = Vec::new();
    for block in blocks(text) {
        match block {
            Block::Heading(depth, title) => {
                pack(&headings, &mut section, &mut chunks);
                headings.retain(|(above, _)| *above < depth);
                headings.push((depth, title));
            }
            block => section.push(block),
        }
    }
    pack(&headings, &mut section, &mut chunks);
    chunks
}

/// What stands between blank lines.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Heading(usize, String),
    Prose(String),
    /// The items, each with its further lines.
    List(Vec<String>),
    /// The rows; the first ones are the head.
    Table(Vec<String>),
    Code(Vec<String>),
}

impl Block {
    fn text(&self) -> String {
        match self {
            Self::Heading(_, text) | Self::Prose(text) => text.clone(),
            Self::List(lines) | Self::Table(lines) | Self::Code(lines) => lines.join("\n"),
        }
    }

    /// The block in pieces that fit.
    fn pieces(&self) -> Vec<String> {
        match self {
            Self::Heading(_, text) | Self::Prose(text) => join(&sentences(text), " ", ""),
            Self::List(lines) | Self::Code(lines) => join(lines, "\n", ""),
            // Rows mean nothing without the names of their columns.
            Self::Table(rows) => {
                let head = if rows.get(1).is_some_and(|row| is_rule(row)) {
                    2
                } else {
                    0
                };
                let (head, body) = rows.split_at(head);
                let repeated = if head.is_empty() {
                    String::new()
                } else {
                    format!("{}\n", head.join("\n"))
                };
                join(body, "\n", &repeated)
            }
        }
    }
}

/// Puts the blocks of one section into chunks.
fn pack(headings: &[(usize, String)], section: &mut Vec<Block>, chunks: &mut Vec<Chunk>) {
    let path: Vec<String> = headings.iter().map(|(_, title)| title.clone()).collect();
    let mut open = String::new();
    let mut close = |open: &mut String| {
        let text = std::mem::take(open);
        if !text.trim().is_empty() {
            chunks.push(Chunk {
                headings: path.clone(),
                text,
            });
        }
    };
    for block in section.drain(..) {
        let whole = block.text();
        if whole.trim().is_empty() {
            continue;
        }
        if !open.is_empty() && length(&open) + length(&whole) + 2 > MAX_CHARS {
            close(&mut open);
        }
        if length(&whole) <= MAX_CHARS {
            if !open.is_empty() {
                open.push_str("\n\n");
            }
            open.push_str(&whole);
            continue;
        }
        for piece in block.pieces() {
            open = piece;
            close(&mut open);
        }
    }
    close(&mut open);
}

/// Joins parts up to the limit, each result behind `head`. A part that is too long is cut at a space.
fn join(parts: &[String], separator: &str, head: &str) -> Vec<String> {
    let room = MAX_CHARS.saturating_sub(length(head)).max(MAX_CHARS / 2);
    let mut pieces = Vec::new();
    let mut open = String::new();
    for part in parts.iter().flat_map(|part| fitting(part, room)) {
        if !open.is_empty() && length(&open) + length(part) + separator.len() > room {
            pieces.push(format!("{head}{}", std::mem::take(&mut open)));
        }
        if !open.is_empty() {
            open.push_str(separator);
        }
        open.push_str(part);
    }
    if !open.is_empty() {
        pieces.push(format!("{head}{open}"));
    }
    pieces
}

/// A text in pieces of at most `room` characters, cut at spaces where there are any.
fn fitting(text: &str, room: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((end, _)) = rest.char_indices().nth(room) {
        let cut = rest[..end]
            .rfind(char::is_whitespace)
            .filter(|at| *at > 0)
            .unwrap_or(end);
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece.trim_end());
        rest = after.trim_start();
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// The sentences of a paragraph. A dot ends one when white space and then no small letter follow.
pub(crate) fn sentences(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let ends = matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | '\n');
        let Some((_, next)) = characters.peek().copied() else {
            break;
        };
        let full_width = matches!(c, '。' | '！' | '？' | '\n');
        if !ends || !(full_width || next.is_whitespace()) {
            continue;
        }
        let after = at + c.len_utf8();
        let goes_on = text[after..]
            .trim_start()
            .chars()
            .next()
            .is_some_and(char::is_lowercase);
        if full_width || !goes_on {
            sentences.push(text[start..after].trim().to_owned());
            start = after;
        }
    }
    sentences.push(text[start..].trim().to_owned());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Comments are hidden from readers, so nobody answers from them.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        kept.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept
}

/// The settings that some tools put above a Markdown text.
fn without_front_matter(text: &str) -> &str {
    text.strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n").map(|(_, body)| body))
        .unwrap_or(text)
}

fn blocks(text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim();
        if line.is_empty() {
            at += 1;
        } else if let Some(fence) = fence(line) {
            let inside = lines[at + 1..]
                .iter()
                .position(|line| line.trim().starts_with(fence));
            let end = inside.map_or(lines.len(), |offset| at + offset + 2);
            blocks.push(Block::Code(
                lines[at..end]
                    .iter()
                    .map(|line| line.trim_end().to_owned())
                    .collect(),
            ));
            at = end;
        } else if let Some((depth, title)) = heading(line) {
            blocks.push(Block::Heading(depth, title));
            at += 1;
        } else if is_rule(line) {
            at += 1;
        } else if is_item(line) {
            let (items, end) = list(&lines, at);
            blocks.push(Block::List(items));
            at = end;
        } else if line.starts_with('|') {
            let end = run(&lines, at, |line| line.trim().starts_with('|'));
            blocks.push(Block::Table(
                lines[at..end]
                    .iter()
                    .map(|line| line.trim().to_owned())
                    .collect(),
            ));
            at = end;
        } else {
            let end = run(&lines, at, |line| is_prose(line.trim()));
            let prose: Vec<&str> = lines[at..end].iter().map(|line| line.trim()).collect();
            // A line of = or - under a line of text makes it a heading (CommonMark 0.31, §4.3).
            let underline = lines.get(end).map_or("", |line| line.trim());
            let depth = match underline.chars().next() {
                Some('=') if underline.chars().all(|c| c == '=') => Some(1),
                Some('-') if underline.chars().all(|c| c == '-') => Some(2),
                _ => None,
            };
            match depth {
                Some(depth) if prose.len() == 1 => {
                    blocks.push(Block::Heading(depth, prose[0].to_owned()));
                    at = end + 1;
                }
                _ => {
                    blocks.push(Block::Prose(prose.join("\n")));
                    at = end.max(at + 1);
                }
            }
        }
    }
    blocks
}

/// The end of the lines from `at` on that are alike.
fn run(lines: &[&str], at: usize, alike: impl Fn(&str) -> bool) -> usize {
    lines[at..]
        .iter()
        .position(|line| !alike(line))
        .map_or(lines.len(), |offset| at + offset)
}

/// The items of a list from `at` on. Indented lines belong to their item, and so does an indented
/// paragraph behind a blank line.
fn list(lines: &[&str], mut at: usize) -> (Vec<String>, usize) {
    let mut items: Vec<String> = Vec::new();
    while at < lines.len() {
        let line = lines[at];
        let indented = line.starts_with([' ', '\t']);
        if line.trim().is_empty() {
            let next = run(lines, at, |line| line.trim().is_empty());
            let goes_on = lines
                .get(next)
                .is_some_and(|line| is_item(line.trim()) || line.starts_with([' ', '\t']));
            if !goes_on {
                break;
            }
            at = next;
            continue;
        }
        if is_item(line.trim()) && !indented || items.is_empty() {
            items.push(line.trim_end().to_owned());
        } else if indented || is_prose(line.trim()) {
            if let Some(item) = items.last_mut() {
                item.push('\n');
                item.push_str(line.trim_end());
            }
        } else {
            break;
        }
        at += 1;
    }
    (items, at)
}

fn fence(line: &str) -> Option<&'static str> {
    ["```", "~~~"]
        .into_iter()
        .find(|fence| line.starts_with(fence))
}

fn heading(line: &str) -> Option<(usize, String)> {
    let depth = line.bytes().take_while(|byte| *byte == b'#').count();
    let rest = &line[depth..];
    let title = rest.trim().trim_end_matches('#').trim_end();
    ((1..=6).contains(&depth) && rest.starts_with([' ', '\t']) && !title.is_empty())
        .then(|| (depth, title.to_owned()))
}

fn is_item(line: &str) -> bool {
    let bullet = line.starts_with(['-', '*', '+']) && line[1..].starts_with(' ');
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let numbered = (1..=9).contains(&digits)
        && line[digits..].starts_with(['.', ')'])
        && line[digits + 1..].starts_with(' ');
    bullet || numbered
}

/// A line that only draws: under the head of a table, or across the page.
fn is_rule(line: &str) -> bool {
    line.len() >= 3
        && line.contains(['-', '*', '_'])
        && line
            .chars()
            .all(|c| matches!(c, '-' | '*' | '_' | '|' | ':' | ' '))
}

fn is_prose(line: &str) -> bool {
    !line.is_empty()
        && fence(line).is_none()
        && heading(line).is_none()
        && !is_item(line)
        && !line.starts_with('|')
        && !is_rule(line)
        && !(line.len() >= 2 && line.chars().all(|c| c == '='))
}

#[cfg(test)]
#[path = "chunks_tests.rs"]
mod tests;
