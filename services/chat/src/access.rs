//! Who may see and do what in a channel.

use chat_api::Sender;
use common::{
    Problem,
    tokens::{Participant, Permission},
};
use ids::{ChannelId, UserId, VisitorId};

use crate::{
    hub::Audience,
    log::{Actor, Error, Head, Log, Place},
};

/// How somebody stands to a channel that they may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is theirs: a visitor's, or that of a person who tries their own agent.
    Customer(VisitorId),
    /// They work for the company.
    Colleague(UserId),
}

impl Standing {
    /// Who they are in the channel.
    #[must_use]
    pub const fn actor(self) -> Actor {
        match self {
            Self::Customer(visitor) => Actor::Visitor(visitor),
            Self::Colleague(user) => Actor::Person(user),
        }
    }

    /// Whether the channel is theirs.
    #[must_use]
    pub const fn is_customer(self) -> bool {
        matches!(self, Self::Customer(_))
    }

    /// Which entries they may see.
    #[must_use]
    pub const fn audience(self) -> Audience {
        match self {
            Self::Customer(_) => Audience::Visitor,
            Self::Colleague(_) => Audience::People,
        }
    }

    /// Where the log ends for them.
    #[must_use]
    pub const fn end_of(self, head: &Head) -> i64 {
        match self {
            Self::Customer(_) => head.public_seq,
            Self::Colleague(_) => head.seq,
        }
    }

    /// The sender of what they do.
    #[must_use]
    pub fn sender(self) -> Sender {
        self.actor().sender()
    }

    /// Under whose id it is kept how far they have read.
    #[must_use]
    pub const fn reader(self) -> UserId {
        match self {
            Self::Customer(visitor) => UserId::from_uuid(visitor.as_uuid()),
            Self::Colleague(user) => user,
        }
    }

    /// Lets those pass who may write.
    ///
    /// # Errors
    /// 403 that names the missing permission.
    pub fn writer(self, who: &Participant) -> Result<Actor, Problem> {
        if let (Self::Colleague(_), Participant::Person(caller)) = (self, who) {
            caller.require(Permission::ConversationsWrite)?;
        }
        Ok(self.actor())
    }
}

/// The channel, when `who` may see it.
///
/// # Errors
/// 404 when there is none for them, 403 for a person who may see no conversations.
pub async fn enter(
    log: &Log,
    who: &Participant,
    channel: ChannelId,
) -> Result<(Place, Standing), Problem> {
    let place = Place {
        workspace: who.workspace_id(),
        channel,
    };
    let owner = match log.recent_head(place).await {
        Ok(head) => Some(head.visitor_id),
        Err(Error::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    match who {
        Participant::Visitor(visitor) if owner == Some(visitor.visitor_id) => {
            Ok((place, Standing::Customer(visitor.visitor_id)))
        }
        Participant::Visitor(_) => Err(Problem::not_found()),
        Participant::Person(caller) => {
            let as_visitor = VisitorId::from_uuid(caller.user_id.as_uuid());
            if owner == Some(as_visitor) {
                return Ok((place, Standing::Customer(as_visitor)));
            }
            // Before the answer tells whether it exists.
            caller.require(Permission::ConversationsRead)?;
            owner
                .map(|_| (place, Standing::Colleague(caller.user_id)))
                .ok_or_else(Problem::not_found)
        }
    }
}
