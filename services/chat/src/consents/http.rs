//! Consents over HTTP.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chat_api::{Consent, GiveConsent};
use common::{
    ErrorCode, Problem,
    problem::{Document, Result},
    tokens::{Caller, Participant, Permission},
};
use ids::VisitorId;
use rest::{Json, ListQuery, Page, PageQuery, Timestamp};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    customer,
    store::{self, Filter, Position},
};
use crate::{
    access,
    access::Standing,
    app::App,
    log::{self, Act, Actor},
    settings,
};

/// How the list is sorted; `-` is downwards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub(super) enum Sort {
    /// Oldest first.
    #[serde(rename = "given_at")]
    GivenAt,
    /// Newest first.
    #[default]
    #[serde(rename = "-given_at")]
    GivenAtDown,
}

/// Which consents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListConsents {
    /// Of this visitor.
    visitor_id: Option<VisitorId>,
    /// To this version of the text.
    version: Option<i64>,
    /// Given then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    given_after: Option<Timestamp>,
    /// Given before.
    #[param(value_type = Option<String>, format = DateTime)]
    given_before: Option<Timestamp>,
    /// The order; newest first by default.
    #[serde(default)]
    #[param(inline, value_type = Option<Sort>)]
    sort: Sort,
}

/// List consents
///
/// Who agreed to which version of the text, and when.
#[utoipa::path(
    get, path = "/consents", operation_id = "list_consents", tag = "settings",
    security(("bearer" = ["audit:read"])),
    params(ListConsents, PageQuery),
    responses((status = 200, description = "a page of consents", body = Page<Consent>)),
)]
pub(super) async fn list_consents(
    State(app): State<App>,
    caller: Caller,
    query: ListQuery<ListConsents>,
) -> Result<Json<Page<Consent>>> {
    caller.require(Permission::AuditRead)?;
    let ListQuery { filters, page } = query;
    let filter = Filter {
        visitor_id: filters.visitor_id,
        version: filters.version,
        given_after: filters.given_after.map(Timestamp::time),
        given_before: filters.given_before.map(Timestamp::time),
        up: filters.sort == Sort::GivenAt,
    };
    let from = (page.after::<Position>()?, page.limit);
    let rows = store::list(&app.pool, caller.workspace_id, filter, from).await?;
    Ok(Json(Page::cut(rows, page.limit, |last| Position {
        given_at: last.given_at,
        visitor_id: last.visitor_id,
        version: last.version,
    })))
}

/// Agree to the text
///
/// The version must be the present one, which `GET /widget-settings` shows. Agreeing twice is agreeing
/// once. A person of the company agrees for the conversations in which they play the customer.
#[utoipa::path(
    post, path = "/consents", operation_id = "give_consent", tag = "settings",
    security(("bearer" = [])),
    request_body = GiveConsent,
    responses(
        (status = 200, description = "it was given before", body = Consent),
        (status = 201, description = "the consent", body = Consent),
        (status = 404, description = "no such channel for the caller",
         body = Document, content_type = "application/problem+json"),
        (status = 409, description = "the text is another one by now, or there is none",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn give_consent(
    State(app): State<App>,
    who: Participant,
    Json(body): Json<GiveConsent>,
) -> Result<Response> {
    let (workspace, visitor) = (who.workspace_id(), customer(&who));
    let place = match body.channel_id {
        Some(channel) => match access::enter(&app.log, &who, channel).await? {
            (place, Standing::Customer(_)) => Some(place),
            (_, Standing::Colleague(_)) => return Err(Problem::not_found()),
        },
        None => None,
    };
    let mut transaction = app.pool.begin().await?;
    // Not those that are kept in memory: what somebody agrees to must be exact.
    let hash = settings::present_text(&mut transaction, workspace, body.version)
        .await?
        .ok_or_else(stale)?;
    let consent = Consent {
        visitor_id: visitor,
        version: body.version,
        text_hash: hash,
        given_at: app.clock.now(),
    };
    let (consent, new) = store::give(&mut transaction, workspace, &consent).await?;
    transaction.commit().await?;
    app.settings.agreed((workspace, visitor), consent.version);
    if let Some(place) = place {
        let version = consent.version;
        // The name makes it one entry, however often it is sent.
        let once = format!("consent:{version}");
        let act = Act::Consent { version };
        match app
            .log
            .act(place, Actor::Visitor(visitor), act, Some(once))
            .await
        {
            // It was given, whatever has become of the conversation.
            Ok(_) | Err(log::Error::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let status = if new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(consent)).into_response())
}

fn stale() -> Problem {
    Problem::new(ErrorCode::Conflict).detail(
        "this is not the present text; show that of GET /widget-settings, and send its version",
    )
}
