//! Who may do what beside saying something, and what is appended for it.

use chat_api::{Change, EntryKind, OwnerState, SenderKind};
use chrono::{DateTime, Duration, Utc};
use rest::Field;

use super::{Act, Refusal, awake, change_owner, closing};
use crate::log::{
    Head,
    entry::{Actor, Deed, Draft, Of, Turn},
};

/// A merge can be undone for so long.
const UNDO_WITHIN: Duration = Duration::hours(24);

/// Whether the actor may edit a message or note, or take it back as its writer, given for how long
/// after it was written that is allowed.
///
/// # Errors
/// When it is another one's or the AI's, was taken back, or is too old.
pub fn may_edit(
    of: &Of,
    actor: Actor,
    now: DateTime<Utc>,
    within: Duration,
) -> Result<(), Refusal> {
    own(of, actor)?;
    if of.deleted {
        return Err(Refusal::Gone);
    }
    if within <= Duration::zero() || of.created_at + within < now {
        return Err(Refusal::TooLate);
    }
    Ok(())
}

/// What is appended for an act; none when it is so already.
///
/// # Errors
/// When the actor may not, or the channel does not stand so that it could be done.
pub(in crate::log) fn decide(
    head: &Head,
    actor: Actor,
    (act, once): (&Act, Option<&str>),
    now: DateTime<Utc>,
) -> Result<Option<Draft>, Refusal> {
    permitted(actor, act)?;
    possible(head, act)?;
    let change = |change| Ok(Some(Draft::Other(Deed::change(actor, change, once))));
    match act {
        Act::Owner(wanted) => change_owner(head, actor, (wanted, once)),
        Act::Reopen { owner, within } => reopen(head, actor, (*owner, *within, once), now),
        Act::Edit { of, body } => {
            let mut deed = Deed::about(actor, EntryKind::Edit, Some(of), once);
            deed.body = Some(body.clone());
            Ok(Some(Draft::Other(deed)))
        }
        Act::Delete { of } if of.deleted => Ok(None),
        Act::Delete { of } => Ok(Some(Draft::Other(Deed::about(
            actor,
            EntryKind::Delete,
            Some(of),
            once,
        )))),
        Act::React { of, emoji, on } => {
            let mut deed = Deed::about(actor, EntryKind::Reaction, Some(of), once);
            deed.sign = Some((emoji.clone(), *on));
            Ok(Some(Draft::Other(deed)))
        }
        Act::Assign { user_id, team_id } => {
            let taken = head.assignee.is_some() && user_id.value().is_some();
            if actor == Actor::System && taken {
                // The product gives a channel to somebody; it takes it from nobody.
                return Ok(None);
            }
            let user_id = user_id.clone().apply(head.assignee);
            let team_id = team_id.clone().apply(head.team);
            if (user_id, team_id) == (head.assignee, head.team) {
                return Ok(None);
            }
            change(Change::Assigned { user_id, team_id })
        }
        Act::Label(labels) => {
            let labels = sorted(labels);
            if labels == head.labels {
                return Ok(None);
            }
            change(Change::Labelled { labels })
        }
        Act::Prioritise(priority) if *priority == head.priority => Ok(None),
        Act::Prioritise(priority) => change(Change::Prioritised {
            priority: *priority,
        }),
        Act::Snooze(until) => {
            let until = until.filter(|until| *until > now);
            if until == head.snoozed_until {
                return Ok(None);
            }
            change(Change::Snoozed { until })
        }
        Act::Join(user_id) if head.participants.contains(user_id) => Ok(None),
        Act::Join(user_id) => change(Change::Joined { user_id: *user_id }),
        Act::Leave(user_id) if !head.participants.contains(user_id) => Ok(None),
        Act::Leave(user_id) => change(Change::Left { user_id: *user_id }),
        Act::Merge { into } if head.merged_into == Some(*into) => Ok(None),
        Act::Merge { .. } if head.merged_into.is_some() => Err(Refusal::Merged),
        Act::Merge { into } => change(Change::Merged { into: *into }),
        Act::Absorb { from } => change(Change::Absorbed { from: *from }),
        Act::Unmerge { other } => {
            // The other channel is told by the product itself, whatever became of it.
            if actor != Actor::System {
                let Some(merge) = head.merge.filter(|_| head.merged_into == Some(*other)) else {
                    return Ok(None);
                };
                if merge.at + UNDO_WITHIN < now {
                    return Err(Refusal::TooLate);
                }
            }
            change(Change::Unmerged { other: *other })
        }
        Act::Rate { score, body } => {
            if head.rating == Some(*score) && body.is_none() {
                return Ok(None);
            }
            let mut deed = Deed::change(actor, Change::Rated { score: *score }, once);
            deed.body.clone_from(body);
            Ok(Some(Draft::Other(deed)))
        }
        Act::Helpful { of_seq, helpful } => {
            let change = Change::Helpful { helpful: *helpful };
            let mut deed = Deed::change(actor, change, once);
            deed.of_seq = Some(*of_seq);
            Ok(Some(Draft::Other(deed)))
        }
        Act::Consent { version } => change(Change::Consented { version: *version }),
    }
}

/// Whether such an actor does such things.
fn permitted(actor: Actor, act: &Act) -> Result<(), Refusal> {
    use Act::{
        Absorb, Assign, Consent, Delete, Edit, Helpful, Label, Owner, Prioritise, Rate, React,
        Reopen,
    };
    match (actor, act) {
        // Nobody puts words into another one's mouth.
        (_, Edit { of, .. }) => own(of, actor),
        (Actor::System, _) | (_, Owner(_)) => Ok(()),
        (_, Absorb { .. }) | (Actor::Person(_), Rate { .. } | Helpful { .. } | Consent { .. }) => {
            Err(Refusal::NotYours)
        }
        (Actor::Person(_), _) => Ok(()),
        (Actor::Visitor(_), Delete { of }) => own(of, actor),
        (Actor::Visitor(_), React { of, .. }) if of.private => Err(Refusal::Gone),
        (
            Actor::Visitor(_),
            React { .. } | Reopen { .. } | Rate { .. } | Helpful { .. } | Consent { .. },
        ) => Ok(()),
        (
            Actor::Agent(_),
            Label(_)
            | Prioritise(_)
            | Assign {
                user_id: Field::Absent,
                ..
            },
        ) => Ok(()),
        (Actor::Visitor(_) | Actor::Agent(_), _) => Err(Refusal::NotYours),
    }
}

fn own(of: &Of, actor: Actor) -> Result<(), Refusal> {
    if of.private && matches!(actor, Actor::Visitor(_)) {
        // Visitors learn nothing of notes, not even that there is one.
        return Err(Refusal::Gone);
    }
    // What the AI said stays what it said.
    if actor.is(&of.sender) && of.sender.kind != SenderKind::Agent {
        Ok(())
    } else {
        Err(Refusal::NotYours)
    }
}

/// Whether it can be done in a channel that stands like this.
fn possible(head: &Head, act: &Act) -> Result<(), Refusal> {
    use Act::{Absorb, Delete, Edit, Helpful, Label, Merge, Owner, Rate, React, Reopen, Unmerge};
    if let Edit { of, .. } | React { of, .. } = act
        && of.deleted
    {
        return Err(Refusal::Gone);
    }
    let always = matches!(
        act,
        Owner(_) | Merge { .. } | Absorb { .. } | Unmerge { .. } | Delete { .. }
    );
    if head.merged_into.is_some() && !always {
        return Err(Refusal::Merged);
    }
    let after_the_end = match act {
        Edit { of, .. } | React { of, .. } => of.private,
        Reopen { .. } | Rate { .. } | Helpful { .. } | Label(_) => true,
        _ => always,
    };
    if head.owner == OwnerState::Closed && !after_the_end {
        return Err(Refusal::Closed);
    }
    Ok(())
}

fn reopen(
    head: &Head,
    actor: Actor,
    (owner, within, once): (OwnerState, Option<Duration>, Option<&str>),
    now: DateTime<Utc>,
) -> Result<Option<Draft>, Refusal> {
    let for_the_ai = owner == OwnerState::Ai;
    if owner == OwnerState::Closed || (matches!(actor, Actor::Visitor(_)) && !for_the_ai) {
        return Err(Refusal::NotAllowed);
    }
    if head.owner != OwnerState::Closed {
        return Ok(None);
    }
    let ended = head.closed_at.unwrap_or(head.last_at);
    if within.is_some_and(|within| within <= Duration::zero() || ended + within < now) {
        return Err(Refusal::TooLate);
    }
    Ok(Some(Draft::State(Turn {
        actor,
        owner,
        person: actor.person().filter(|_| owner == OwnerState::Human),
        reason: Some("reopened".to_owned()),
        opens: true,
        once: once.map(str::to_owned),
    })))
}

/// Labels without spaces around them, each once, in order.
fn sorted(labels: &[String]) -> Vec<String> {
    let mut sorted: Vec<String> = labels
        .iter()
        .map(|label| label.trim().to_owned())
        .filter(|label| !label.is_empty())
        .collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}

/// Whether one channel may go on in another one: in one that is as open as itself, or a closed one in
/// an open one of the same visitor.
///
/// # Errors
/// When it may not.
pub(in crate::log) fn may_merge(source: &Head, target: &Head) -> Result<(), Refusal> {
    if target.merged_into.is_some() {
        return Err(Refusal::Merged);
    }
    let closed = |head: &Head| head.owner == OwnerState::Closed;
    let same_visitor = source.visitor_id == target.visitor_id;
    let fits = closed(source) == closed(target) || (same_visitor && closed(source));
    if fits { Ok(()) } else { Err(Refusal::NoMerge) }
}

/// The end of a channel that was merged into another one; none when it has ended already.
pub(in crate::log) fn close_merged(head: &Head) -> Option<Draft> {
    let open = head.merged_into.is_some() && head.owner != OwnerState::Closed;
    open.then(|| Draft::State(closing("merged")))
}

/// The reopening of a channel whose merge was undone: for whoever answered before. None when it was
/// closed before, or when it is open already.
pub(in crate::log) fn reopen_unmerged(head: &Head) -> Option<Draft> {
    let merge = head.merge.filter(|_| head.merged_into.is_none())?;
    let waits = head.owner == OwnerState::Closed && merge.owner != OwnerState::Closed;
    waits.then(|| {
        Draft::State(Turn {
            actor: Actor::System,
            owner: merge.owner,
            person: merge.person,
            reason: Some("unmerged".to_owned()),
            opens: true,
            once: None,
        })
    })
}

/// The end of a sleep that is over.
pub(in crate::log) fn wake(head: &Head, now: DateTime<Utc>) -> Option<Draft> {
    let over = head.snoozed_until.is_some_and(|until| until <= now);
    over.then(awake)
}
