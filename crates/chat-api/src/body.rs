//! What a message says: its text, the tree that clients draw, and what hangs on it.

use common::telemetry::Personal;
use ids::{AttachmentId, DocumentId, UserId};
use rest::{Check, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest text of a message, in characters.
pub const MAX_TEXT: usize = 10_000;
/// Attachments of one message.
pub const MAX_ATTACHMENTS: usize = 10;
/// People whom one note mentions.
pub const MAX_MENTIONS: usize = 20;

/// What a message says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// The text as it was written, which is Markdown. Clients that draw no `blocks` show it as text,
    /// never as HTML. Empty only beside attachments.
    #[schema(value_type = String, max_length = 10_000)]
    pub text: Personal<String>,
    /// The text as a tree, which the server parsed; absent when it is plain paragraphs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Block>,
    /// Files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Answers that the agent offers; choosing one sends its text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quick_replies: Vec<QuickReply>,
    /// Things that the agent shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cards: Vec<Card>,
    /// People of the company whom a note calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<UserId>,
    /// What an answer of the AI rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// The AI could not answer, or was asked for a person: offer one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub offers_person: bool,
}

impl Body {
    /// A message that is nothing but text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: Personal::new(text.into()),
            ..Self::default()
        }
    }
}

/// What somebody writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBody {
    /// The text, which is Markdown. It may be empty beside attachments.
    #[serde(default)]
    #[schema(value_type = String, max_length = 10_000)]
    pub text: Personal<String>,
    /// Files that the sender uploaded into this channel and has not sent yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 10)]
    pub attachment_ids: Vec<AttachmentId>,
    /// People of the company whom a note calls; only in notes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub mentions: Vec<UserId>,
}

impl NewBody {
    /// Nothing but text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: Personal::new(text.into()),
            ..Self::default()
        }
    }
}

impl Validate for NewBody {
    fn validate(&self, check: &mut Check) {
        let least = usize::from(self.attachment_ids.is_empty());
        check.text("/body/text", self.text.expose(), least..=MAX_TEXT);
        if self.attachment_ids.len() > MAX_ATTACHMENTS {
            let detail = format!("{MAX_ATTACHMENTS} at most");
            check.fault("/body/attachment_ids", detail);
        }
        if self.mentions.len() > MAX_MENTIONS {
            check.fault("/body/mentions", format!("{MAX_MENTIONS} at most"));
        }
    }
}

/// Where an answer comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// The number by which the text cites it: `[n]`.
    pub n: u32,
    /// The title of the document.
    pub title: String,
    /// Where a person can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_id: Option<DocumentId>,
    /// The words that the answer rests on.
    pub quote: String,
}

/// A file of a message. Its bytes are at `/attachments/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attachment {
    /// The file.
    pub id: AttachmentId,
    /// The name that it was uploaded under, without any folder.
    #[schema(value_type = String)]
    pub name: Personal<String>,
    /// What it is, by its bytes and not by its name: `image/png`.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
    /// Pixels across, of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i32>,
    /// Pixels down, of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i32>,
    /// Whether `/attachments/{id}/thumbnail` has a small picture of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub thumbnail: bool,
}

/// An answer that the agent offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuickReply {
    /// What the button says and what choosing it sends.
    #[schema(min_length = 1, max_length = 80)]
    pub text: String,
}

/// Something that the agent shows, such as a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Its name.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub text: Option<String>,
    /// Where it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A block of a text. Drawn by the client as elements of its own; no part of it is ever HTML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// A paragraph.
    Paragraph {
        /// Its words.
        spans: Vec<Span>,
    },
    /// A heading.
    Heading {
        /// From 1 to 6.
        level: u8,
        /// Its words.
        spans: Vec<Span>,
    },
    /// A list.
    List {
        /// The number of its first item; a list without numbers has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<u64>,
        /// Its items.
        #[schema(no_recursion)]
        items: Vec<Vec<Block>>,
    },
    /// A piece of code, or anything else whose spaces count.
    Code {
        /// The language, as the writer named it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<String>,
        /// The code.
        #[schema(value_type = String)]
        text: Personal<String>,
    },
    /// A quotation.
    Quote {
        /// What is quoted.
        #[schema(no_recursion)]
        blocks: Vec<Block>,
    },
    /// A line across.
    Rule,
}

/// Words within a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Span {
    /// Words.
    Text {
        /// The words.
        #[schema(value_type = String)]
        text: Personal<String>,
    },
    /// Words that weigh more.
    Strong {
        /// The words.
        #[schema(no_recursion)]
        spans: Vec<Span>,
    },
    /// Words that are stressed.
    Emphasis {
        /// The words.
        #[schema(no_recursion)]
        spans: Vec<Span>,
    },
    /// Words that no longer hold.
    Strike {
        /// The words.
        #[schema(no_recursion)]
        spans: Vec<Span>,
    },
    /// Code within a line.
    Code {
        /// The code.
        #[schema(value_type = String)]
        text: Personal<String>,
    },
    /// A link.
    Link {
        /// Where it leads: `http`, `https` or `mailto`, nothing else.
        #[schema(value_type = String)]
        href: Personal<String>,
        /// What it says.
        #[schema(no_recursion)]
        spans: Vec<Span>,
    },
    /// A new line.
    Break,
}
