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
    /// A role that the workspace made; its permissions say what it may do.
    Custom,
    /// Nobody: a program with a secret key, whose scopes say what it may do.
    Program,
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
            Self::Custom => "custom",
            Self::Program => "program",
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
            Self::Custom,
            Self::Program,
        ]
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| format!("no role is called {text:?}"))
    }
}

macro_rules! permissions {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)+) => {
        /// One thing that a caller may do, as `<resource>:<read|write|moderate>`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Permission { $($(#[doc = $doc])* $name,)+ }

        impl Permission {
            /// Every permission, for the test that holds them against auth's table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The permission as tokens and tables spell it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What it lets somebody do, as a sentence.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii_start(),)+ }
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
    /// Take back what others said in conversations.
    ConversationsModerate = "conversations:moderate",
    /// Change how conversations go: their settings, teams, shared views and shared replies.
    ChatSettingsWrite = "chat_settings:write",
    /// See metrics and reports.
    AnalyticsRead = "analytics:read",
    /// See API keys.
    KeysRead = "keys:read",
    /// Create and revoke API keys.
    KeysWrite = "keys:write",
    /// See who belongs to the workspace, and who is invited.
    MembersRead = "members:read",
    /// Invite people, change their roles, and remove them.
    MembersWrite = "members:write",
    /// See roles and what they may do.
    RolesRead = "roles:read",
    /// Make, change and delete the workspace's own roles.
    RolesWrite = "roles:write",
    /// See the workspace's settings.
    WorkspaceRead = "workspace:read",
    /// Change the workspace's settings, and how visitors prove who they are.
    WorkspaceWrite = "workspace:write",
    /// See the identity providers that people may sign in with.
    IssuersRead = "issuers:read",
    /// Add, change and remove identity providers.
    IssuersWrite = "issuers:write",
    /// Read the audit log.
    AuditRead = "audit:read",
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
