//! The rules of a channel's log, without any store: who may append what, and what follows from it.
//!
//! Each entry is stored with the [`Head`] that stands after it, so the last entry alone tells the state
//! of the channel: who answers, since when, and what was counted. A new entry is derived from the head
//! it follows, and it only gets its place when nothing else took it. Whatever was true of the head is
//! therefore true at the place of the entry.

mod acts;
mod write;

use chat_api::{Body, Change, OwnerState, Priority, ReplyHeader, SetOwner, Written};
use chrono::{DateTime, Utc};
use common::{ErrorCode, Problem};
use ids::{ChannelId, TeamId, UserId};
use rest::Field;

pub use acts::may_edit;
pub(super) use acts::{close_merged, decide, may_merge, reopen_unmerged, wake};
pub(super) use write::{open, write};

use super::{
    Head,
    entry::{Actor, Deed, Draft, Of, Said, Turn},
};

/// Why something may not be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The channel is closed.
    Closed,
    /// The channel goes on in another one.
    Merged,
    /// These two channels cannot be merged.
    NoMerge,
    /// Somebody else answers now.
    OwnerChanged,
    /// The AI has answered this, or something later, already.
    AlreadyAnswered,
    /// The turn does not know of an answer or of a message that is in the log.
    Behind,
    /// Another agent answers in this channel.
    WrongAgent,
    /// This actor may not set that owner.
    NotAllowed,
    /// This actor may not do that, or not with what is somebody else's.
    NotYours,
    /// The time in which it could be done is over.
    TooLate,
    /// There is no such message, or it was taken back.
    Gone,
    /// Something was written since the state that the actor knows.
    Moved,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => {
                Self::new(ErrorCode::ChannelClosed).detail("this conversation has ended; open it again, or start a new one")
            }
            Refusal::Merged => Self::new(ErrorCode::ChannelClosed)
                .detail("this conversation goes on in another one, which `merged_into` names"),
            Refusal::NoMerge => Self::new(ErrorCode::Conflict).detail(
                "a conversation goes on in one that is as open as itself, or in an open one of the same visitor",
            ),
            Refusal::OwnerChanged => Self::new(ErrorCode::OwnerChanged)
                .detail("read the channel again and decide anew; nothing was written"),
            Refusal::AlreadyAnswered => Self::new(ErrorCode::AlreadyAnswered)
                .detail("an answer to this message, or to a later one, is in the log"),
            Refusal::Behind => Self::new(ErrorCode::PreconditionFailed)
                .detail("read the log again: it has an answer or a message that the turn does not know of"),
            Refusal::WrongAgent => {
                Self::new(ErrorCode::Conflict).detail("another agent answers in this channel")
            }
            Refusal::NotAllowed => Self::new(ErrorCode::Forbidden).detail(
                "a visitor and the agent may ask for a person (`queued`) or end the conversation (`closed`); \
                 a visitor may open it again for the AI (`ai`)",
            ),
            Refusal::NotYours => Self::new(ErrorCode::Forbidden)
                .detail("the caller may not do this here, or not with somebody else's message"),
            Refusal::TooLate => {
                Self::new(ErrorCode::Conflict).detail("the time in which this could be done is over")
            }
            Refusal::Gone => Self::not_found(),
            Refusal::Moved => Self::new(ErrorCode::PreconditionFailed)
                .detail("read it again, apply your change to what you find, and send the new ETag"),
        }
    }
}

/// What somebody does in a channel beside saying something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Changes who answers.
    Owner(SetOwner),
    /// Opens a closed channel again.
    Reopen {
        /// Who answers then.
        owner: OwnerState,
        /// Only so long after the end; at any time when absent.
        within: Option<chrono::Duration>,
    },
    /// Says something else in an earlier message or note.
    Edit {
        /// Which.
        of: Of,
        /// What it says from now on.
        body: Body,
    },
    /// Takes an earlier message or note back.
    Delete {
        /// Which.
        of: Of,
    },
    /// Sets a sign on an earlier message or note, or takes it off.
    React {
        /// Which.
        of: Of,
        /// The sign.
        emoji: String,
        /// Whether it is set.
        on: bool,
    },
    /// Says who takes care of it.
    Assign {
        /// The person.
        user_id: Field<UserId>,
        /// The team.
        team_id: Field<TeamId>,
    },
    /// Sets its labels, all of them.
    Label(Vec<String>),
    /// Says how much it presses.
    Prioritise(Priority),
    /// Lets it sleep until then, or wakes it.
    Snooze(Option<DateTime<Utc>>),
    /// Adds somebody who takes part.
    Join(UserId),
    /// Takes somebody out who took part.
    Leave(UserId),
    /// Lets it go on in another channel.
    Merge {
        /// Which.
        into: ChannelId,
    },
    /// Notes in the other channel that one goes on there.
    Absorb {
        /// Which.
        from: ChannelId,
    },
    /// Undoes a merge.
    Unmerge {
        /// The other channel.
        other: ChannelId,
    },
    /// Says how it was.
    Rate {
        /// From 1, bad, to 5, good.
        score: u8,
        /// More about it.
        body: Option<Body>,
    },
    /// Says whether an answer of the AI helped.
    Helpful {
        /// The answer.
        of_seq: i64,
        /// Whether it did; none takes the word back.
        helpful: Option<bool>,
    },
    /// Agrees to a text.
    Consent {
        /// Its version.
        version: i64,
    },
}

/// What has to be appended so that `said` is said: it alone, or something before it. Whoever of the
/// company writes to the visitor answers from then on, and a visitor who writes wakes the channel.
///
/// # Errors
/// When the channel is closed, or the actor writes no notes.
pub(super) fn say(head: &Head, actor: Actor, said: &Said) -> Result<Draft, Refusal> {
    if head.merged_into.is_some() {
        return Err(Refusal::Merged);
    }
    let spoken = Draft::Said {
        actor,
        said: said.clone(),
    };
    if said.kind == Written::Note {
        return match actor {
            Actor::Person(_) | Actor::System => Ok(spoken),
            Actor::Visitor(_) | Actor::Agent(_) => Err(Refusal::NotYours),
        };
    }
    if head.owner == OwnerState::Closed {
        return Err(Refusal::Closed);
    }
    let nobody_yet = matches!(head.owner, OwnerState::Ai | OwnerState::Queued);
    match actor {
        Actor::Person(person) if nobody_yet => Ok(Draft::State(Turn {
            actor,
            owner: OwnerState::Human,
            person: Some(person),
            reason: Some("person_wrote".to_owned()),
            opens: false,
            once: None,
        })),
        Actor::Visitor(_) if head.snoozed_until.is_some() => Ok(awake()),
        _ => Ok(spoken),
    }
}

/// The end of a channel's sleep.
fn awake() -> Draft {
    let change = Change::Snoozed { until: None };
    Draft::Other(Deed::change(Actor::System, change, None))
}

/// Whether the AI may answer what `header` says, and so whether its answer may stand after `head`.
///
/// # Errors
/// When the owner has moved, or the answer is there already.
pub(super) fn may_answer(head: &Head, header: &ReplyHeader) -> Result<(), Refusal> {
    if head.agent_id != header.agent_id {
        return Err(Refusal::WrongAgent);
    }
    if head.owner == OwnerState::Closed || head.merged_into.is_some() {
        return Err(Refusal::Closed);
    }
    // While a person is wanted and none is there, the AI may go on; under a person it may not, even
    // when it knows of the person.
    if head.owner_version != header.owner_version || head.owner == OwnerState::Human {
        return Err(Refusal::OwnerChanged);
    }
    if head.answered_seq >= header.answers_to_seq {
        return Err(Refusal::AlreadyAnswered);
    }
    if header
        .answered_seq
        .is_some_and(|known| known != head.answered_seq)
    {
        return Err(Refusal::Behind);
    }
    Ok(())
}

/// Whether the first word of an answer may be said. Later than that, a further message gets its own.
///
/// # Errors
/// As [`may_answer`], and when a message came that the answer does not answer.
pub fn may_begin(head: &Head, header: &ReplyHeader) -> Result<(), Refusal> {
    may_answer(head, header)?;
    if header.answered_seq.is_some() && head.asked_seq > header.answers_to_seq {
        return Err(Refusal::Behind);
    }
    Ok(())
}

/// The change of owner to append, or none when there is nothing to change.
///
/// # Errors
/// When the actor may not, or the owner has moved.
pub(super) fn change_owner(
    head: &Head,
    actor: Actor,
    (change, once): (&SetOwner, Option<&str>),
) -> Result<Option<Draft>, Refusal> {
    use OwnerState::{Ai, Closed, Human, Queued};
    if change
        .if_owner_version
        .is_some_and(|version| version != head.owner_version)
    {
        return Err(Refusal::OwnerChanged);
    }
    let wanted = change.owner;
    if head.owner == Closed {
        return if wanted == Closed {
            Ok(None)
        } else {
            Err(Refusal::Closed)
        };
    }
    if head.merged_into.is_some() {
        return Err(Refusal::Merged);
    }
    let changes = match (actor, wanted) {
        (Actor::Visitor(_) | Actor::Agent(_), Ai | Human) => return Err(Refusal::NotAllowed),
        // Asking for a person while one is wanted, or there, changes nothing.
        (Actor::Visitor(_), Queued) => head.owner == Ai,
        (Actor::Agent(_), Queued) if head.owner == Queued => false,
        // The AI decides only while it is the one who answers.
        (Actor::Agent(_), _) if head.owner != Ai => return Err(Refusal::OwnerChanged),
        // A colleague takes over from a colleague.
        (Actor::Person(person), Human) => head.owner != Human || head.person != Some(person),
        (_, wanted) => head.owner != wanted,
    };
    Ok(changes.then(|| {
        Draft::State(Turn {
            actor,
            owner: wanted,
            person: actor.person().filter(|_| wanted == Human),
            reason: change.reason.clone(),
            opens: false,
            once: once.map(str::to_owned),
        })
    }))
}

/// The end of a channel that nobody has written in since `before`; none when somebody has, or when it
/// sleeps.
#[must_use]
pub(super) fn close_idle(head: &Head, before: DateTime<Utc>) -> Option<Draft> {
    let open = head.owner != OwnerState::Closed && head.snoozed_until.is_none();
    (open && head.last_at < before).then(|| Draft::State(closing("idle")))
}

/// The product itself ends it.
fn closing(reason: &str) -> Turn {
    Turn {
        actor: Actor::System,
        owner: OwnerState::Closed,
        person: None,
        reason: Some(reason.to_owned()),
        opens: false,
        once: None,
    }
}
