//! What visitors agreed to.
//!
//! A consent names the version of the text and its hash; the texts themselves are kept beside the
//! settings. So it can be shown later what somebody agreed to, and when. Nothing else of the request is
//! kept: no address, no browser.

mod http;
mod store;

use common::tokens::Participant;
use ids::VisitorId;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub(crate) use store::exists;

/// The routes that the gateway publishes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(http::list_consents, http::give_consent))
}

/// Who somebody is as a customer: a visitor, or a person of the company who tries the widget.
#[must_use]
pub fn customer(who: &Participant) -> VisitorId {
    match who {
        Participant::Visitor(visitor) => visitor.visitor_id,
        Participant::Person(caller) => VisitorId::from_uuid(caller.user_id.as_uuid()),
    }
}
