//! Who gets what in a room, and who is said to be there.

use std::sync::Arc;

use axum::extract::ws::Message;
use chat_api::{Entry, EntryKind, Sender, SenderKind, socket::ServerFrame};
use chrono::DateTime;
use futures::FutureExt;
use ids::{AgentId, ChannelId, UserId, VisitorId, WorkspaceId};
use tokio::time::{Duration, Instant};

use super::{
    frames,
    outbox::Outbox,
    room::{Audience, Room, Seen, Standing, Viewing},
    stream::Origin,
};
use crate::log::{Head, Place};

/// The room of a channel that was just opened.
fn room() -> Room {
    let room = Room::new(Place {
        workspace: WorkspaceId::new(),
        channel: ChannelId::new(),
    });
    let at = DateTime::UNIX_EPOCH;
    room.observe(&Head::new(AgentId::new(), VisitorId::new(), at));
    room
}

/// Follows an empty log, and is told of everything from its first entry on.
fn follower(room: &Room, number: u64, audience: Audience) -> Arc<Outbox> {
    let outbox = Arc::new(Outbox::default());
    room.subscribe(number, outbox.clone(), audience);
    assert_eq!(room.go_live(number, 1, 1), Standing::Live);
    outbox
}

fn frames_of(outbox: &Outbox) -> Vec<ServerFrame> {
    let mut batch = Vec::new();
    while let Some(Ok(())) = outbox.take(&mut batch).now_or_never() {}
    let read = |message| match message {
        Message::Text(text) => serde_json::from_str(text.as_str()).unwrap(),
        other => panic!("{other:?}"),
    };
    batch.into_iter().map(read).collect()
}

#[test]
fn what_is_private_passes_a_visitor_by_and_what_follows_does_not() {
    let room = room();
    let people = follower(&room, 1, Audience::People);
    let visitor = follower(&room, 2, Audience::Visitor);
    let new = |seq, kind| {
        let sender = Sender {
            kind: SenderKind::User,
            id: None,
            name: None,
        };
        let at = DateTime::UNIX_EPOCH;
        Entry::new((room.place.channel, seq), kind, sender, 1, at)
    };
    let mut note = new(2, EntryKind::Note);
    note.private = true;
    let message = new(3, EntryKind::Message);
    // In the wrong order, too.
    room.entry(frames::placed(message));
    room.entry(frames::placed(note));
    let kinds = |outbox| -> Vec<(i64, EntryKind)> {
        let entries = frames_of(outbox).into_iter().map(|frame| match frame {
            ServerFrame::Message(entry) | ServerFrame::Note(entry) => (entry.seq, entry.kind),
            other => panic!("{other:?}"),
        });
        entries.collect()
    };
    let (note, message) = ((2, EntryKind::Note), (3, EntryKind::Message));
    assert_eq!(kinds(&people), [note, message]);
    assert_eq!(kinds(&visitor), [message]);
}

#[test]
fn people_are_told_who_looks_and_an_instance_that_is_silent_speaks_for_nobody() {
    let room = room();
    let people = follower(&room, 1, Audience::People);
    let visitor = follower(&room, 2, Audience::Visitor);
    let (ada, grace) = (UserId::new(), UserId::new());
    let there = |outbox: &Outbox| -> Vec<Vec<(UserId, bool)>> {
        let told = frames_of(outbox).into_iter().map(|frame| match frame {
            ServerFrame::Presence { people, .. } => people
                .iter()
                .map(|viewer| (viewer.user_id, viewer.typing))
                .collect(),
            other => panic!("{other:?}"),
        });
        told.collect()
    };
    // Two tabs of one person are one person.
    room.viewing(1, ada, Viewing::On);
    room.viewing(3, ada, Viewing::Typing);
    room.seen(
        Origin(7),
        Seen {
            user_id: grace,
            typing: Some(false),
        },
    );
    assert_eq!(
        there(&people),
        [
            vec![(ada, false)],
            vec![(ada, true)],
            vec![(ada, true), (grace, false)]
        ]
    );
    // Whoever comes later is told at once.
    let late = follower(&room, 4, Audience::People);
    assert_eq!(there(&late), [vec![(ada, true), (grace, false)]]);
    let (seen, _) = room.left(3).unwrap();
    assert_eq!((seen.user_id, seen.typing), (ada, Some(false)));
    assert_eq!(there(&people), [vec![(ada, false), (grace, false)]]);
    let later = Instant::now() + Duration::from_secs(31);
    assert_eq!(room.renew(later).len(), 1);
    assert_eq!(there(&people), [vec![(ada, false)]]);
    let (seen, _) = room.viewing(1, ada, Viewing::Off);
    assert_eq!(seen.typing, None);
    assert_eq!(there(&people), [Vec::new()]);
    assert!(
        frames_of(&visitor).is_empty(),
        "no word of it to the visitor"
    );
}
