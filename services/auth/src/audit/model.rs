//! What an entry of the audit log says.

use std::net::IpAddr;

use common::tokens::{Caller, Role};
use ids::{InviteId, IssuerId, KeyId, PasskeyId, RoleId, SessionId, UserId, WorkspaceId};
use serde_json::Value;
use uuid::Uuid;

use crate::client::Client;

/// Who did it.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(super) who: Who,
    pub(super) address: Option<IpAddr>,
    pub(super) user_agent: Option<String>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Who {
    User(UserId),
    Program(KeyId),
    System,
}

impl Actor {
    /// The caller, at this client.
    pub(crate) fn of(caller: &Caller, client: &Client) -> Self {
        let who = if caller.role == Role::Program {
            Who::Program(KeyId::from_uuid(caller.user_id.as_uuid()))
        } else {
            Who::User(caller.user_id)
        };
        Self::at(who, client)
    }

    /// A person who proved who they are otherwise than by a token: by a link, or by signing in.
    pub(crate) fn person(user: UserId, client: &Client) -> Self {
        Self::at(Who::User(user), client)
    }

    /// Syntera itself.
    pub(crate) fn system() -> Self {
        Self::at(Who::System, &Client::default())
    }

    /// Syntera itself, because of a request from this client.
    pub(crate) fn system_for(client: &Client) -> Self {
        Self::at(Who::System, client)
    }

    /// The person, if it is one.
    pub(crate) fn user(&self) -> Option<UserId> {
        match self.who {
            Who::User(user) => Some(user),
            Who::Program(_) | Who::System => None,
        }
    }

    fn at(who: Who, client: &Client) -> Self {
        Self {
            who,
            address: client.address,
            user_agent: client.user_agent.clone(),
        }
    }
}

impl Who {
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Program(_) => "program",
            Self::System => "system",
        }
    }

    pub(super) const fn id(self) -> Option<Uuid> {
        match self {
            Self::User(id) => Some(id.as_uuid()),
            Self::Program(id) => Some(id.as_uuid()),
            Self::System => None,
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What was done, as `<resource>.<verb>`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Action { $($(#[$doc])* $name,)+ }

        impl Action {
            /// The action as the table and the API spell it.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

actions! {
    /// A workspace was created.
    WorkspaceCreated = "workspace.created",
    /// A workspace's settings were changed.
    WorkspaceUpdated = "workspace.updated",
    /// A workspace was deleted.
    WorkspaceDeleted = "workspace.deleted",
    /// The ownership of a workspace went to somebody else.
    WorkspaceTransferred = "workspace.transferred",
    /// The secret that signs visitors' identities was replaced.
    IdentitySecretRotated = "identity_secret.rotated",
    /// A person signed in.
    SessionCreated = "session.created",
    /// A session was ended.
    SessionEnded = "session.ended",
    /// A used refresh token came back: somebody has a copy.
    RefreshTokenReused = "session.refresh_token_reused",
    /// A name was changed.
    AccountUpdated = "account.updated",
    /// An account was deleted.
    AccountDeleted = "account.deleted",
    /// An e-mail address was verified.
    EmailVerified = "email.verified",
    /// An e-mail address was changed.
    EmailChanged = "email.changed",
    /// A person asked for another e-mail address.
    EmailChangeRequested = "email.change_requested",
    /// A password was changed by its owner.
    PasswordChanged = "password.changed",
    /// A forgotten password was replaced.
    PasswordReset = "password.reset",
    /// Somebody was invited.
    InviteCreated = "invite.created",
    /// An invitation was sent again.
    InviteResent = "invite.resent",
    /// An invitation was withdrawn.
    InviteRevoked = "invite.revoked",
    /// Somebody joined.
    MemberJoined = "member.joined",
    /// A member's role was changed.
    MemberUpdated = "member.updated",
    /// A member was removed.
    MemberRemoved = "member.removed",
    /// A member left.
    MemberLeft = "member.left",
    /// A role was made.
    RoleCreated = "role.created",
    /// A role was changed.
    RoleUpdated = "role.updated",
    /// A role was deleted.
    RoleDeleted = "role.deleted",
    /// An authenticator app was added.
    TotpEnabled = "totp.enabled",
    /// An authenticator app was removed.
    TotpDisabled = "totp.disabled",
    /// Recovery codes were made anew.
    RecoveryCodesReplaced = "recovery_codes.replaced",
    /// A recovery code was used.
    RecoveryCodeUsed = "recovery_codes.used",
    /// A passkey was added.
    PasskeyAdded = "passkey.added",
    /// A passkey was renamed.
    PasskeyRenamed = "passkey.renamed",
    /// A passkey was removed.
    PasskeyRemoved = "passkey.removed",
    /// An identity provider was added.
    IssuerCreated = "issuer.created",
    /// An identity provider was changed.
    IssuerUpdated = "issuer.updated",
    /// An identity provider signed somebody in for the first time.
    IssuerLinked = "issuer.linked",
    /// A person unlinked an identity provider.
    IssuerUnlinked = "issuer.unlinked",
    /// An identity provider was removed.
    IssuerDeleted = "issuer.deleted",
    /// A key was created.
    KeyCreated = "key.created",
    /// A key was revoked.
    KeyRevoked = "key.revoked",
}

/// What it was done to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    Workspace(WorkspaceId),
    User(UserId),
    Session(SessionId),
    Invite(InviteId),
    Role(RoleId),
    Passkey(PasskeyId),
    Issuer(IssuerId),
    Key(KeyId),
}

impl Target {
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Workspace(_) => "workspace",
            Self::User(_) => "user",
            Self::Session(_) => "session",
            Self::Invite(_) => "invite",
            Self::Role(_) => "role",
            Self::Passkey(_) => "passkey",
            Self::Issuer(_) => "issuer",
            Self::Key(_) => "key",
        }
    }

    pub(super) const fn id(self) -> Uuid {
        match self {
            Self::Workspace(id) => id.as_uuid(),
            Self::User(id) => id.as_uuid(),
            Self::Session(id) => id.as_uuid(),
            Self::Invite(id) => id.as_uuid(),
            Self::Role(id) => id.as_uuid(),
            Self::Passkey(id) => id.as_uuid(),
            Self::Issuer(id) => id.as_uuid(),
            Self::Key(id) => id.as_uuid(),
        }
    }
}

/// One change.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(super) action: Action,
    pub(super) target: Target,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

impl Change {
    /// Something happened to `target`.
    pub(crate) const fn new(action: Action, target: Target) -> Self {
        Self {
            action,
            target,
            before: None,
            after: None,
        }
    }

    /// With what it was before: ids and codes, nothing personal and no secret.
    pub(crate) fn before(mut self, before: Value) -> Self {
        self.before = Some(before);
        self
    }

    /// With what it is now: ids and codes, nothing personal and no secret.
    pub(crate) fn after(mut self, after: Value) -> Self {
        self.after = Some(after);
        self
    }
}
