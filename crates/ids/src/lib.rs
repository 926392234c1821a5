//! Typed UUIDv7 ids, so that swapped arguments do not compile.
//!
//! Every id of the product is made here and nowhere else: `Uuid::now_v7` is banned by clippy outside
//! this crate. Version 7 keeps ids of one table in the order of their creation, which keeps B-trees
//! dense and makes the id usable as the tie-breaker of a keyset cursor.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not a UUID where an id was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseIdError;

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id: expected a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")
    }
}

impl std::error::Error for ParseIdError {}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
            utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, later than every earlier one of this process.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "each call gives another value")]
            #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id that another system, or another kind of id, already gave this thing.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare value, for stores that know no typed ids.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self).map_err(|_| ParseIdError)
            }
        }
    )+};
}

typed_ids! {
    /// The tenant. Every row, document, cache key, event and socket carries one.
    WorkspaceId,
    /// A person who signs in.
    UserId,
    /// One sign-in of a person: a family of refresh tokens.
    SessionId,
    /// An API key, publishable or secret.
    KeyId,
    /// A role that a workspace made.
    RoleId,
    /// An invitation to a workspace.
    InviteId,
    /// A passkey of a person.
    PasskeyId,
    /// An identity provider that people may sign in with.
    IssuerId,
    /// An entry of the audit log.
    AuditId,
    /// A letter that is to be sent.
    LetterId,
    /// A data key of the vault.
    DataKeyId,
    /// A key that signs access tokens.
    SigningKeyId,
    /// Somebody who opened the widget.
    VisitorId,
    /// The configuration of an AI agent.
    AgentId,
    /// A text that an agent answers from.
    DocumentId,
    /// A searchable piece of a document.
    ChunkId,
    /// A channel of chat, which is also the id of the conversation that the agent service keeps.
    ChannelId,
    /// A file of a message.
    AttachmentId,
    /// A group of people who take care of channels together.
    TeamId,
    /// A filter over the inbox that somebody saved.
    ViewId,
    /// A text that people answer with again and again.
    CannedReplyId,
    /// A message that is to be sent later.
    ScheduledMessageId,
    /// What somebody was writing, as it was kept once.
    DraftId,
    /// One attempt to answer the customer.
    TurnId,
    /// One running process of a service.
    InstanceId,
    /// A contact of the CRM.
    ContactId,
    /// A finished call, chat or video with a contact.
    InteractionId,
    /// One measured value.
    MetricId,
    /// An event on the bus.
    EventId,
    /// One HTTP request, as it travels through the services.
    RequestId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_process_ascend() {
        let ids: Vec<AgentId> = (0..1000).map(|_| AgentId::new()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn text_round_trips_and_garbage_is_refused() {
        let id = ContactId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("42".parse::<ContactId>(), Err(ParseIdError));
    }
}
