//! Signs of life of those whose sockets are open on this instance.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use ids::{UserId, WorkspaceId};
use tokio_util::sync::CancellationToken;

use super::store;
use crate::app::App;

/// How often it is looked who is here, so that whoever comes is noticed soon.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often somebody who stays is told of. Three may be missed before they count as gone.
const TELL_EVERY: Duration = Duration::from_secs(20);

/// Somebody of a company.
type Person = (WorkspaceId, UserId);

/// Tells who has a socket here, until `stop`.
pub(crate) async fn tell_until(app: App, stop: CancellationToken) {
    let mut told: HashMap<Person, Instant> = HashMap::new();
    let mut failing = false;
    while !stop.is_cancelled() {
        let due = due(&mut told, &app.sockets.people(), Instant::now());
        if !due.is_empty() {
            match store::seen(&app.pool, &due).await {
                Ok(()) => {
                    failing = false;
                    let now = Instant::now();
                    told.extend(due.into_iter().map(|person| (person, now)));
                }
                Err(error) if !failing => {
                    tracing::warn!(%error, "nobody hears who is here");
                    failing = true;
                }
                Err(_) => {}
            }
        }
        stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY))
            .await;
    }
}

/// Of those who are here, the ones to be told of now. Who is gone is forgotten, so that coming back is
/// news.
fn due(told: &mut HashMap<Person, Instant>, here: &HashSet<Person>, now: Instant) -> Vec<Person> {
    told.retain(|person, _| here.contains(person));
    let is_due = |person: &&Person| {
        told.get(*person)
            .is_none_or(|at| now.duration_since(*at) >= TELL_EVERY)
    };
    here.iter().filter(is_due).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_is_told_of_at_once_and_who_stays_now_and_then() {
        let (ada, bob) = (
            (WorkspaceId::new(), UserId::new()),
            (WorkspaceId::new(), UserId::new()),
        );
        let start = Instant::now();
        let mut told = HashMap::new();
        let mut look = |here: &[Person], seconds: u64| {
            let now = start + Duration::from_secs(seconds);
            let found = due(&mut told, &here.iter().copied().collect(), now);
            told.extend(found.iter().map(|person| (*person, now)));
            found
        };
        assert_eq!(look(&[ada], 0), [ada]);
        assert_eq!(look(&[ada], 1), []);
        assert_eq!(look(&[ada, bob], 2), [bob]);
        assert_eq!(look(&[ada, bob], 20), [ada]);
        assert_eq!(look(&[bob], 21), []);
        assert_eq!(look(&[ada, bob], 21), [ada], "who comes back is news");
    }
}
