//! The frames of `/ws/chat`: JSON objects with a `type`.

use chrono::{DateTime, Utc};
use common::ErrorCode;
use ids::{ChannelId, TurnId};
use serde::{Deserialize, Serialize};

use crate::{
    Body, Change, ChannelSummary, Counts, Entry, EntryKind, NewBody, OwnerState, QueuePlace,
    Sender, Viewer, Written,
};

/// The WebSocket subprotocol of these frames.
pub const SUBPROTOCOL: &str = "syntera.v1";
/// Browsers cannot send headers, so the token is offered as a subprotocol with this prefix.
pub const BEARER_PREFIX: &str = "bearer.";
/// The close code of a socket whose token expired or whose session was revoked.
pub const CLOSE_UNAUTHENTICATED: u16 = 4401;
/// The close code of a socket that did not read fast enough; it may connect again and resume.
pub const CLOSE_TOO_SLOW: u16 = 4408;

/// Where a client stands in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The channel.
    pub channel: ChannelId,
    /// The highest `seq` that the client has; 0 for none.
    #[serde(default)]
    pub after_seq: i64,
}

/// A frame from a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientFrame {
    /// Begins the conversation with the server, and resumes what the client had.
    Hello {
        /// The channels that the client had.
        #[serde(default)]
        resume: Vec<Resume>,
    },
    /// Asks for a channel's entries, past and to come.
    Subscribe {
        /// The channel.
        channel: ChannelId,
        /// The highest `seq` that the client has; 0 for none.
        #[serde(default)]
        after_seq: i64,
    },
    /// Sends a message.
    Send {
        /// The channel.
        channel: ChannelId,
        /// Any string that is unique among the sender's messages of the channel.
        client_id: String,
        /// Whether it is a message or a note.
        #[serde(default)]
        kind: Written,
        /// What it says.
        body: NewBody,
    },
    /// Tells whether somebody types.
    Typing {
        /// The channel.
        channel: ChannelId,
        /// Whether they do.
        on: bool,
    },
    /// Tells how far somebody has read.
    Read {
        /// The channel.
        channel: ChannelId,
        /// The last entry that was read.
        seq: i64,
    },
    /// Tells whether a person of the company looks at a channel that they follow.
    Viewing {
        /// The channel.
        channel: ChannelId,
        /// Whether they do.
        on: bool,
    },
    /// Asks for the inbox as it changes, or for no more of it. Only people of the company.
    Watch {
        /// Whether to send it.
        on: bool,
    },
    /// Renews the token.
    Auth {
        /// The new access token, of the same person or visitor.
        token: String,
    },
}

/// An entry inside a `message` or `state` frame: the entry, with `channel` for `channel_id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryFrame {
    /// The channel.
    pub channel: ChannelId,
    /// The entry's place.
    pub seq: i64,
    /// What kind of entry it is.
    pub kind: EntryKind,
    /// Who said or did it.
    pub sender: Sender,
    /// Whether only people of the company see it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// The sender's own id of a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What a message or note says; the new text of an edit; the words of a rating.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// The new owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerState>,
    /// Why the owner changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a change of owner: how many times the conversation was opened up to here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<i64>,
    /// The message that an edit, a deletion, a reaction or a `helpful` is about.
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
    /// The last change of owner up to here.
    pub owner_version: i64,
    /// The turn that an AI message ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<TurnId>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

impl From<Entry> for EntryFrame {
    fn from(entry: Entry) -> Self {
        Self {
            channel: entry.channel_id,
            seq: entry.seq,
            kind: entry.kind,
            sender: entry.sender,
            private: entry.private,
            client_id: entry.client_id,
            body: entry.body,
            owner: entry.owner,
            reason: entry.reason,
            episode: entry.episode,
            of_seq: entry.of_seq,
            emoji: entry.emoji,
            on: entry.on,
            change: entry.change,
            edited_at: entry.edited_at,
            deleted_at: entry.deleted_at,
            owner_version: entry.owner_version,
            turn_id: entry.turn_id,
            created_at: entry.created_at,
        }
    }
}

/// A frame from the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The answer to `hello`.
    Ready {
        /// The server pings this often.
        heartbeat_seconds: u64,
    },
    /// The answer to a resumed or subscribed channel; the entries follow.
    Subscribed {
        /// The channel.
        channel: ChannelId,
        /// The last entry.
        head_seq: i64,
        /// Who answers.
        owner: OwnerState,
        /// The last change of owner.
        owner_version: i64,
    },
    /// What the client missed is no longer kept before `oldest_seq`; the entries go on there.
    Expired {
        /// The channel.
        channel: ChannelId,
        /// The first entry that follows.
        oldest_seq: i64,
    },
    /// A message is in the log.
    Ack {
        /// The channel.
        channel: ChannelId,
        /// The sender's id of it.
        client_id: String,
        /// Its place.
        seq: i64,
    },
    /// An entry that says something.
    Message(Box<EntryFrame>),
    /// An entry that only people of the company see.
    Note(Box<EntryFrame>),
    /// An entry that changes the owner.
    State(Box<EntryFrame>),
    /// Another text for an earlier entry.
    Edit(Box<EntryFrame>),
    /// An earlier entry is taken back.
    Delete(Box<EntryFrame>),
    /// A sign on an earlier entry.
    Reaction(Box<EntryFrame>),
    /// An entry that changes something else.
    Change(Box<EntryFrame>),
    /// A piece of an answer that is being written.
    #[serde(rename = "message.delta")]
    MessageDelta {
        /// The channel.
        channel: ChannelId,
        /// The turn.
        turn_id: TurnId,
        /// The attempt: pieces of a lower one than seen are to be dropped.
        epoch: i64,
        /// The change of owner that it was started under.
        owner_version: i64,
        /// UTF-16 code units of the text before this piece; 0 begins anew.
        offset: u64,
        /// The piece.
        delta: String,
    },
    /// The text that was streamed so far is void.
    #[serde(rename = "message.aborted")]
    MessageAborted {
        /// The channel.
        channel: ChannelId,
        /// The turn.
        turn_id: TurnId,
        /// The attempt.
        epoch: i64,
    },
    /// Somebody types, or stopped.
    Typing {
        /// The channel.
        channel: ChannelId,
        /// Who.
        sender: Sender,
        /// Whether they do.
        on: bool,
    },
    /// Somebody has read this far.
    Read {
        /// The channel.
        channel: ChannelId,
        /// Who.
        sender: Sender,
        /// The last entry that was read.
        seq: i64,
    },
    /// Who of the company looks at a channel now. Only for people of the company.
    Presence {
        /// The channel.
        channel: ChannelId,
        /// All of them.
        people: Vec<Viewer>,
    },
    /// Where the visitor stands who waits for a person.
    Queue {
        /// The channel.
        channel: ChannelId,
        /// The place.
        #[serde(flatten)]
        place: QueuePlace,
    },
    /// A channel of the inbox as it stands now. Only for people of the company who watch.
    Inbox {
        /// The channel.
        channel: Box<ChannelSummary>,
    },
    /// How many channels there are now. Only for people of the company who watch.
    Counts {
        /// The numbers.
        counts: Counts,
    },
    /// The token was renewed.
    Authenticated {
        /// When the new one ends.
        expires_at: DateTime<Utc>,
    },
    /// A frame could not be accepted; the socket stays open.
    Error {
        /// What programs switch on.
        code: ErrorCode,
        /// What is wrong, in words.
        detail: String,
        /// The channel of the frame.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<ChannelId>,
        /// The `client_id` of the frame.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_id: Option<String>,
    },
}

impl From<Entry> for ServerFrame {
    fn from(entry: Entry) -> Self {
        match entry.kind {
            EntryKind::Message => Self::Message(Box::new(entry.into())),
            EntryKind::Note => Self::Note(Box::new(entry.into())),
            EntryKind::State => Self::State(Box::new(entry.into())),
            EntryKind::Edit => Self::Edit(Box::new(entry.into())),
            EntryKind::Delete => Self::Delete(Box::new(entry.into())),
            EntryKind::Reaction => Self::Reaction(Box::new(entry.into())),
            EntryKind::Change => Self::Change(Box::new(entry.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    const CLIENT: [&str; 8] = [
        "auth",
        "hello",
        "read",
        "send",
        "subscribe",
        "typing",
        "viewing",
        "watch",
    ];
    const SERVER: [&str; 21] = [
        "ack",
        "authenticated",
        "change",
        "counts",
        "delete",
        "edit",
        "error",
        "expired",
        "inbox",
        "message",
        "message.aborted",
        "message.delta",
        "note",
        "presence",
        "queue",
        "reaction",
        "read",
        "ready",
        "state",
        "subscribed",
        "typing",
    ];

    /// A new frame does not compile here until it has a name, and then wants its place in the lists.
    fn client_name(frame: &ClientFrame) -> &'static str {
        match frame {
            ClientFrame::Auth { .. } => CLIENT[0],
            ClientFrame::Hello { .. } => CLIENT[1],
            ClientFrame::Read { .. } => CLIENT[2],
            ClientFrame::Send { .. } => CLIENT[3],
            ClientFrame::Subscribe { .. } => CLIENT[4],
            ClientFrame::Typing { .. } => CLIENT[5],
            ClientFrame::Viewing { .. } => CLIENT[6],
            ClientFrame::Watch { .. } => CLIENT[7],
        }
    }

    fn server_name(frame: &ServerFrame) -> &'static str {
        match frame {
            ServerFrame::Ack { .. } => SERVER[0],
            ServerFrame::Authenticated { .. } => SERVER[1],
            ServerFrame::Change(_) => SERVER[2],
            ServerFrame::Counts { .. } => SERVER[3],
            ServerFrame::Delete(_) => SERVER[4],
            ServerFrame::Edit(_) => SERVER[5],
            ServerFrame::Error { .. } => SERVER[6],
            ServerFrame::Expired { .. } => SERVER[7],
            ServerFrame::Inbox { .. } => SERVER[8],
            ServerFrame::Message(_) => SERVER[9],
            ServerFrame::MessageAborted { .. } => SERVER[10],
            ServerFrame::MessageDelta { .. } => SERVER[11],
            ServerFrame::Note(_) => SERVER[12],
            ServerFrame::Presence { .. } => SERVER[13],
            ServerFrame::Queue { .. } => SERVER[14],
            ServerFrame::Reaction(_) => SERVER[15],
            ServerFrame::Read { .. } => SERVER[16],
            ServerFrame::Ready { .. } => SERVER[17],
            ServerFrame::State(_) => SERVER[18],
            ServerFrame::Subscribed { .. } => SERVER[19],
            ServerFrame::Typing { .. } => SERVER[20],
        }
    }

    fn document() -> Value {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../openapi/chat.asyncapi.json"
        );
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    /// The messages of an operation of the AsyncAPI document, with their references followed.
    fn messages(document: &Value, operation: &str) -> Vec<Value> {
        let follow = |reference: &Value| {
            let pointer = reference["$ref"].as_str().unwrap().trim_start_matches('#');
            let found = document.pointer(pointer);
            found.unwrap_or_else(|| panic!("{pointer}")).clone()
        };
        let listed = document["operations"][operation]["messages"].as_array();
        listed
            .unwrap()
            .iter()
            .map(|one| follow(&follow(one)))
            .collect()
    }

    #[test]
    fn the_asyncapi_document_has_every_frame_with_an_example_that_is_one() {
        let document = document();
        let mut seen = BTreeSet::new();
        for message in messages(&document, "sendFrame") {
            let example = &message["examples"][0]["payload"];
            let frame: ClientFrame = serde_json::from_value(example.clone()).unwrap();
            assert_eq!(message["name"], client_name(&frame));
            assert_eq!(
                message["payload"]["properties"]["type"]["const"],
                client_name(&frame)
            );
            assert_eq!(&serde_json::to_value(&frame).unwrap(), example);
            seen.insert(client_name(&frame));
        }
        assert_eq!(seen, BTreeSet::from(CLIENT));
        let mut seen = BTreeSet::new();
        for message in messages(&document, "receiveFrame") {
            let example = &message["examples"][0]["payload"];
            let frame: ServerFrame = serde_json::from_value(example.clone()).unwrap();
            assert_eq!(message["name"], server_name(&frame));
            assert_eq!(
                message["payload"]["properties"]["type"]["const"],
                server_name(&frame)
            );
            assert_eq!(&serde_json::to_value(&frame).unwrap(), example);
            // Every field that the frame has is documented.
            for field in example.as_object().unwrap().keys() {
                assert!(
                    message["payload"]["properties"].get(field).is_some(),
                    "{field}"
                );
            }
            seen.insert(server_name(&frame));
        }
        assert_eq!(seen, BTreeSet::from(SERVER));
    }

    #[test]
    fn frames_with_unknown_fields_are_refused() {
        for text in [
            r#"{"type":"hello","resume":[],"admin":true}"#,
            r#"{"type":"typing","channel":"01890a5d-ac96-774b-bcce-b302099a8057","on":true,"as":"x"}"#,
            r#"{"type":"dance"}"#,
            r#"{}"#,
        ] {
            assert!(serde_json::from_str::<ClientFrame>(text).is_err(), "{text}");
        }
        let hello: ClientFrame = serde_json::from_str(r#"{"type":"hello"}"#).unwrap();
        assert_eq!(hello, ClientFrame::Hello { resume: Vec::new() });
    }
}
