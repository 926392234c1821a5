//! The rules of a session: when a refresh token is good, and why a session ends.

use chrono::{DateTime, Duration, Utc};
use ids::{SessionId, UserId, WorkspaceId};

use crate::secrets::Hash;

/// A session that is not used for this long is over.
pub(crate) const IDLE: Duration = Duration::days(30);
/// A token may come back this long after its first use, from a second tab or as a retry, and gets the
/// same successor.
const GRACE: Duration = Duration::seconds(10);
/// Ended sessions are named this long to those who ask for revocations: longer than a token lives.
pub(crate) const NAMED_AS_ENDED: Duration = Duration::hours(2);
/// What is over is kept this much longer, to explain itself.
pub(crate) const KEPT: Duration = Duration::days(1);

/// What a sign-in needs to know of an account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) user: UserId,
    /// None where nobody signs in by one.
    pub(super) password_hash: Option<String>,
    /// How many recovery codes there are beside an authenticator app; none without an app.
    pub(super) codes_beside_app: Option<i64>,
}

/// A new sign-in of a person.
#[derive(Debug, Clone)]
pub(super) struct NewSession {
    pub(super) id: SessionId,
    pub(super) workspace: WorkspaceId,
    pub(super) user: UserId,
    pub(super) methods: Vec<String>,
    /// When the person proved who they are, if it was for another session.
    pub(super) began_at: Option<DateTime<Utc>>,
    pub(super) at: DateTime<Utc>,
}

/// Which session stays when a person's sessions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spare {
    /// None.
    None,
    /// The one in which it happens.
    Session(SessionId),
}

impl Spare {
    pub(super) const fn session(self) -> Option<SessionId> {
        match self {
            Self::None => None,
            Self::Session(session) => Some(session),
        }
    }
}

/// What is known of a refresh token that came in, and of its session.
#[derive(Debug, Clone)]
pub(crate) struct Presented {
    pub(crate) session: SessionId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) user: UserId,
    pub(crate) ended: bool,
    /// When the person proved who they are.
    pub(crate) began_at: DateTime<Utc>,
    pub(crate) issued_at: DateTime<Utc>,
    pub(crate) used: Option<Use>,
}

/// The first use of a refresh token.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    pub(crate) at: DateTime<Utc>,
    /// The token that came of it.
    pub(crate) successor: Hash,
    /// Whether that one was used too.
    pub(crate) successor_used: bool,
}

/// What becomes of a refresh token that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its first use: it gets a successor.
    Rotate,
    /// A second tab or a retry: it gets the same successor, of this hash.
    Repeat(Hash),
    /// Somebody has a copy (RFC 9700 §4.14.2): the session ends.
    Reused,
    /// The session was not used for too long.
    Idle,
    /// The person proved who they are too long ago.
    Old,
    /// The session has ended.
    Ended,
}

impl Presented {
    /// Judges the token of a session that is good for `lifetime`, however much it is used.
    pub(crate) fn judge(&self, now: DateTime<Utc>, lifetime: Duration) -> Verdict {
        if self.ended {
            return Verdict::Ended;
        }
        match &self.used {
            Some(used) if used.successor_used || now - used.at > GRACE => Verdict::Reused,
            Some(used) => Verdict::Repeat(used.successor.clone()),
            None if now - self.issued_at > IDLE => Verdict::Idle,
            None if now - self.began_at > lifetime => Verdict::Old,
            None => Verdict::Rotate,
        }
    }
}

macro_rules! end_reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// Why a session ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum EndReason { $($(#[$doc])* $name,)+ }

        impl EndReason {
            /// As the table spells it.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

end_reasons! {
    /// The person signed out.
    SignedOut = "signed_out",
    /// The person ended it from another device.
    Revoked = "revoked",
    /// A refresh token came back that was used already.
    RefreshTokenReused = "refresh_token_reused",
    /// The password was changed.
    PasswordChanged = "password_changed",
    /// The person went on in another workspace.
    Moved = "moved",
    /// The person's role was changed.
    RoleChanged = "role_changed",
    /// The workspace demands a second factor, which it lacked.
    SecondFactorDemanded = "second_factor_demanded",
    /// The person is no longer in the workspace.
    MembershipEnded = "membership_ended",
    /// The account was deleted.
    AccountDeleted = "account_deleted",
    /// The workspace was deleted.
    WorkspaceDeleted = "workspace_deleted",
    /// The identity provider that opened it was removed.
    IssuerRemoved = "issuer_removed",
    /// The person unlinked the identity provider that opened it.
    IssuerUnlinked = "issuer_unlinked",
    /// The key that it rests on was revoked.
    KeyRevoked = "key_revoked",
    /// The visitor proved who they are: what was theirs before may be known to others.
    VisitorIdentified = "visitor_identified",
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::days(90);

    fn presented(used: Option<Use>) -> Presented {
        Presented {
            session: SessionId::new(),
            workspace: WorkspaceId::new(),
            user: UserId::new(),
            ended: false,
            began_at: DateTime::UNIX_EPOCH,
            issued_at: DateTime::UNIX_EPOCH,
            used,
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn used(at: DateTime<Utc>, successor_used: bool) -> Option<Use> {
        Some(Use {
            at,
            successor: Hash::from(vec![1]),
            successor_used,
        })
    }

    #[test]
    fn a_fresh_token_rotates_for_thirty_days() {
        assert_eq!(presented(None).judge(at(1), LIFETIME), Verdict::Rotate);
        assert_eq!(
            presented(None).judge(at(30 * 86_400), LIFETIME),
            Verdict::Rotate
        );
        assert_eq!(
            presented(None).judge(at(30 * 86_400 + 1), LIFETIME),
            Verdict::Idle
        );
    }

    #[test]
    fn a_session_is_over_however_much_it_is_used() {
        let rotated = Presented {
            issued_at: at(90 * 86_400),
            ..presented(None)
        };
        assert_eq!(rotated.judge(at(90 * 86_400), LIFETIME), Verdict::Rotate);
        assert_eq!(rotated.judge(at(90 * 86_400 + 1), LIFETIME), Verdict::Old);
    }

    #[test]
    fn a_used_token_repeats_within_the_grace_only() {
        let repeat = Verdict::Repeat(Hash::from(vec![1]));
        assert_eq!(
            presented(used(at(100), false)).judge(at(110), LIFETIME),
            repeat
        );
        // Another replica's clock may be behind.
        assert_eq!(
            presented(used(at(100), false)).judge(at(99), LIFETIME),
            repeat
        );
        assert_eq!(
            presented(used(at(100), false)).judge(at(111), LIFETIME),
            Verdict::Reused
        );
        assert_eq!(
            presented(used(at(100), true)).judge(at(101), LIFETIME),
            Verdict::Reused
        );
    }

    #[test]
    fn an_ended_session_is_ended_whatever_the_token() {
        for used in [None, used(at(100), false), used(at(100), true)] {
            let presented = Presented {
                ended: true,
                ..presented(used)
            };
            assert_eq!(presented.judge(at(101), LIFETIME), Verdict::Ended);
        }
    }
}
