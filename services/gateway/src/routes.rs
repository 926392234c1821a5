//! What the gateway publishes: one line for each operation, as data.
//!
//! A test holds this table against the services' OpenAPI documents: each operation is here once, and
//! each line here is an operation.

use std::{sync::LazyLock, time::Duration};

use http::Method;

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
}

const KIB: u64 = 1024;

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
}

/// Every published operation.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    use Access::{Participant, Person, Public};
    use Upstream::{Agent, Analytics, Auth, Chat, Crm};
    vec![
        route(Method::POST, "/auth/register", Auth, Public),
        route(Method::POST, "/auth/login", Auth, Public),
        route(Method::POST, "/auth/refresh", Auth, Public),
        route(Method::POST, "/auth/logout", Auth, Public),
        route(Method::GET, "/auth/me", Auth, Person),
        route(Method::POST, "/auth/visitors", Auth, Public).widget(),
        route(Method::GET, "/auth/keys", Auth, Person),
        route(Method::POST, "/auth/keys", Auth, Person),
        route(Method::DELETE, "/auth/keys/{id}", Auth, Person),
        route(Method::GET, "/.well-known/jwks.json", Auth, Public),
        route(Method::GET, "/agents", Agent, Person),
        route(Method::POST, "/agents", Agent, Person).body(256 * KIB),
        route(Method::GET, "/agents/{id}", Agent, Person),
        route(Method::PATCH, "/agents/{id}", Agent, Person).body(256 * KIB),
        route(Method::POST, "/agents/{id}/start", Agent, Participant).widget(),
        route(Method::GET, "/agents/{id}/documents", Agent, Person),
        // 400,000 characters of up to four bytes, and JSON's escapes.
        route(Method::POST, "/agents/{id}/documents", Agent, Person).body(4096 * KIB),
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
        route(Method::POST, "/messages/{channel_id}", Chat, Participant).widget(),
        route(Method::GET, "/channels/{id}", Chat, Participant).widget(),
        route(Method::POST, "/channels/{id}/owner", Chat, Participant).widget(),
        route(Method::GET, "/ws/chat", Chat, Participant)
            .widget()
            .socket(),
        route(Method::GET, "/metrics", Analytics, Person),
        route(Method::GET, "/reports/{type}", Analytics, Person),
    ]
});

/// What the table says of a request.
#[derive(Debug)]
pub enum Found {
    /// This is its line.
    Route(&'static Route),
    /// The path is there, for these methods.
    OtherMethods(Vec<Method>),
    /// Nothing is there.
    Nothing,
}

static PATHS: LazyLock<matchit::Router<Vec<&'static Route>>> = LazyLock::new(|| {
    let mut by_path: std::collections::BTreeMap<&str, Vec<&'static Route>> =
        std::collections::BTreeMap::new();
    for route in ROUTES.iter() {
        by_path.entry(route.path).or_default().push(route);
    }
    let mut router = matchit::Router::new();
    for (path, routes) in by_path {
        router
            .insert(path, routes)
            .expect("the paths of the table do not collide, as a test shows");
    }
    router
});

/// Looks a request up. `path` is what follows `/api/v1`. `HEAD` is answered where `GET` is (RFC 9110
/// §9.3.2).
#[must_use]
pub fn find(method: &Method, path: &str) -> Found {
    let Ok(matched) = PATHS.at(path) else {
        return Found::Nothing;
    };
    let wanted = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    match matched.value.iter().find(|route| route.method == *wanted) {
        Some(route) => Found::Route(route),
        None => Found::OtherMethods(
            matched
                .value
                .iter()
                .map(|route| route.method.clone())
                .collect(),
        ),
    }
}

/// Whether pages of other sites may call some operation of this path: what a preflight asks.
#[must_use]
pub fn allows_any_origin(path: &str) -> bool {
    PATHS
        .at(path)
        .is_ok_and(|matched| matched.value.iter().any(|route| route.any_origin))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;

    #[test]
    fn lookups() {
        assert!(
            matches!(find(&Method::GET, "/contacts/1"), Found::Route(route) if route.path == "/contacts/{id}")
        );
        assert!(matches!(find(&Method::HEAD, "/contacts"), Found::Route(_)));
        assert!(
            matches!(find(&Method::PUT, "/contacts"), Found::OtherMethods(methods) if methods.len() == 2)
        );
        assert!(matches!(
            find(&Method::GET, "/internal/jwks"),
            Found::Nothing
        ));
        assert!(matches!(
            find(&Method::GET, "/contacts/1/../../internal"),
            Found::Nothing
        ));
        assert!(allows_any_origin("/auth/visitors") && !allows_any_origin("/auth/login"));
    }

    /// The operations of all committed documents: service, method, path, and whether they are public.
    fn documented() -> BTreeSet<(String, String, String, bool)> {
        let mut operations = BTreeSet::new();
        for service in Upstream::ALL {
            let file = format!(
                "{}/../../openapi/{}.json",
                env!("CARGO_MANIFEST_DIR"),
                service.name()
            );
            let text = fs::read_to_string(&file).unwrap_or_else(|_| panic!("{file} is there"));
            let document: serde_json::Value = serde_json::from_str(&text).unwrap();
            for (path, item) in document["paths"].as_object().unwrap() {
                for (method, operation) in item.as_object().unwrap() {
                    let public = operation["security"].as_array().is_some_and(|all| {
                        all.iter().all(|one| one.as_object().unwrap().is_empty())
                    });
                    operations.insert((
                        service.name().to_owned(),
                        method.to_uppercase(),
                        path.clone(),
                        public,
                    ));
                }
            }
        }
        operations
    }

    #[test]
    fn every_documented_operation_is_routed_once_and_every_route_is_documented() {
        let routed: Vec<_> = ROUTES
            .iter()
            .map(|route| {
                let public = route.access == Access::Public;
                (
                    route.upstream.name().to_owned(),
                    route.method.to_string(),
                    route.path.to_owned(),
                    public,
                )
            })
            .collect();
        let once: BTreeSet<_> = routed.iter().cloned().collect();
        assert_eq!(
            routed.len(),
            once.len(),
            "an operation stands in the table twice"
        );
        let documented = documented();
        let missing: Vec<_> = documented.difference(&once).collect();
        let unknown: Vec<_> = once.difference(&documented).collect();
        assert!(
            missing.is_empty() && unknown.is_empty(),
            "not routed, or with other access than documented: {missing:#?}\nrouted, not documented so: {unknown:#?}"
        );
    }
}
