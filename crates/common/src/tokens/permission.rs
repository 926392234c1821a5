//! What a caller may do.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A role of a person in a workspace. Auth's `permissions` table says what each may do; the access
/// token carries the result, so that no other service needs to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything, and cannot vanish.
    Owner,
    /// May do everything but dispose of the workspace.
    Admin,
    /// Leads operators.
    Supervisor,
    /// Answers customers.
    Agent,
    /// Looks, and changes nothing.
    Viewer,
}

impl Role {
    /// The role as tokens and tables spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Supervisor => "supervisor",
            Self::Agent => "agent",
            Self::Viewer => "viewer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [
            Self::Owner,
            Self::Admin,
            Self::Supervisor,
            Self::Agent,
            Self::Viewer,
        ]
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| format!("no role is called {text:?}"))
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// One thing that a caller may do, as `<resource>:<read|write>`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Permission { $($(#[$doc])* $name,)+ }

        impl Permission {
            /// Every permission, for the test that holds them against auth's table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The permission as tokens and tables spell it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

permissions! {
    /// See agents and their documents.
    AgentsRead = "agents:read",
    /// Create and change agents and their documents.
    AgentsWrite = "agents:write",
    /// See contacts and their interactions.
    ContactsRead = "contacts:read",
    /// Create and change contacts.
    ContactsWrite = "contacts:write",
    /// Read conversations.
    ConversationsRead = "conversations:read",
    /// Write in conversations, take them over, end them.
    ConversationsWrite = "conversations:write",
    /// See metrics and reports.
    AnalyticsRead = "analytics:read",
    /// See API keys.
    KeysRead = "keys:read",
    /// Create and revoke API keys.
    KeysWrite = "keys:write",
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
