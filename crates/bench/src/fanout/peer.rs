//! What each server speaks: its upgrade, its frames, and what they mean.

use std::{borrow::Cow, net::SocketAddr};

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::json;
use tokio_tungstenite::tungstenite::ClientRequestBuilder;

/// The part of nchan's paths that lets people in, and one that does not.
const OPEN: &str = "people";
const SHUT: &str = "nobody";

/// A server that is put under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// Our chat service.
    Chat,
    /// The server on the library centrifuge.
    Centrifuge,
    /// nginx with the module nchan.
    Nchan,
}

/// A room, as a socket names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) id: &'a str,
    /// The place of its last entry; of chat's rooms only.
    pub(super) head: i64,
}

/// What a socket is opened for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task<'a> {
    Follow(Name<'a>),
    /// A socket that sends, into this room and others.
    Send(Name<'a>),
}

/// What a line means to whoever gets it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    /// Something new in the room: its place, where the server tells it, and the text of a message.
    Entry {
        seq: Option<i64>,
        text: Option<Cow<'a, str>>,
    },
    /// The server knows who it is.
    Greeted,
    /// The socket follows the room, whose last entry has this place, where the server tells it.
    Joined { seq: Option<i64> },
    /// What was sent was taken.
    Accepted,
    /// The server wants to know whether we are there.
    Ping,
    /// Nothing that matters here.
    Other,
}

/// A frame of chat, as far as it matters.
#[derive(Deserialize)]
struct ChatFrame<'a> {
    #[serde(borrow, rename = "type")]
    what: Cow<'a, str>,
    seq: Option<i64>,
    #[serde(borrow)]
    body: Option<Said<'a>>,
    #[serde(borrow)]
    code: Option<Cow<'a, str>>,
}

/// A reply or a push of centrifuge's JSON protocol.
#[derive(Deserialize)]
struct Reply<'a> {
    id: Option<u32>,
    #[serde(borrow)]
    push: Option<Push<'a>>,
    subscribe: Option<Subscribed>,
    error: Option<Refused>,
}

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow, rename = "pub")]
    publication: Option<Publication<'a>>,
}

#[derive(Deserialize)]
struct Publication<'a> {
    #[serde(borrow)]
    data: Said<'a>,
    offset: i64,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Subscribed {
    #[serde(default)]
    offset: i64,
}

#[derive(Deserialize)]
struct Refused {
    code: u32,
}

/// centrifuge's commands are answered under the number that the client gave them.
const CONNECT: u32 = 1;
const SUBSCRIBE: u32 = 2;
const PUBLISH: u32 = 3;

impl Peer {
    /// The request that opens a socket. nchan knows no tokens; whoever has none takes another path.
    pub(super) fn request(
        self,
        address: SocketAddr,
        (task, token): (Task<'_>, &str),
    ) -> anyhow::Result<ClientRequestBuilder> {
        let path = match (self, task) {
            (Self::Chat, _) => "/ws/chat".to_owned(),
            (Self::Centrifuge, _) => "/connection/websocket".to_owned(),
            (Self::Nchan, Task::Follow(room)) => format!("/follow/{}/{}", door(token), room.id),
            (Self::Nchan, Task::Send(room)) => format!("/publish/{}/{}", door(token), room.id),
        };
        let uri = format!("ws://{address}{path}").parse()?;
        let request = ClientRequestBuilder::new(uri);
        Ok(match self {
            Self::Chat => request
                .with_header("Authorization", format!("Bearer {token}"))
                .with_sub_protocol("syntera.v1"),
            Self::Centrifuge | Self::Nchan => request,
        })
    }

    /// The first frame on a socket; none where the path has said everything.
    pub(super) fn hello(self, task: Task<'_>, token: &str) -> Option<String> {
        match (self, task) {
            (Self::Chat, Task::Follow(room)) => {
                let resume = json!([{ "channel": room.id, "after_seq": room.head }]);
                Some(json!({ "type": "hello", "resume": resume }).to_string())
            }
            (Self::Chat, Task::Send(_)) => Some(json!({ "type": "hello" }).to_string()),
            (Self::Centrifuge, task) => {
                let connect = json!({ "id": CONNECT, "connect": { "token": token } });
                let Task::Follow(room) = task else {
                    return Some(connect.to_string());
                };
                let subscribe = json!({ "id": SUBSCRIBE, "subscribe": { "channel": room.id } });
                Some(format!("{connect}\n{subscribe}"))
            }
            (Self::Nchan, _) => None,
        }
    }

    /// The frame that says something in a room.
    pub(super) fn say(self, room: &str, client_id: &str, text: &str) -> String {
        match self {
            Self::Chat => json!({
                "type": "send", "channel": room, "client_id": client_id, "body": { "text": text },
            })
            .to_string(),
            Self::Centrifuge => json!({
                "id": PUBLISH, "publish": { "channel": room, "data": { "text": text } },
            })
            .to_string(),
            Self::Nchan => text.to_owned(),
        }
    }

    /// The answer to [`Heard::Ping`].
    pub(super) const fn pong(self) -> &'static str {
        "{}"
    }

    /// Reads one line of a frame.
    ///
    /// # Errors
    /// When the server refuses something, or says what it does not speak.
    pub(super) fn hear(self, line: &str) -> anyhow::Result<Heard<'_>> {
        match self {
            Self::Chat => chat(line),
            Self::Centrifuge => centrifuge(line),
            Self::Nchan => Ok(nchan(line)),
        }
        .with_context(|| line.to_owned())
    }

    /// A token that must be refused: with one character of its signature changed, or none at all.
    pub(super) fn tampered(self, token: &str) -> String {
        if self == Self::Nchan {
            return String::new();
        }
        // Not the last one: some of its bits mean nothing.
        let (head, tail) = token.split_at(token.len() - 10);
        let other = if tail.starts_with('A') { 'B' } else { 'A' };
        format!("{head}{other}{}", &tail[1..])
    }

    /// What the refusals of a tampered and of a stranger's token say. nchan knows no strangers.
    pub(super) const fn refusals(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Chat => ("401", Some("not_found")),
            Self::Centrifuge => ("3500", Some("refused with 103")),
            Self::Nchan => ("403", None),
        }
    }
}

const fn door(token: &str) -> &'static str {
    if token.is_empty() { SHUT } else { OPEN }
}

fn chat(line: &str) -> anyhow::Result<Heard<'_>> {
    let frame: ChatFrame<'_> = serde_json::from_str(line)?;
    Ok(match frame.what.as_ref() {
        "message" => Heard::Entry {
            seq: frame.seq,
            text: frame.body.map(|body| body.text),
        },
        "note" | "state" | "edit" | "delete" | "reaction" | "change" => Heard::Entry {
            seq: frame.seq,
            text: None,
        },
        "ready" => Heard::Greeted,
        "subscribed" => Heard::Joined { seq: None },
        "ack" => Heard::Accepted,
        "error" => bail!("refused with {}", frame.code.unwrap_or_default()),
        _ => Heard::Other,
    })
}

fn centrifuge(line: &str) -> anyhow::Result<Heard<'_>> {
    let reply: Reply<'_> = serde_json::from_str(line)?;
    if let Some(refused) = reply.error {
        bail!("refused with {}", refused.code);
    }
    let publication = reply.push.and_then(|push| push.publication);
    Ok(match (reply.id, publication, reply.subscribe) {
        (_, Some(publication), _) => Heard::Entry {
            seq: Some(publication.offset),
            text: Some(publication.data.text),
        },
        (Some(_), _, Some(subscribed)) => Heard::Joined {
            seq: Some(subscribed.offset),
        },
        (Some(CONNECT), ..) => Heard::Greeted,
        (Some(PUBLISH), ..) => Heard::Accepted,
        (None, ..) if line.trim() == "{}" => Heard::Ping,
        _ => Heard::Other,
    })
}

/// Messages come as they were sent; whoever publishes is told four lines about the channel.
fn nchan(line: &str) -> Heard<'_> {
    let about = |name: &str| line.starts_with(name);
    if about("queued messages: ") {
        Heard::Accepted
    } else if [
        "last requested: ",
        "active subscribers: ",
        "last message id: ",
    ]
    .into_iter()
    .any(about)
    {
        Heard::Other
    } else {
        Heard::Entry {
            seq: None,
            text: Some(line.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Name<'_> = Name { id: "w:1", head: 7 };

    fn entry(seq: Option<i64>, text: &str) -> Heard<'_> {
        Heard::Entry {
            seq,
            text: Some(text.into()),
        }
    }

    #[test]
    fn frames_of_chat() {
        let hear = |line| Peer::Chat.hear(line).unwrap();
        assert_eq!(
            hear(r#"{"type":"ready","heartbeat_seconds":25}"#),
            Heard::Greeted
        );
        let subscribed =
            r#"{"type":"subscribed","channel":"c","head_seq":7,"owner":"ai","owner_version":1}"#;
        assert_eq!(hear(subscribed), Heard::Joined { seq: None });
        let message = r#"{"type":"message","channel":"c","seq":8,"kind":"message","sender":{"kind":"visitor",
            "id":"v"},"body":{"text":"hi","blocks":[]},"owner_version":1,"created_at":"2026-11-23T00:00:00Z"}"#;
        assert_eq!(hear(message), entry(Some(8), "hi"));
        let change = r#"{"type":"change","channel":"c","seq":9,"kind":"change"}"#;
        assert_eq!(
            hear(change),
            Heard::Entry {
                seq: Some(9),
                text: None
            }
        );
        // How far somebody has read is no entry, though it names one.
        assert_eq!(
            hear(r#"{"type":"read","channel":"c","seq":3}"#),
            Heard::Other
        );
        let error = Peer::Chat.hear(r#"{"type":"error","code":"not_found","detail":"x"}"#);
        assert!(format!("{:#}", error.unwrap_err()).contains("refused with not_found"));
    }

    #[test]
    fn replies_of_centrifuge() {
        let hear = |line| Peer::Centrifuge.hear(line).unwrap();
        assert_eq!(
            hear(r#"{"id":1,"connect":{"client":"c","ping":25,"pong":true}}"#),
            Heard::Greeted
        );
        let subscribed =
            r#"{"id":2,"subscribe":{"recoverable":true,"epoch":"e","positioned":true}}"#;
        assert_eq!(hear(subscribed), Heard::Joined { seq: Some(0) });
        let subscribed = r#"{"id":2,"subscribe":{"recoverable":true,"epoch":"e","offset":12}}"#;
        assert_eq!(hear(subscribed), Heard::Joined { seq: Some(12) });
        let push = r#"{"push":{"channel":"w:1","pub":{"data":{"text":"hi"},"offset":3}}}"#;
        assert_eq!(hear(push), entry(Some(3), "hi"));
        assert_eq!(hear(r#"{"id":3,"publish":{}}"#), Heard::Accepted);
        assert_eq!(hear("{}"), Heard::Ping);
        let error =
            Peer::Centrifuge.hear(r#"{"id":2,"error":{"code":103,"message":"permission denied"}}"#);
        assert!(format!("{:#}", error.unwrap_err()).contains("refused with 103"));
    }

    #[test]
    fn lines_of_nchan() {
        let hear = |line| Peer::Nchan.hear(line).unwrap();
        assert_eq!(hear("queued messages: 1"), Heard::Accepted);
        assert_eq!(hear("last message id: 1795477189:0"), Heard::Other);
        assert_eq!(hear("hi"), entry(None, "hi"));
    }

    #[test]
    fn what_is_said_and_asked_for() {
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let said = json(&Peer::Chat.say("c", "1", "hi"));
        let sent =
            json!({ "type": "send", "channel": "c", "client_id": "1", "body": { "text": "hi" } });
        assert_eq!(said, sent);
        let hello = Peer::Centrifuge.hello(Task::Follow(ROOM), "t").unwrap();
        let (connect, subscribe) = hello.split_once('\n').unwrap();
        assert_eq!(
            json(connect),
            json!({ "id": 1, "connect": { "token": "t" } })
        );
        assert_eq!(
            json(subscribe),
            json!({ "id": 2, "subscribe": { "channel": "w:1" } })
        );
        let hello = json(&Peer::Chat.hello(Task::Follow(ROOM), "t").unwrap());
        assert_eq!(
            hello["resume"],
            json!([{ "channel": "w:1", "after_seq": 7 }])
        );
    }

    #[test]
    fn a_tampered_token_differs_in_its_signature() {
        let token = "aaaa.bbbb.cccccccccccccccc";
        let other = Peer::Chat.tampered(token);
        assert!(other.starts_with("aaaa.bbbb.cccccc") && other.len() == token.len());
        assert_ne!(other, token);
        assert_eq!(Peer::Nchan.tampered(token), "");
    }
}
