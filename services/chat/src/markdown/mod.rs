//! Markdown as a tree.
//!
//! The server parses a text once, when it is written, and clients draw the tree with elements of their
//! own: no client ever makes HTML of a message. CommonMark with strikethrough; raw HTML is text, an image
//! is a link, a link leads to `http`, `https` or `mailto`, and a bare address of the web is a link.

mod links;
mod tree;

#[cfg(test)]
mod tests;

use chat_api::Block;
use pulldown_cmark::{Options, Parser};

use self::tree::Tree;

/// Containers and the words in them, one inside the other.
const NESTING: usize = 8;
/// Blocks and spans of one text.
const NODES: usize = 2_000;

/// The tree of `text`; empty when it is plain paragraphs, and when it nests deeper or has more parts than
/// a client should have to draw. Clients show the text itself then.
#[must_use]
pub fn parse(text: &str) -> Vec<Block> {
    let mut tree = Tree::default();
    for event in Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH) {
        if tree.take(event).is_none() {
            return Vec::new();
        }
    }
    tree.finish()
        .filter(|blocks| !is_plain(blocks, text))
        .unwrap_or_default()
}

/// Whether the tree says no more than the text.
fn is_plain(blocks: &[Block], text: &str) -> bool {
    tree::plain_text(blocks).is_some_and(|plain| {
        let shown = plain.chars().filter(|c| !c.is_whitespace());
        shown.eq(text.chars().filter(|c| !c.is_whitespace()))
    })
}
