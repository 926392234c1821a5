//! Who of the company looks at the channel of a room, here and on other instances.

use std::collections::{BTreeMap, HashMap};

use chat_api::Viewer;
use ids::UserId;
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant};

use super::{Audience, Room, State, frames};
use crate::hub::Origin;

/// Somebody of whom another instance has said nothing for so long is not there any more.
const GONE_AFTER: Duration = Duration::from_secs(30);

/// Whether somebody of the company looks at a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewing {
    /// Not any more.
    Off,
    /// They look at it.
    On,
    /// They write something, and so look at it.
    Typing,
}

/// How somebody stands to a channel over all their sockets of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::hub) struct Seen {
    pub(in crate::hub) user_id: UserId,
    /// Whether they write something; none when they are not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::hub) typing: Option<bool>,
}

/// The people who look at one channel.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// By socket of this instance, and whether they write something.
    here: HashMap<u64, (UserId, bool)>,
    /// On other instances, and until when that counts.
    elsewhere: HashMap<(Origin, UserId), (bool, Instant)>,
    /// What the sockets know.
    told: Vec<Viewer>,
    /// Whether the other instances were asked who is there.
    asked: bool,
}

impl Presence {
    pub(super) fn told(&self) -> &[Viewer] {
        &self.told
    }

    fn seen(&self, user_id: UserId) -> Seen {
        let mine = self.here.values().filter(|(user, _)| *user == user_id);
        let typing = mine.map(|(_, typing)| *typing).reduce(|a, b| a || b);
        Seen { user_id, typing }
    }

    fn people(&self) -> Vec<Viewer> {
        let mut people: BTreeMap<UserId, bool> = BTreeMap::new();
        let here = self.here.values().copied();
        let elsewhere = self
            .elsewhere
            .iter()
            .map(|((_, user), (typing, _))| (*user, *typing));
        for (user, typing) in here.chain(elsewhere) {
            *people.entry(user).or_default() |= typing;
        }
        people
            .into_iter()
            .map(|(user_id, typing)| Viewer { user_id, typing })
            .collect()
    }
}

impl Room {
    /// Notes that somebody looks at the channel on a socket of this instance; answers what the other
    /// instances are to be told, and how many sockets were told.
    pub(in crate::hub) fn viewing(
        &self,
        socket: u64,
        user: UserId,
        viewing: Viewing,
    ) -> (Seen, u64) {
        let mut state = self.lock();
        match viewing {
            Viewing::Off => state.presence.here.remove(&socket),
            Viewing::On => state.presence.here.insert(socket, (user, false)),
            Viewing::Typing => state.presence.here.insert(socket, (user, true)),
        };
        let told = state.tell_presence();
        (state.presence.seen(user), told)
    }

    /// Notes that a socket of this instance is gone; answers what the other instances are to be told,
    /// and how many sockets were told, when somebody looked at the channel on it.
    pub(in crate::hub) fn left(&self, socket: u64) -> Option<(Seen, u64)> {
        let mut state = self.lock();
        let (user, _) = state.presence.here.remove(&socket)?;
        let told = state.tell_presence();
        Some((state.presence.seen(user), told))
    }

    /// Notes what another instance says of somebody; answers how many sockets were told.
    pub(in crate::hub) fn seen(&self, origin: Origin, seen: Seen) -> u64 {
        let mut state = self.lock();
        let key = (origin, seen.user_id);
        let elsewhere = &mut state.presence.elsewhere;
        match seen.typing {
            Some(typing) => elsewhere.insert(key, (typing, Instant::now() + GONE_AFTER)),
            None => elsewhere.remove(&key),
        };
        state.tell_presence()
    }

    /// Forgets whom nobody has spoken of; answers who looks at the channel on this instance.
    pub(in crate::hub) fn renew(&self, now: Instant) -> Vec<Seen> {
        let mut state = self.lock();
        if !state.presence.elsewhere.is_empty() {
            let fresh = |_: &(Origin, UserId), (_, until): &mut (bool, Instant)| *until > now;
            state.presence.elsewhere.retain(fresh);
            state.tell_presence();
        }
        let presence = &state.presence;
        let users: BTreeMap<UserId, ()> = presence
            .here
            .values()
            .map(|(user, _)| (*user, ()))
            .collect();
        users.into_keys().map(|user| presence.seen(user)).collect()
    }

    /// Whether the other instances are to be asked who is there: once.
    pub(in crate::hub) fn asks_who(&self) -> bool {
        !std::mem::replace(&mut self.lock().presence.asked, true)
    }
}

impl State {
    /// Tells people's sockets who is there, when that has changed; answers how many were told.
    fn tell_presence(&mut self) -> u64 {
        let people = self.presence.people();
        if people == self.presence.told {
            return 0;
        }
        let frame = frames::presence(self.channel, &people);
        self.presence.told = people;
        self.each_of(Audience::People, &frame)
    }
}
