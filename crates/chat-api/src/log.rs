//! The log of a channel: what was said and what changed, in one dense order.

use chrono::{DateTime, Utc};
use common::telemetry::Personal;
use ids::{ChannelId, TeamId, TurnId, UserId};
use rest::{Check, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Body, NewBody, OwnerState, Priority};

/// Who said or did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SenderKind {
    /// The customer.
    Visitor,
    /// The AI agent.
    Agent,
    /// A person of the company.
    User,
    /// The product itself: a channel that opened, or closed for idleness.
    System,
}

impl SenderKind {
    /// The kind as JSON spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Agent => "agent",
            Self::User => "user",
            Self::System => "system",
        }
    }
}

/// Who said or did it, by kind and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sender {
    /// What kind of participant.
    pub kind: SenderKind,
    /// The visitor's, agent's or user's id; the system has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name to show, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Personal<String>>,
}

/// What kind of entry it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Something said.
    Message,
    /// Something that only people of the company see.
    Note,
    /// A change of the owner state.
    State,
    /// Another text for an earlier message or note.
    Edit,
    /// An earlier message or note is taken back.
    Delete,
    /// A sign that somebody sets on an earlier message, or takes off it.
    Reaction,
    /// Anything else that changed.
    Change,
}

impl EntryKind {
    /// The kind as JSON spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Note => "note",
            Self::State => "state",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::Reaction => "reaction",
            Self::Change => "change",
        }
    }
}

/// What an entry of the kind `change` changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Change {
    /// Who takes care of it: a person, a team, both, or nobody in particular.
    Assigned {
        /// The person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_id: Option<UserId>,
        /// The team.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team_id: Option<TeamId>,
    },
    /// Its labels.
    Labelled {
        /// All that it has from here, sorted.
        labels: Vec<String>,
    },
    /// How much it presses.
    Prioritised {
        /// From here.
        priority: Priority,
    },
    /// It sleeps, or wakes.
    Snoozed {
        /// Until then; awake when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<DateTime<Utc>>,
    },
    /// Somebody of the company takes part.
    Joined {
        /// Who.
        user_id: UserId,
    },
    /// Somebody of the company takes part no more.
    Left {
        /// Who.
        user_id: UserId,
    },
    /// It goes on in another channel.
    Merged {
        /// Where.
        into: ChannelId,
    },
    /// Another channel goes on here.
    Absorbed {
        /// Which.
        from: ChannelId,
    },
    /// A merge was undone.
    Unmerged {
        /// The other channel.
        other: ChannelId,
    },
    /// The visitor says how it was. The words, if any, are the entry's `body`.
    Rated {
        /// From 1, bad, to 5, good.
        score: u8,
    },
    /// The visitor says whether an answer helped. The answer is the entry's `of_seq`.
    Helpful {
        /// Whether it did; absent takes the word back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        helpful: Option<bool>,
    },
    /// The visitor agreed to a text.
    Consented {
        /// Its version.
        version: i64,
    },
}

impl Change {
    /// What changes, as JSON spells it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Assigned { .. } => "assigned",
            Self::Labelled { .. } => "labelled",
            Self::Prioritised { .. } => "prioritised",
            Self::Snoozed { .. } => "snoozed",
            Self::Joined { .. } => "joined",
            Self::Left { .. } => "left",
            Self::Merged { .. } => "merged",
            Self::Absorbed { .. } => "absorbed",
            Self::Unmerged { .. } => "unmerged",
            Self::Rated { .. } => "rated",
            Self::Helpful { .. } => "helpful",
            Self::Consented { .. } => "consented",
        }
    }

    /// Whether only people of the company see it.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        match self {
            Self::Labelled { .. }
            | Self::Prioritised { .. }
            | Self::Snoozed { .. }
            | Self::Joined { .. }
            | Self::Left { .. } => true,
            Self::Assigned { .. }
            | Self::Merged { .. }
            | Self::Absorbed { .. }
            | Self::Unmerged { .. }
            | Self::Rated { .. }
            | Self::Helpful { .. }
            | Self::Consented { .. } => false,
        }
    }
}

/// One entry of a channel's log. The log only grows: what is edited or taken back is so by a later
/// entry, and the earlier one is given as it stands then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// The channel.
    pub channel_id: ChannelId,
    /// Its place: dense from 1, so a gap is a fault. Visitors do not get private entries, so that
    /// numbers may be missing for them.
    pub seq: i64,
    /// What kind of entry it is.
    pub kind: EntryKind,
    /// Who said or did it.
    pub sender: Sender,
    /// Whether only people of the company see it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// The sender's own id of a message: a repeated send is the same message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What a message or a note says, as it stands now; the new text of an edit; the words of a rating.
    /// Absent once it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// The new owner, when the entry is a change of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerState>,
    /// Why the owner changed, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a change of owner: how many times the conversation was opened up to here, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<i64>,
    /// The message or note that an edit, a deletion, a reaction or a `helpful` is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_seq: Option<i64>,
    /// The sign of a reaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
    /// Whether a reaction is set or taken off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<bool>,
    /// What a change changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// When the text of this message became what it is, if it was edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<DateTime<Utc>>,
    /// When this message was taken back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime<Utc>>,
    /// The `seq` of the last change of owner up to here.
    pub owner_version: i64,
    /// The turn that an AI message ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<TurnId>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

impl Entry {
    /// An entry that says and changes nothing yet.
    #[must_use]
    pub const fn new(
        (channel_id, seq): (ChannelId, i64),
        kind: EntryKind,
        sender: Sender,
        owner_version: i64,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            channel_id,
            seq,
            kind,
            sender,
            private: false,
            client_id: None,
            body: None,
            owner: None,
            reason: None,
            episode: None,
            of_seq: None,
            emoji: None,
            on: None,
            change: None,
            edited_at: None,
            deleted_at: None,
            owner_version,
            turn_id: None,
            created_at,
        }
    }
}

/// What of the two kinds that people write it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// The other side reads it.
    #[default]
    Message,
    /// Only people of the company read it, and only they write it.
    Note,
}

/// A message to be sent by REST.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// Any string that is unique among the sender's messages of the channel.
    #[schema(min_length = 1, max_length = 64)]
    pub client_id: String,
    /// Whether it is a message or a note.
    #[serde(default)]
    pub kind: Written,
    /// What it says.
    pub body: NewBody,
}

impl Validate for NewMessage {
    fn validate(&self, check: &mut Check) {
        check.line("/client_id", &self.client_id, 1..=64);
        self.body.validate(check);
        if self.kind == Written::Message && !self.body.mentions.is_empty() {
            check.fault("/body/mentions", "only notes mention people");
        }
    }
}

/// Another text for a message or note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditMessage {
    /// What it says from now on. Its attachments stay.
    #[schema(value_type = String, min_length = 1, max_length = 10_000)]
    pub text: Personal<String>,
}

impl Validate for EditMessage {
    fn validate(&self, check: &mut Check) {
        check.text("/text", self.text.expose(), 1..=crate::MAX_TEXT);
    }
}

/// Whether an answer helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetHelpful {
    /// Whether it did; null takes the word back.
    pub helpful: Option<bool>,
}

impl Validate for SetHelpful {
    fn validate(&self, _: &mut Check) {}
}
