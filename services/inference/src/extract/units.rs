//! Cuts a text into the pieces that an answer may quote.
//!
//! A piece is a sentence, or a list with the line that leads into it: half a list would say
//! something else than the company wrote. Headings and questions are never quoted alone; they
//! say what the pieces below them are about, so they help to find those.

use super::sentences;

/// One quotable piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The piece, verbatim. A list keeps its line breaks, an item on its own loses its bullet.
    pub text: String,
    /// The headings above it, outermost first, joined with ": "; empty where there are none.
    pub heading: String,
    /// The question that the piece answers, where the text poses one just before.
    pub question: Option<String>,
    /// Pieces with the same number stand in the same paragraph, one after the other.
    pub paragraph: usize,
    /// What kind of piece it is.
    pub shape: Shape,
}

/// What kind of piece a unit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A sentence of a paragraph.
    Sentence,
    /// An item of a list that nothing holds together: it stands on a line of its own.
    Item,
    /// A whole list or table, with its entries, each with the words that lead into it.
    List(Vec<String>),
}

impl Unit {
    /// The entries of a list; none for other pieces.
    pub fn entries(&self) -> &[String] {
        match &self.shape {
            Shape::List(entries) => entries,
            Shape::Sentence | Shape::Item => &[],
        }
    }
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Blank,
    /// A Markdown heading of this depth.
    Heading(usize, &'a str),
    Item,
    Row,
    Text,
}

/// A heading of plain text is a short line alone; longer ones are sentences without a dot.
const HEADING_CHARS: usize = 70;
/// Directly above its text, without a blank line, a heading must be shorter still.
const TIGHT_HEADING_CHARS: usize = 45;
/// Lines of a table-like block ("Saturday: 10:00–17:00") are shorter than wrapped prose.
const SHORT_LINE_CHARS: usize = 55;

/// Cuts `text` into its units, in order.
pub fn cut(text: &str) -> Vec<Unit> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut cutter = Cutter::default();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        match classify(line) {
            Line::Blank => at += 1,
            Line::Heading(depth, title) => {
                cutter.heading(depth, title);
                at += 1;
            }
            Line::Item => {
                let end = end_of_list(&lines, at);
                cutter.list(None, &lines[at..end]);
                at = end;
            }
            Line::Row => {
                let end = run(&lines, at, |line| classify(line) == Line::Row);
                cutter.table(&lines[at..end]);
                at = end;
            }
            Line::Text if plain_heading(&lines, at) => {
                cutter.heading(PLAIN_DEPTH, line.trim().trim_matches('*'));
                at += 1;
            }
            Line::Text => {
                let end = run(&lines, at, |line| classify(line) == Line::Text);
                let next = run(&lines, end, |line| classify(line) == Line::Blank);
                let leads = lines[end - 1].ends_with(':');
                let list = leads && lines.get(next).is_some_and(|l| classify(l) == Line::Item);
                let after = if list { end_of_list(&lines, next) } else { end };
                cutter.prose(&lines[at..end], list.then(|| &lines[next..after]));
                at = after;
            }
        }
    }
    cutter.units
}

/// Plain headings have no depth of their own: they stand below every Markdown heading.
const PLAIN_DEPTH: usize = 7;

#[derive(Default)]
struct Cutter {
    units: Vec<Unit>,
    headings: Vec<(usize, String)>,
    /// The last heading, while it is a question that nothing has answered yet.
    asked: Option<String>,
    paragraph: usize,
}

impl Cutter {
    fn heading(&mut self, depth: usize, title: &str) {
        self.headings.retain(|(above, _)| *above < depth);
        self.headings.push((depth, title.to_owned()));
        self.asked = title.ends_with('?').then(|| title.to_owned());
        self.paragraph += 1;
    }

    fn push(&mut self, text: String, question: Option<String>, shape: Shape) {
        let titles: Vec<&str> = self
            .headings
            .iter()
            .map(|(_, title)| title.as_str())
            .collect();
        self.units.push(Unit {
            text,
            heading: titles.join(": "),
            question,
            paragraph: self.paragraph,
            shape,
        });
    }

    fn prose(&mut self, lines: &[&str], list: Option<&[&str]>) {
        self.paragraph += 1;
        if list.is_none() && is_short_lines(lines) {
            return self.short_lines(lines);
        }
        let paragraph = lines
            .iter()
            .map(|line| line.trim())
            .collect::<Vec<_>>()
            .join(" ");
        let mut sentences = whole(&paragraph, sentences::split(&paragraph));
        let lead = list.and_then(|_| sentences.pop());
        let mut question = self.asked.take();
        for sentence in sentences {
            if sentence.ends_with('?') {
                question = Some(sentence.to_owned());
            } else {
                self.push(sentence.to_owned(), question.take(), Shape::Sentence);
            }
        }
        if let (Some(lead), Some(list)) = (lead, list) {
            self.asked = question;
            self.list(Some(lead), list);
        }
    }

    /// Items that a lead-in or numbers hold together are one unit; others stand for themselves.
    fn list(&mut self, lead: Option<&str>, lines: &[&str]) {
        if lead.is_none() {
            self.paragraph += 1;
        }
        let items = items(lines);
        let question = self.asked.take();
        let numbered = items
            .iter()
            .all(|item| item.starts_with(|c: char| c.is_ascii_digit()));
        if lead.is_none() && !numbered && question.is_none() {
            for item in items {
                self.push(bare(&item).to_owned(), None, Shape::Item);
            }
            return;
        }
        let entries = items
            .iter()
            .map(|item| join(lead, bare(item), " "))
            .collect();
        self.push(
            join(lead, &items.join("\n"), "\n"),
            question,
            Shape::List(entries),
        );
    }

    fn table(&mut self, lines: &[&str]) {
        self.paragraph += 1;
        let question = self.asked.take();
        let cells = |line: &str| -> Vec<String> {
            line.trim()
                .trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        };
        let is_rule = |line: &&&str| line.contains("--");
        let header = match lines.get(1).filter(is_rule) {
            Some(_) => cells(lines[0]),
            None => Vec::new(),
        };
        let body = if header.is_empty() { 0 } else { 2 };
        let entries = lines[body..]
            .iter()
            .map(|line| {
                let named = cells(line).into_iter().enumerate().map(|(column, cell)| {
                    let name = header.get(column).filter(|name| !name.is_empty());
                    name.map_or_else(|| cell.clone(), |name| format!("{name}: {cell}"))
                });
                named.collect::<Vec<_>>().join(", ")
            })
            .collect::<Vec<_>>();
        if !entries.is_empty() {
            self.push(lines.join("\n"), question, Shape::List(entries));
        }
    }

    /// Opening hours and the like: lines that belong together, under their first where it names them.
    fn short_lines(&mut self, lines: &[&str]) {
        let question = self.asked.take();
        let named = lines.len() > 2 && !lines[0].contains(':') || lines[0].ends_with(':');
        let lead = named.then_some(lines[0].trim());
        let entries = lines[usize::from(named)..]
            .iter()
            .map(|line| join(lead, line.trim(), " "))
            .collect();
        let text = lines
            .iter()
            .map(|line| line.trim())
            .collect::<Vec<_>>()
            .join("\n");
        self.push(text, question, Shape::List(entries));
    }
}

/// A sentence of one or two words ("Yes.", "Mountain Time.") says nothing alone: it stays with the
/// one before it, or with the one after it where it comes first.
fn whole<'a>(paragraph: &'a str, sentences: Vec<&'a str>) -> Vec<&'a str> {
    let start = |part: &str| part.as_ptr().addr() - paragraph.as_ptr().addr();
    let mut wholes: Vec<&str> = Vec::new();
    let mut last_is_tiny = false;
    for sentence in sentences {
        let tiny = sentence.split_whitespace().count() < 3 && !sentence.ends_with(['?', ':']);
        match wholes.last_mut() {
            Some(last)
                if (tiny || last_is_tiny && !sentence.ends_with('?')) && !last.ends_with('?') =>
            {
                *last = &paragraph[start(last)..start(sentence) + sentence.len()];
                last_is_tiny = false;
            }
            _ => {
                wholes.push(sentence);
                last_is_tiny = tiny;
            }
        }
    }
    wholes
}

fn join(lead: Option<&str>, text: &str, separator: &str) -> String {
    lead.map_or_else(
        || text.to_owned(),
        |lead| format!("{lead}{separator}{text}"),
    )
}

fn classify(line: &str) -> Line<'_> {
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.chars().all(|c| matches!(c, '-' | '=' | '*' | '_')) {
        return Line::Blank;
    }
    let hashes = trimmed.bytes().take_while(|b| *b == b'#').count();
    if (1..=6).contains(&hashes) && trimmed[hashes..].starts_with(' ') {
        return Line::Heading(
            hashes,
            trimmed[hashes..].trim().trim_end_matches([' ', '#']),
        );
    }
    if trimmed.starts_with('|') {
        return Line::Row;
    }
    if bare(trimmed).len() < trimmed.len() {
        Line::Item
    } else {
        Line::Text
    }
}

/// A list item without its bullet or number; any other line as it is.
fn bare(line: &str) -> &str {
    let trimmed = line.trim_start();
    for bullet in ["- ", "* ", "• ", "– ", "+ "] {
        if let Some(rest) = trimmed.strip_prefix(bullet) {
            return rest.trim_start();
        }
    }
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let letter = usize::from(digits == 0 && trimmed.starts_with(|c: char| c.is_ascii_lowercase()));
    let label = digits + letter;
    if (1..=2).contains(&label) {
        let rest = trimmed[label..].strip_prefix(". ").filter(|_| digits > 0);
        if let Some(rest) = rest.or_else(|| trimmed[label..].strip_prefix(") ")) {
            return rest.trim_start();
        }
    }
    trimmed
}

/// The index after the lines from `at` on that satisfy `is`.
fn run(lines: &[&str], at: usize, is: impl Fn(&str) -> bool) -> usize {
    at + lines[at..].iter().take_while(|line| is(line)).count()
}

/// A list goes on over indented lines, and over one blank line before a further item.
fn end_of_list(lines: &[&str], at: usize) -> usize {
    let mut end = at;
    while end < lines.len() {
        let continues = lines[end].starts_with([' ', '\t']) && end > at;
        let line = classify(lines[end]);
        let gap = line == Line::Blank
            && lines
                .get(end + 1)
                .is_some_and(|next| classify(next) == Line::Item);
        if !(line == Line::Item || continues && line == Line::Text || gap) {
            break;
        }
        end += 1;
    }
    end
}

/// Joins wrapped lines of items, one string for each item.
fn items(lines: &[&str]) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in lines {
        match (classify(line), items.last_mut()) {
            (Line::Blank, _) => {}
            (Line::Text, Some(item)) => {
                item.push(' ');
                item.push_str(line.trim());
            }
            _ => items.push(line.trim().to_owned()),
        }
    }
    items
}

/// Whether the text line at `at` is a heading: short, alone, and with something below it.
fn plain_heading(lines: &[&str], at: usize) -> bool {
    let line = lines[at].trim();
    let bold = line.len() > 4 && line.starts_with("**") && line.ends_with("**");
    let first = at == 0 || classify(lines[at - 1]) == Line::Blank;
    let below = lines.get(at + 1).map_or(Line::Blank, |next| classify(next));
    let something_below = lines[at + 1..]
        .iter()
        .any(|line| classify(line) != Line::Blank);
    let chars = line.chars().count();
    let open_ended = !line.ends_with(['.', '!', ':', ';', ',', '…']);
    if !something_below || !first && !bold {
        return false;
    }
    if bold {
        return chars <= HEADING_CHARS;
    }
    match below {
        Line::Blank => open_ended && chars <= HEADING_CHARS,
        Line::Item => open_ended && chars <= HEADING_CHARS,
        Line::Text => {
            // Wrapped prose goes on in lower case or fills its line; short lines in a row are
            // a block of their own.
            let below = lines[at + 1].trim();
            let prose_below = below.chars().count() > SHORT_LINE_CHARS || below.ends_with('.');
            open_ended
                && chars <= TIGHT_HEADING_CHARS
                && prose_below
                && below.starts_with(|c: char| !c.is_lowercase())
        }
        Line::Heading(..) | Line::Row => open_ended && chars <= HEADING_CHARS,
    }
}

/// Two or more short lines, none of them a sentence or a wrapped one.
fn is_short_lines(lines: &[&str]) -> bool {
    lines.len() > 1
        && lines.iter().all(|line| {
            let line = line.trim();
            line.chars().count() <= SHORT_LINE_CHARS
                && !line.ends_with(['.', '!', '?', ','])
                && line.starts_with(|c: char| !c.is_lowercase())
        })
}

#[cfg(test)]
#[path = "units_tests.rs"]
mod tests;
