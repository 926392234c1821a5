//! What the gateway publishes: one line for each operation, as data.
//!
//! A test holds this table against the services' OpenAPI documents: each operation is here once, and
//! each line here is an operation.

mod find;

use std::{sync::LazyLock, time::Duration};

use http::Method;

pub use find::{Found, Known, allows_any_origin, find};

use crate::limits::Class;

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Upstream {
    /// Auth.
    Auth,
    /// Agent.
    Agent,
    /// CRM.
    Crm,
    /// Chat.
    Chat,
    /// Analytics.
    Analytics,
}

impl Upstream {
    /// Every service that is routed to.
    pub const ALL: [Self; 5] = [
        Self::Auth,
        Self::Agent,
        Self::Crm,
        Self::Chat,
        Self::Analytics,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Agent => "agent",
            Self::Crm => "crm",
            Self::Chat => "chat",
            Self::Analytics => "analytics",
        }
    }
}

/// Who may pass. What a caller may do is checked by the service that owns the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; a token is not looked at.
    Public,
    /// A person or a program.
    Person,
    /// A person, a program, or a visitor.
    Participant,
}

/// How it is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carriage {
    /// A request and its answer.
    Http,
    /// A WebSocket.
    Socket,
}

/// One published operation.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path below `/api/v1`, as in the OpenAPI document.
    pub path: &'static str,
    /// Where it goes.
    pub upstream: Upstream,
    /// Who may pass.
    pub access: Access,
    /// Whether pages of other sites may call it: the widget's routes. They use no cookies.
    pub any_origin: bool,
    /// How it is carried.
    pub carriage: Carriage,
    /// The largest body, in bytes.
    pub body_limit: u64,
    /// The time until the answer begins.
    pub deadline: Duration,
    /// Which limits its requests count against.
    pub limit: Class,
}

const KIB: u64 = 1024;
/// A text of 10,000 characters, each of which JSON may spell as two escapes of six bytes (RFC 8259 §7),
/// and what stands around it.
const TEXT: u64 = 128 * KIB;

fn route(method: Method, path: &'static str, upstream: Upstream, access: Access) -> Route {
    Route {
        method,
        path,
        upstream,
        access,
        any_origin: false,
        carriage: Carriage::Http,
        body_limit: 64 * KIB,
        deadline: Duration::from_secs(10),
        limit: Class::Standard,
    }
}

impl Route {
    fn widget(mut self) -> Self {
        self.any_origin = true;
        self
    }

    fn socket(mut self) -> Self {
        self.carriage = Carriage::Socket;
        self
    }

    fn body(mut self, limit: u64) -> Self {
        self.body_limit = limit;
        self
    }

    /// What attackers repeat: few times by address, and each asks Redis.
    fn sensitive(mut self) -> Self {
        self.limit = Class::Sensitive;
        self
    }

    /// What costs much: fewer times by caller.
    fn costly(mut self) -> Self {
        self.limit = Class::Costly;
        self
    }
}

/// Every published operation.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    use Access::{Participant, Person, Public};
    use Upstream::{Agent, Analytics, Auth, Chat, Crm};
    vec![
        route(Method::POST, "/auth/register", Auth, Public).sensitive(),
        route(Method::POST, "/auth/login", Auth, Public).sensitive(),
        route(Method::POST, "/auth/refresh", Auth, Public).sensitive(),
        route(Method::POST, "/auth/logout", Auth, Public),
        route(Method::POST, "/auth/logout/everywhere", Auth, Person),
        route(Method::GET, "/auth/sessions", Auth, Person),
        route(Method::DELETE, "/auth/sessions/{id}", Auth, Person),
        route(Method::GET, "/auth/me", Auth, Person),
        route(Method::PATCH, "/auth/me", Auth, Person),
        route(Method::DELETE, "/auth/me", Auth, Person),
        route(Method::POST, "/auth/email/verify", Auth, Public).sensitive(),
        route(Method::POST, "/auth/email/verification", Auth, Person).costly(),
        route(Method::POST, "/auth/email/change", Auth, Person).costly(),
        route(Method::POST, "/auth/password/forgotten", Auth, Public).sensitive(),
        route(Method::POST, "/auth/password/reset", Auth, Public).sensitive(),
        route(Method::POST, "/auth/password/change", Auth, Person).costly(),
        route(Method::GET, "/auth/audit", Auth, Person),
        route(Method::GET, "/auth/audit/export", Auth, Person).costly(),
        route(Method::POST, "/auth/visitors", Auth, Public)
            .widget()
            .sensitive(),
        route(Method::GET, "/auth/keys", Auth, Person),
        route(Method::POST, "/auth/keys", Auth, Person),
        route(Method::DELETE, "/auth/keys/{id}", Auth, Person),
        route(
            Method::POST,
            "/auth/workspace/identity-secret",
            Auth,
            Person,
        ),
        route(Method::POST, "/auth/login/second-factor", Auth, Public).sensitive(),
        route(Method::POST, "/auth/login/options", Auth, Public).sensitive(),
        route(Method::GET, "/auth/factors", Auth, Person),
        route(Method::POST, "/auth/totp", Auth, Person),
        route(Method::DELETE, "/auth/totp", Auth, Person),
        route(Method::POST, "/auth/totp/confirm", Auth, Person),
        route(Method::POST, "/auth/recovery-codes", Auth, Person),
        route(Method::GET, "/auth/passkeys", Auth, Person),
        route(Method::POST, "/auth/passkeys", Auth, Person),
        route(Method::POST, "/auth/passkeys/options", Auth, Person),
        route(Method::PATCH, "/auth/passkeys/{id}", Auth, Person),
        route(Method::DELETE, "/auth/passkeys/{id}", Auth, Person),
        route(Method::POST, "/auth/passkeys/login/options", Auth, Public).sensitive(),
        route(Method::POST, "/auth/passkeys/login", Auth, Public).sensitive(),
        route(Method::GET, "/auth/identities", Auth, Person),
        route(Method::DELETE, "/auth/identities/{id}", Auth, Person),
        route(Method::GET, "/auth/issuers", Auth, Person),
        route(Method::POST, "/auth/issuers", Auth, Person).costly(),
        route(Method::GET, "/auth/issuers/{id}", Auth, Person),
        route(Method::PATCH, "/auth/issuers/{id}", Auth, Person),
        route(Method::DELETE, "/auth/issuers/{id}", Auth, Person),
        route(Method::GET, "/auth/oidc/{id}/start", Auth, Public).sensitive(),
        route(Method::GET, "/auth/oidc/{id}/callback", Auth, Public).sensitive(),
        route(Method::GET, "/auth/workspaces", Auth, Person),
        route(Method::POST, "/auth/workspaces", Auth, Person),
        route(Method::POST, "/auth/workspaces/{id}/enter", Auth, Person),
        route(Method::GET, "/auth/workspace", Auth, Person),
        route(Method::PATCH, "/auth/workspace", Auth, Person),
        route(Method::DELETE, "/auth/workspace", Auth, Person),
        route(Method::POST, "/auth/workspace/transfer", Auth, Person),
        route(Method::GET, "/auth/members", Auth, Person),
        route(Method::PATCH, "/auth/members/{user_id}", Auth, Person),
        route(Method::DELETE, "/auth/members/{user_id}", Auth, Person),
        route(Method::GET, "/auth/invites", Auth, Person),
        route(Method::POST, "/auth/invites", Auth, Person).costly(),
        route(Method::DELETE, "/auth/invites/{id}", Auth, Person),
        route(Method::POST, "/auth/invites/{id}/resend", Auth, Person).costly(),
        route(Method::POST, "/auth/invites/lookup", Auth, Public).sensitive(),
        route(Method::POST, "/auth/invites/accept", Auth, Public).sensitive(),
        route(Method::GET, "/auth/roles", Auth, Person),
        route(Method::POST, "/auth/roles", Auth, Person),
        route(Method::GET, "/auth/roles/{id}", Auth, Person),
        route(Method::PATCH, "/auth/roles/{id}", Auth, Person),
        route(Method::DELETE, "/auth/roles/{id}", Auth, Person),
        route(Method::GET, "/auth/permissions", Auth, Person),
        route(Method::GET, "/.well-known/jwks.json", Auth, Public),
        route(Method::GET, "/agents", Agent, Person),
        route(Method::POST, "/agents", Agent, Person).body(256 * KIB),
        route(Method::GET, "/agents/{id}", Agent, Person),
        route(Method::PATCH, "/agents/{id}", Agent, Person).body(256 * KIB),
        route(Method::POST, "/agents/{id}/start", Agent, Participant).widget(),
        route(Method::GET, "/agents/{id}/documents", Agent, Person),
        // 400,000 characters of up to four bytes, and JSON's escapes.
        route(Method::POST, "/agents/{id}/documents", Agent, Person)
            .body(4096 * KIB)
            .costly(),
        route(
            Method::GET,
            "/agents/{id}/documents/{document_id}",
            Agent,
            Person,
        ),
        route(
            Method::DELETE,
            "/agents/{id}/documents/{document_id}",
            Agent,
            Person,
        ),
        route(Method::GET, "/contacts", Crm, Person),
        route(Method::POST, "/contacts", Crm, Person),
        route(Method::GET, "/contacts/{id}", Crm, Person),
        route(Method::PATCH, "/contacts/{id}", Crm, Person),
        route(Method::GET, "/contacts/{id}/interactions", Crm, Person),
        route(Method::GET, "/messages/{channel_id}", Chat, Participant).widget(),
        route(Method::POST, "/messages/{channel_id}", Chat, Participant)
            .widget()
            .body(TEXT),
        route(
            Method::PATCH,
            "/messages/{channel_id}/{seq}",
            Chat,
            Participant,
        )
        .widget()
        .body(TEXT),
        route(
            Method::DELETE,
            "/messages/{channel_id}/{seq}",
            Chat,
            Participant,
        )
        .widget(),
        route(
            Method::PUT,
            "/messages/{channel_id}/{seq}/reactions/{emoji}",
            Chat,
            Participant,
        )
        .widget(),
        route(
            Method::DELETE,
            "/messages/{channel_id}/{seq}/reactions/{emoji}",
            Chat,
            Participant,
        )
        .widget(),
        route(
            Method::PUT,
            "/messages/{channel_id}/{seq}/rating",
            Chat,
            Participant,
        )
        .widget(),
        route(Method::GET, "/channels", Chat, Participant).widget(),
        route(Method::GET, "/channels/counts", Chat, Person),
        route(Method::GET, "/channels/{id}/queue", Chat, Participant).widget(),
        route(Method::GET, "/views", Chat, Person),
        route(Method::POST, "/views", Chat, Person),
        route(Method::GET, "/views/{id}", Chat, Person),
        route(Method::PATCH, "/views/{id}", Chat, Person),
        route(Method::DELETE, "/views/{id}", Chat, Person),
        route(Method::GET, "/channels/{id}", Chat, Participant).widget(),
        route(Method::PATCH, "/channels/{id}", Chat, Person),
        route(Method::POST, "/channels/{id}/owner", Chat, Participant).widget(),
        route(Method::POST, "/channels/{id}/reopen", Chat, Participant).widget(),
        route(Method::POST, "/channels/{id}/rating", Chat, Participant).widget(),
        route(Method::POST, "/channels/{id}/read", Chat, Participant).widget(),
        route(Method::POST, "/channels/{id}/merge", Chat, Person),
        route(Method::POST, "/channels/{id}/unmerge", Chat, Person),
        route(
            Method::PUT,
            "/channels/{id}/participants/{user_id}",
            Chat,
            Person,
        ),
        route(
            Method::DELETE,
            "/channels/{id}/participants/{user_id}",
            Chat,
            Person,
        ),
        // A file of 20 MiB, which is streamed.
        route(
            Method::POST,
            "/channels/{id}/attachments",
            Chat,
            Participant,
        )
        .widget()
        .body(20 * 1024 * KIB)
        .costly(),
        route(Method::GET, "/attachments/{id}", Chat, Participant).widget(),
        route(
            Method::GET,
            "/attachments/{id}/thumbnail",
            Chat,
            Participant,
        )
        .widget(),
        route(Method::GET, "/chat-settings", Chat, Person),
        // Forms, labels, greetings in many languages, and the text that visitors agree to.
        route(Method::PATCH, "/chat-settings", Chat, Person).body(768 * KIB),
        route(Method::GET, "/widget-settings", Chat, Participant).widget(),
        route(Method::GET, "/consents", Chat, Person),
        route(Method::POST, "/consents", Chat, Participant).widget(),
        route(Method::PUT, "/introduction", Chat, Participant)
            .widget()
            .body(512 * KIB),
        route(Method::GET, "/teams", Chat, Person),
        route(Method::POST, "/teams", Chat, Person),
        route(Method::GET, "/teams/{id}", Chat, Person),
        route(Method::PATCH, "/teams/{id}", Chat, Person),
        route(Method::DELETE, "/teams/{id}", Chat, Person),
        route(Method::PUT, "/teams/{id}/members/{user_id}", Chat, Person),
        route(
            Method::DELETE,
            "/teams/{id}/members/{user_id}",
            Chat,
            Person,
        ),
        route(Method::GET, "/availability", Chat, Person),
        route(Method::PUT, "/availability", Chat, Person),
        route(Method::GET, "/availabilities", Chat, Person),
        route(Method::GET, "/canned-replies", Chat, Person),
        route(Method::POST, "/canned-replies", Chat, Person).body(TEXT),
        route(Method::GET, "/canned-replies/{id}", Chat, Person),
        route(Method::PATCH, "/canned-replies/{id}", Chat, Person).body(TEXT),
        route(Method::DELETE, "/canned-replies/{id}", Chat, Person),
        // Fifty values of a thousand characters.
        route(Method::POST, "/canned-replies/{id}/render", Chat, Person).body(768 * KIB),
        route(Method::GET, "/channels/{id}/draft", Chat, Person),
        route(Method::PUT, "/channels/{id}/draft", Chat, Person).body(TEXT),
        route(Method::DELETE, "/channels/{id}/draft", Chat, Person),
        route(
            Method::GET,
            "/channels/{id}/scheduled-messages",
            Chat,
            Person,
        ),
        route(
            Method::POST,
            "/channels/{id}/scheduled-messages",
            Chat,
            Person,
        )
        .body(TEXT),
        route(
            Method::GET,
            "/channels/{id}/scheduled-messages/{message_id}",
            Chat,
            Person,
        ),
        route(
            Method::PATCH,
            "/channels/{id}/scheduled-messages/{message_id}",
            Chat,
            Person,
        )
        .body(TEXT),
        route(
            Method::DELETE,
            "/channels/{id}/scheduled-messages/{message_id}",
            Chat,
            Person,
        ),
        route(Method::GET, "/ws/chat", Chat, Participant)
            .widget()
            .socket(),
        route(Method::GET, "/metrics", Analytics, Person),
        route(Method::GET, "/reports/{type}", Analytics, Person),
    ]
});

#[cfg(test)]
mod tests;
