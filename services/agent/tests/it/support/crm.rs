//! A CRM that knows each visitor's contact, and nothing else.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    extract::{FromRef, State},
    response::{IntoResponse, Response},
    routing::put,
};
use chrono::DateTime;
use common::{
    Problem,
    tokens::{ServiceCaller, Tokens},
};
use crm_api::{Contact, FindByVisitor};
use ids::{ContactId, VisitorId};
use rest::Json;
use testkit::Keys;
use url::Url;

#[derive(Clone, FromRef)]
struct App {
    tokens: Tokens,
    contacts: Arc<Mutex<HashMap<VisitorId, ContactId>>>,
    down: Arc<AtomicBool>,
}

pub(crate) struct FakeCrm {
    pub(crate) url: Url,
    app: App,
}

impl FakeCrm {
    pub(crate) async fn start(keys: &Keys) -> Self {
        let app = App {
            tokens: keys.tokens("crm"),
            contacts: Arc::default(),
            down: Arc::default(),
        };
        let router = Router::new()
            .route("/internal/contacts/by-visitor", put(by_visitor))
            .with_state(app.clone());
        Self {
            url: super::chat::serve(router).await,
            app,
        }
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.app.down.store(down, Ordering::Relaxed);
    }

    pub(crate) fn contact_of(&self, visitor: VisitorId) -> Option<ContactId> {
        self.app.contacts.lock().unwrap().get(&visitor).copied()
    }
}

async fn by_visitor(
    State(app): State<App>,
    caller: ServiceCaller,
    Json(find): Json<FindByVisitor>,
) -> Response {
    assert_eq!(caller.service, "agent");
    if app.down.load(Ordering::Relaxed) {
        return Problem::unavailable("down by the test").into_response();
    }
    let id = *app
        .contacts
        .lock()
        .unwrap()
        .entry(find.visitor_id)
        .or_insert_with(ContactId::new);
    let now = DateTime::UNIX_EPOCH;
    Json(Contact {
        id,
        user_id: None,
        visitor_id: Some(find.visitor_id),
        name: Some("Ada Lovelace".to_owned().into()),
        email: None,
        phone: None,
        company: None,
        lead_score: 0,
        tags: Vec::new(),
        created_at: now,
        updated_at: now,
    })
    .into_response()
}
