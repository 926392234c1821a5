//! Who gets which conversation. No clock, no store: everything is given.

use std::collections::{HashMap, HashSet, VecDeque};

use ids::{ChannelId, TeamId, UserId};

/// What was noted so recently may not be in the rows yet.
const IN_FLIGHT_SECONDS: i64 = 10;
/// Somebody who is not there keeps what they were given for so long: they may be coming.
const AWAY_SECONDS: i64 = 20;

/// Somebody who is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) user: UserId,
    /// How many more they take; none or less when they have enough.
    pub(super) free: i64,
}

/// A channel that waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) channel: ChannelId,
    pub(super) team: Option<TeamId>,
    /// Those who had it and did not take it.
    pub(super) passed_by: Vec<UserId>,
}

/// A channel that was given to somebody, and how it stands as far as the rows know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Routed {
    pub(super) channel: ChannelId,
    /// To whom; nobody, after it was taken back.
    pub(super) user: Option<UserId>,
    /// How long ago.
    pub(super) seconds: i64,
    /// Whether it still wants a person: queued, awake, not merged.
    pub(super) wanted: bool,
    /// Who takes care of it.
    pub(super) assignee: Option<UserId>,
}

/// What happens to a channel that was given to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing yet.
    Keep,
    /// It is settled: taken, ended, or arranged by a person.
    Forget,
    /// This person did not take it: somebody else gets it.
    TakeBack(UserId),
}

/// Looks at a channel that was given to somebody.
pub(super) fn then(routed: &Routed, available: bool, requeue_seconds: i64) -> Then {
    if !routed.wanted {
        return Then::Forget;
    }
    match routed.user {
        // It waits for the next one, and must not come to those who had it first.
        None if routed.assignee.is_none() || routed.seconds < IN_FLIGHT_SECONDS => Then::Keep,
        None => Then::Forget,
        Some(user) if routed.assignee == Some(user) => {
            let patience = if available {
                requeue_seconds
            } else {
                AWAY_SECONDS.min(requeue_seconds)
            };
            if routed.seconds < patience {
                Then::Keep
            } else {
                Then::TakeBack(user)
            }
        }
        Some(_) if routed.seconds < IN_FLIGHT_SECONDS => Then::Keep,
        Some(_) => Then::Forget,
    }
}

/// Gives the channels, which come in the order of the queue, to people, who come in the order in which
/// they were last given one. A channel of a team goes to its members; one of a team that is gone, to
/// anybody. Somebody who did not take it before gets it only when nobody else is there.
pub(super) fn assign(
    waiting: &[Waiting],
    people: Vec<Person>,
    teams: &HashMap<TeamId, HashSet<UserId>>,
) -> Vec<(ChannelId, UserId)> {
    let mut turns: VecDeque<Person> = people.into();
    let mut given = Vec::new();
    for channel in waiting {
        let members = channel.team.and_then(|team| teams.get(&team));
        let fits = |person: &Person| {
            person.free > 0 && members.is_none_or(|members| members.contains(&person.user))
        };
        let fresh = |person: &Person| fits(person) && !channel.passed_by.contains(&person.user);
        let Some(next) = turns
            .iter()
            .position(fresh)
            .or_else(|| turns.iter().position(fits))
        else {
            continue;
        };
        if let Some(mut person) = turns.remove(next) {
            given.push((channel.channel, person.user));
            person.free -= 1;
            turns.push_back(person);
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(free: &[i64]) -> Vec<Person> {
        free.iter()
            .map(|free| Person {
                user: UserId::new(),
                free: *free,
            })
            .collect()
    }

    fn queue(count: usize) -> Vec<Waiting> {
        (0..count)
            .map(|_| Waiting {
                channel: ChannelId::new(),
                team: None,
                passed_by: Vec::new(),
            })
            .collect()
    }

    fn shares(given: &[(ChannelId, UserId)], people: &[Person]) -> Vec<usize> {
        let of = |person: &Person| {
            given
                .iter()
                .filter(|(_, user)| *user == person.user)
                .count()
        };
        people.iter().map(of).collect()
    }

    #[test]
    fn everybody_gets_their_turn() {
        let people = people(&[10, 10, 10]);
        let waiting = queue(7);
        let given = assign(&waiting, people.clone(), &HashMap::new());
        assert_eq!(shares(&given, &people), [3, 2, 2]);
        // In the order of the queue, to those who were given one longest ago.
        let channels: Vec<_> = given.iter().map(|(channel, _)| *channel).collect();
        assert_eq!(
            channels,
            waiting.iter().map(|w| w.channel).collect::<Vec<_>>()
        );
        assert_eq!(given[0].1, people[0].user);
        assert_eq!(given[3].1, people[0].user);
    }

    #[test]
    fn nobody_gets_more_than_they_take() {
        let people = people(&[1, 0, 3, -2]);
        let given = assign(&queue(20), people.clone(), &HashMap::new());
        assert_eq!(shares(&given, &people), [1, 0, 3, 0]);
    }

    #[test]
    fn a_team_gets_what_is_its_own_and_nobody_else_does() {
        let people = people(&[5, 5, 5]);
        let (team, empty, gone) = (TeamId::new(), TeamId::new(), TeamId::new());
        let teams = HashMap::from([
            (team, HashSet::from([people[2].user])),
            (empty, HashSet::new()),
        ]);
        let mut waiting = queue(4);
        waiting[0].team = Some(empty);
        waiting[1].team = Some(team);
        waiting[2].team = Some(team);
        waiting[3].team = Some(gone);
        let given = assign(&waiting, people.clone(), &teams);
        assert_eq!(
            given,
            [
                (waiting[1].channel, people[2].user),
                (waiting[2].channel, people[2].user),
                (waiting[3].channel, people[0].user),
            ]
        );
    }

    #[test]
    fn a_team_that_has_no_room_does_not_hold_up_the_others() {
        let people = people(&[0, 5]);
        let team = TeamId::new();
        let teams = HashMap::from([(team, HashSet::from([people[0].user]))]);
        let mut waiting = queue(2);
        waiting[0].team = Some(team);
        let given = assign(&waiting, people.clone(), &teams);
        assert_eq!(given, [(waiting[1].channel, people[1].user)]);
    }

    #[test]
    fn where_nobody_is_there_everything_waits() {
        assert_eq!(assign(&queue(3), Vec::new(), &HashMap::new()), []);
        assert_eq!(assign(&[], people(&[1]), &HashMap::new()), []);
    }

    #[test]
    fn who_did_not_take_it_gets_it_last() {
        let people = people(&[1, 1]);
        let mut waiting = queue(1);
        waiting[0].passed_by = vec![people[0].user];
        let given = assign(&waiting, people.clone(), &HashMap::new());
        assert_eq!(given, [(waiting[0].channel, people[1].user)]);
        waiting[0].passed_by = vec![people[0].user, people[1].user];
        let given = assign(&waiting, people.clone(), &HashMap::new());
        assert_eq!(given, [(waiting[0].channel, people[0].user)]);
    }

    #[test]
    fn what_was_given_is_kept_taken_back_or_settled() {
        let (ada, bob) = (UserId::new(), UserId::new());
        let routed = Routed {
            channel: ChannelId::new(),
            user: Some(ada),
            seconds: 60,
            wanted: true,
            assignee: Some(ada),
        };
        let then = |routed: Routed, available| then(&routed, available, 300);
        assert_eq!(then(routed.clone(), true), Then::Keep);
        assert_eq!(then(routed.clone(), false), Then::TakeBack(ada));
        let just_now = Routed {
            seconds: 19,
            ..routed.clone()
        };
        assert_eq!(then(just_now, false), Then::Keep);
        let late = Routed {
            seconds: 300,
            ..routed.clone()
        };
        assert_eq!(then(late, true), Then::TakeBack(ada));
        let taken = Routed {
            wanted: false,
            ..routed.clone()
        };
        assert_eq!(then(taken, true), Then::Forget);
        let given_on = Routed {
            assignee: Some(bob),
            ..routed.clone()
        };
        assert_eq!(then(given_on, true), Then::Forget);
        let not_there_yet = Routed {
            assignee: None,
            seconds: 1,
            ..routed.clone()
        };
        assert_eq!(then(not_there_yet.clone(), true), Then::Keep);
        let lost = Routed {
            seconds: 10,
            ..not_there_yet
        };
        assert_eq!(then(lost, true), Then::Forget);
        let back = Routed {
            user: None,
            assignee: None,
            ..routed.clone()
        };
        assert_eq!(then(back, true), Then::Keep);
        let arranged = Routed {
            user: None,
            assignee: Some(bob),
            ..routed
        };
        assert_eq!(then(arranged, true), Then::Forget);
    }
}
