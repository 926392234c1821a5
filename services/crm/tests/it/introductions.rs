//! What visitors say of themselves fills their contacts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{FromRef, State},
    routing,
};
use bus::{Event, Failure};
use chat_api::{ChatClient, Introduction, SenderKind, events::VisitorIntroduced};
use common::{
    Problem,
    server::Lifecycle,
    telemetry::Personal,
    tokens::{ServiceCaller, Tokens},
};
use crm::consumers;
use ids::{VisitorId, WorkspaceId};
use reqwest::StatusCode;
use rest::{Json, Path, Query, ServiceClient};
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{Keys, Server, json};

use crate::support::{Conversation, Crm, at};

/// Chat, as far as it knows visitors.
#[derive(Clone)]
struct Chat {
    said: Arc<Mutex<HashMap<(WorkspaceId, VisitorId), Introduction>>>,
    tokens: Tokens,
}

impl FromRef<Chat> for Tokens {
    fn from_ref(chat: &Chat) -> Self {
        chat.tokens.clone()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    workspace_id: WorkspaceId,
}

async fn answer(
    State(chat): State<Chat>,
    caller: ServiceCaller,
    Path(visitor): Path<VisitorId>,
    Query(whose): Query<Whose>,
) -> Result<Json<Introduction>, Problem> {
    assert_eq!(caller.service, "crm");
    let said = chat.said.lock().unwrap();
    let found = said.get(&(whose.workspace_id, visitor)).cloned();
    found.map(Json).ok_or_else(Problem::not_found)
}

impl Chat {
    async fn start(keys: &Keys) -> (Self, Server) {
        let chat = Self {
            said: Arc::default(),
            tokens: keys.tokens("chat"),
        };
        let path = "/internal/visitors/{id}/introduction";
        let internal = Router::new().route(path, routing::get(answer));
        let internal = internal.with_state(chat.clone());
        let server = Server::start(Router::new(), internal, Lifecycle::default()).await;
        (chat, server)
    }

    /// A visitor says this of themselves; the event that tells of it.
    fn says(&self, talk: Conversation, version: i64, said: Value) -> Event {
        let text = |name: &str| {
            said[name]
                .as_str()
                .map(|text| Personal::new(text.to_owned()))
        };
        let introduction = Introduction {
            visitor_id: talk.visitor,
            name: text("name"),
            email: text("email"),
            phone: text("phone"),
            custom: Vec::new(),
            version,
            introduced_at: at("2026-11-23T09:00:00Z"),
        };
        let key = (talk.workspace, talk.visitor);
        self.said.lock().unwrap().insert(key, introduction);
        talk.event(&VisitorIntroduced {
            visitor_id: talk.visitor,
            version,
            introduced_at: at("2026-11-23T09:00:00Z"),
        })
    }
}

/// A CRM beside a chat.
async fn start() -> (Crm, Chat, Server) {
    let mut crm = Crm::start().await;
    let (chat, server) = Chat::start(&crm.keys).await;
    let client = ServiceClient::new("chat", server.internal.clone(), crm.keys.signer("crm"));
    crm.app.chat = ChatClient::new(client.unwrap());
    (crm, chat, server)
}

/// The only contact there is.
async fn contact(crm: &Crm) -> Value {
    let mut contacts = crm.items("/contacts").await;
    assert_eq!(contacts.len(), 1);
    contacts.remove(0)
}

#[tokio::test]
async fn a_visitor_who_says_who_they_are_becomes_a_contact_that_is_known() {
    let (crm, chat, _server) = start().await;
    let talk = Conversation::new(crm.workspace);
    let ada = json!({ "name": "Ada", "email": "ada@example.com", "phone": "+44 20 7946 0958" });
    let event = chat.says(talk, 1, ada.clone());
    for _ in 0..3 {
        consumers::handle(&crm.app, &event).await.unwrap();
    }
    let contact = contact(&crm).await;
    for field in ["name", "email", "phone"] {
        assert_eq!(contact[field], ada[field], "{field}");
    }
    assert_eq!(contact["visitor_id"], json!(talk.visitor));
    let path = format!("/contacts/{}", contact["id"].as_str().unwrap());
    let answer = crm.get(&path).send().await.unwrap();
    assert_eq!(
        answer.headers()["etag"],
        "\"2\"",
        "told again it changed again"
    );
    let found = json(crm.get("/contacts?q=ada"), StatusCode::OK).await;
    assert_eq!(
        found["items"].as_array().unwrap().len(),
        1,
        "it is found by its name"
    );
}

#[tokio::test]
async fn what_a_person_wrote_stays_and_what_is_missing_comes() {
    let (crm, chat, _server) = start().await;
    let talk = Conversation::new(crm.workspace);
    let message = talk.message(SenderKind::Visitor);
    consumers::handle(&crm.app, &message).await.unwrap();
    let before = contact(&crm).await;
    let path = format!("/contacts/{}", before["id"].as_str().unwrap());
    let mine = json!({ "name": "Ada, Countess of Lovelace" });
    json(crm.patch(&path, &mine), StatusCode::OK).await;
    let said = json!({ "name": "ada", "email": "ada@example.com" });
    let event = chat.says(talk, 1, said);
    consumers::handle(&crm.app, &event).await.unwrap();
    let after = contact(&crm).await;
    assert_eq!(after["name"], mine["name"]);
    assert_eq!(after["email"], "ada@example.com");
    // Another address later is no reason to lose the one that people work with.
    let event = chat.says(
        talk,
        2,
        json!({ "email": "other@example.com", "phone": "12345" }),
    );
    consumers::handle(&crm.app, &event).await.unwrap();
    let last = contact(&crm).await;
    assert_eq!(last["email"], "ada@example.com");
    assert_eq!(last["phone"], "12345");
}

#[tokio::test]
async fn while_chat_is_away_the_event_waits_and_one_without_a_visitor_is_done() {
    let (crm, chat, server) = start().await;
    let talk = Conversation::new(crm.workspace);
    // Another workspace's visitor is nobody here.
    let elsewhere = Conversation {
        workspace: WorkspaceId::new(),
        ..talk
    };
    chat.says(elsewhere, 1, json!({ "name": "Ada" }));
    let event = talk.event(&VisitorIntroduced {
        visitor_id: talk.visitor,
        version: 1,
        introduced_at: at("2026-11-23T09:00:00Z"),
    });
    consumers::handle(&crm.app, &event).await.unwrap();
    assert!(crm.items("/contacts").await.is_empty());
    let event = chat.says(talk, 2, json!({ "name": "Ada" }));
    let mut away = crm.app.clone();
    let nowhere = "http://127.0.0.1:1".parse().unwrap();
    let client = ServiceClient::new("chat", nowhere, crm.keys.signer("crm"));
    away.chat = ChatClient::new(client.unwrap());
    let refused = consumers::handle(&away, &event).await;
    assert!(matches!(refused, Err(Failure::Passing(_))));
    consumers::handle(&crm.app, &event).await.unwrap();
    assert_eq!(contact(&crm).await["name"], "Ada");
    drop(server);
}
