//! Putting a draft behind a head: the entry, the state after it, and what others are told.

use chat_api::{
    Change, Entry, EntryKind, OwnerState, Sender, Written,
    events::{
        ChannelClosed, ChannelOpened, ChannelRated, ChannelReopened, ChannelUpdated,
        MessageCreated, OwnerChanged,
    },
};
use chrono::{DateTime, SubsecRound, Utc};
use common::telemetry::Personal;
use ids::{AgentId, VisitorId};

use crate::log::{
    Head,
    entry::{Actor, Draft, Fact, Place, Step, Turn},
    head::Merging,
};

/// The entry that opens a channel: the AI answers, and the product itself says so.
#[must_use]
pub(in crate::log) fn open(
    place: Place,
    agent_id: AgentId,
    visitor_id: VisitorId,
    now: DateTime<Utc>,
) -> Step {
    let at = now.trunc_subsecs(3);
    let sender = Actor::System.sender();
    let mut entry = Entry::new((place.channel, 1), EntryKind::State, sender, 1, at);
    entry.owner = Some(OwnerState::Ai);
    entry.episode = Some(1);
    let fact = Fact::Opened(ChannelOpened {
        channel_id: place.channel,
        agent_id,
        visitor_id,
        opened_at: at,
    });
    Step {
        entry,
        head: Head::new(agent_id, visitor_id, at),
        fact,
    }
}

/// Puts a draft behind `head`.
#[must_use]
pub(in crate::log) fn write(place: Place, head: &Head, draft: Draft, now: DateTime<Utc>) -> Step {
    // Whole milliseconds, which is what MongoDB keeps; and never before the entry in front, whatever
    // the clocks of two instances say.
    let at = now.trunc_subsecs(3).max(head.last_at);
    let seq = head.seq + 1;
    let mut next = Head {
        seq,
        last_at: at,
        ..head.clone()
    };
    let new = |kind, sender| Entry::new((place.channel, seq), kind, sender, head.owner_version, at);
    let entry = match draft {
        Draft::Said { actor, said } => {
            let note = said.kind == Written::Note;
            let kind = if note {
                EntryKind::Note
            } else {
                EntryKind::Message
            };
            if !note {
                spoken(&mut next, actor);
            }
            let mut entry = new(kind, actor.sender());
            entry.private = note;
            entry.client_id = Some(said.client_id);
            entry.body = Some(said.body);
            entry
        }
        Draft::Answer {
            name,
            turn,
            answers_to,
            body,
        } => {
            let actor = Actor::Agent(head.agent_id);
            spoken(&mut next, actor);
            next.answered_seq = next.answered_seq.max(answers_to);
            let sender = Sender {
                name: Some(Personal::new(name)),
                ..actor.sender()
            };
            let mut entry = new(EntryKind::Message, sender);
            entry.client_id = Some(turn.to_string());
            entry.turn_id = Some(turn);
            entry.body = Some(body);
            entry
        }
        Draft::State(turn) => {
            turned(&mut next, &turn);
            let mut entry = new(EntryKind::State, turn.actor.sender());
            entry.owner = Some(turn.owner);
            entry.reason = turn.reason;
            entry.episode = Some(next.episode);
            entry.owner_version = seq;
            entry
        }
        Draft::Other(deed) => {
            let mut entry = new(deed.kind, deed.actor.sender());
            if let Some(change) = &deed.change {
                changed(&mut next, change);
            }
            entry.private = deed.private;
            entry.of_seq = deed.of_seq;
            (entry.emoji, entry.on) = deed.sign.unzip();
            entry.change = deed.change;
            entry.body = deed.body;
            entry
        }
    };
    if !entry.private {
        next.public_seq = seq;
    }
    let fact = fact(place, &entry, (head, &next));
    Step {
        entry,
        head: next,
        fact,
    }
}

/// Counts a message.
fn spoken(next: &mut Head, actor: Actor) {
    let (seq, at) = (next.seq, next.last_at);
    next.last_message_seq = seq;
    next.last_message_at = Some(at);
    match actor {
        Actor::Visitor(_) => {
            next.visitor_messages += 1;
            next.asked_seq = seq;
            next.last_visitor_seq = seq;
            if matches!(next.owner, OwnerState::Queued | OwnerState::Human) {
                next.waiting_since.get_or_insert(at);
            }
        }
        Actor::Person(person) => {
            next.user_messages += 1;
            next.last_user_seq = seq;
            next.last_user = Some(person);
            next.waiting_since = None;
        }
        Actor::Agent(_) => next.agent_messages += 1,
        Actor::System => {}
    }
}

/// Somebody else answers.
fn turned(next: &mut Head, turn: &Turn) {
    let (seq, at) = (next.seq, next.last_at);
    if turn.opens {
        next.episode += 1;
        next.episode_seq = seq;
        next.episode_at = Some(at);
        // What was asked before is nobody's business any more.
        (next.answered_seq, next.asked_seq) = (seq, seq);
        (
            next.visitor_messages,
            next.agent_messages,
            next.user_messages,
        ) = (0, 0, 0);
        next.escalated = false;
        next.rating = None;
        next.last_user = None;
        next.merge = None;
    }
    next.owner = turn.owner;
    next.owner_version = seq;
    next.escalated |= matches!(turn.owner, OwnerState::Queued | OwnerState::Human);
    next.person = turn.person.filter(|_| turn.owner == OwnerState::Human);
    if next.person.is_some() {
        // Whoever answers takes care of it.
        next.assignee = next.person;
    }
    next.closed_at = (turn.owner == OwnerState::Closed).then_some(at);
    next.queued_at = (turn.owner == OwnerState::Queued).then_some(at);
    match turn.owner {
        OwnerState::Queued => {
            next.waiting_since.get_or_insert(at);
        }
        OwnerState::Human => {}
        OwnerState::Ai => next.waiting_since = None,
        OwnerState::Closed => (next.waiting_since, next.snoozed_until) = (None, None),
    }
}

/// Something else changes.
fn changed(next: &mut Head, change: &Change) {
    match change {
        Change::Assigned { user_id, team_id } => {
            (next.assignee, next.team) = (*user_id, *team_id);
        }
        Change::Labelled { labels } => next.labels.clone_from(labels),
        Change::Prioritised { priority } => next.priority = *priority,
        Change::Snoozed { until } => next.snoozed_until = *until,
        Change::Joined { user_id } => {
            if !next.participants.contains(user_id) {
                next.participants.push(*user_id);
            }
        }
        Change::Left { user_id } => next.participants.retain(|one| one != user_id),
        Change::Merged { into } => {
            next.merged_into = Some(*into);
            next.merge = Some(Merging {
                into: *into,
                seq: next.seq,
                at: next.last_at,
                owner: next.owner,
                person: next.person,
            });
        }
        Change::Unmerged { other } => {
            next.merged_into.take_if(|into| into == other);
        }
        Change::Rated { score } => next.rating = Some(*score),
        Change::Absorbed { .. } | Change::Helpful { .. } | Change::Consented { .. } => {}
    }
}

/// What others are told of an entry between two states.
fn fact(place: Place, entry: &Entry, (before, after): (&Head, &Head)) -> Fact {
    let (channel_id, agent_id, visitor_id) = (place.channel, after.agent_id, after.visitor_id);
    let (seq, at, kind) = (entry.seq, entry.created_at, entry.sender.kind);
    match (entry.kind, entry.owner, &entry.change) {
        (EntryKind::Message, ..) => Fact::Said(MessageCreated {
            channel_id,
            seq,
            sender_kind: kind,
            agent_id,
            visitor_id,
            owner: after.owner,
            owner_version: after.owner_version,
            created_at: at,
        }),
        (_, Some(OwnerState::Closed), _) => Fact::Closed(ChannelClosed {
            channel_id,
            seq,
            agent_id,
            visitor_id,
            closed_by: kind,
            escalated: after.escalated,
            visitor_messages: after.visitor_messages,
            agent_messages: after.agent_messages,
            user_messages: after.user_messages,
            opened_at: after.episode_at.unwrap_or(after.opened_at),
            closed_at: at,
        }),
        (_, Some(owner), _) if after.episode > before.episode => Fact::Reopened(ChannelReopened {
            channel_id,
            seq,
            episode: after.episode,
            agent_id,
            visitor_id,
            owner,
            reopened_by: kind,
            reopened_at: at,
        }),
        (_, Some(owner), _) => Fact::OwnerChanged(OwnerChanged {
            channel_id,
            seq,
            owner,
            agent_id,
            changed_by: kind,
            reason: entry.reason.clone(),
            changed_at: at,
        }),
        (_, None, Some(change @ (Change::Rated { .. } | Change::Helpful { .. }))) => {
            let (score, helpful) = match change {
                Change::Rated { score } => (Some(*score), None),
                Change::Helpful { helpful } => (None, *helpful),
                _ => (None, None),
            };
            Fact::Rated(ChannelRated {
                channel_id,
                seq,
                episode: after.episode,
                agent_id,
                visitor_id,
                user_id: after.last_user,
                score,
                of_seq: entry.of_seq,
                helpful,
                rated_at: at,
            })
        }
        (kind_of_entry, None, change) => Fact::Updated(ChannelUpdated {
            channel_id,
            seq,
            kind: kind_of_entry,
            what: change.as_ref().map(|change| change.as_str().to_owned()),
            of_seq: entry.of_seq,
            agent_id,
            visitor_id,
            changed_by: kind,
            changed_at: at,
        }),
    }
}
