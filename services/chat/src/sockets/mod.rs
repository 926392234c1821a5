//! `/ws/chat`: the sockets of this instance, and the watch over their tokens.

mod follow;
mod session;
mod tell;
mod upgrade;
mod work;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chat_api::socket::CLOSE_UNAUTHENTICATED;
use chrono::{DateTime, Utc};
use clock::Clock;
use common::{
    ErrorCode,
    tokens::{Participant, Revocations},
};
use ids::{SessionId, UserId, WorkspaceId};
use tokio_util::sync::CancellationToken;

pub use upgrade::routes;

use crate::{
    hub::{Close, Outbox},
    metrics,
};

/// How often every socket's token is looked at.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The token has ended, and no new one came.
const EXPIRED: Close = Close {
    code: CLOSE_UNAUTHENTICATED,
    reason: "token expired",
};
/// The session was ended.
const REVOKED: Close = Close {
    code: CLOSE_UNAUTHENTICATED,
    reason: "session revoked",
};
/// Nobody knows whether the session was ended, or the log cannot be read (RFC 6455 registry: try again
/// later).
const UNAVAILABLE: Close = Close {
    code: 1013,
    reason: "try again later",
};
/// This instance stops; another one takes the client (RFC 6455 registry: service restart).
const RESTART: Close = Close {
    code: 1012,
    reason: "service restart",
};

/// The sockets of this instance. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Sockets(Arc<Mutex<HashMap<u64, Watched>>>);

#[derive(Debug)]
struct Watched {
    outbox: Arc<Outbox>,
    session: SessionId,
    expires_at: DateTime<Utc>,
    /// Who of the company it is; nobody, when it is a visitor's.
    person: Option<(WorkspaceId, UserId)>,
}

/// A socket that is watched as long as this lives.
#[derive(Debug)]
struct Watch {
    sockets: Sockets,
    socket: u64,
}

impl Sockets {
    /// Ends sockets whose token is over, until `cut`; then all of them.
    pub async fn watch_until(self, revocations: Revocations, clock: Clock, cut: CancellationToken) {
        while cut
            .run_until_cancelled(tokio::time::sleep(WATCH_EVERY))
            .await
            .is_some()
        {
            let now = clock.now();
            for watched in self.open().values() {
                if let Some(close) = verdict(watched, &revocations, now) {
                    watched.outbox.close(close);
                }
            }
        }
        for watched in self.open().values() {
            watched.outbox.close(RESTART);
        }
    }

    fn add(&self, socket: u64, outbox: Arc<Outbox>, who: &Participant) -> Watch {
        let (session, expires_at) = (who.session_id(), expiry(who));
        self.open().insert(
            socket,
            Watched {
                outbox,
                session,
                expires_at,
                person: person(who),
            },
        );
        metrics::SOCKETS.inc();
        Watch {
            sockets: self.clone(),
            socket,
        }
    }

    /// The people of companies who have a socket here.
    #[must_use]
    pub fn people(&self) -> HashSet<(WorkspaceId, UserId)> {
        let open = self.open();
        open.values().filter_map(|watched| watched.person).collect()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// The socket has a new token.
    fn renewed(&self, who: &Participant) {
        if let Some(watched) = self.sockets.open().get_mut(&self.socket) {
            (watched.session, watched.expires_at) = (who.session_id(), expiry(who));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.sockets.open().remove(&self.socket);
        metrics::SOCKETS.dec();
    }
}

fn verdict(watched: &Watched, revocations: &Revocations, now: DateTime<Utc>) -> Option<Close> {
    if watched.expires_at <= now {
        return Some(EXPIRED);
    }
    match revocations.check(watched.session) {
        Ok(()) => None,
        Err(problem) if problem.code() == ErrorCode::SessionRevoked => Some(REVOKED),
        // A list that is too old does not tell, and a guess could be wrong.
        Err(_) => Some(UNAVAILABLE),
    }
}

const fn expiry(who: &Participant) -> DateTime<Utc> {
    match who {
        Participant::Person(caller) => caller.expires_at,
        Participant::Visitor(visitor) => visitor.expires_at,
    }
}

fn person(who: &Participant) -> Option<(WorkspaceId, UserId)> {
    match who {
        Participant::Person(caller) => Some((caller.workspace_id, caller.user_id)),
        Participant::Visitor(_) => None,
    }
}
