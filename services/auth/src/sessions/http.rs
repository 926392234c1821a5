//! The HTTP side of sessions.

use auth_api::{Login, Logout, Refresh, Session, TokenResponse};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    ErrorCode, Problem,
    problem::{Document, Result},
    tokens::{Caller, Identity, RevocationList, ServiceCaller, bearer},
};
use http::{HeaderMap, StatusCode};
use ids::{SessionId, WorkspaceId};
use rest::{Json, NoStore, OptionalJson, Page, PageQuery, Path, Query, Timestamp};
use secrecy::ExposeSecret;
use serde::Deserialize;
use sqlx::PgConnection;

use super::{
    EndReason, Error, IDLE, Issued, Spare, end_by_identity, end_by_token, end_in_workspace,
    end_of_user, model::NAMED_AS_ENDED, refresh, sign_in::sign_in, store,
};
use crate::{
    access,
    app::App,
    audit::{self, Action, Actor, Change, Target},
    client::Client,
    signing,
};

/// Where the refresh token goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokensTo {
    /// Into the cookies.
    Cookies,
    /// Into the body, for a program that keeps no cookies.
    Body,
    /// Into both.
    Both,
}

/// The answer that carries a session's tokens.
pub(crate) fn answer(app: &App, status: StatusCode, issued: &Issued, to: TokensTo) -> Response {
    let in_body = to != TokensTo::Cookies;
    let body = TokenResponse {
        access_token: issued.access.expose_secret().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: signing::PERSON.num_seconds(),
        refresh_token: in_body.then(|| issued.refresh.expose_secret().to_owned()),
    };
    // RFC 6749 §5.1.
    let mut response = (status, NoStore(body)).into_response();
    if to != TokensTo::Body {
        let headers = response.headers_mut();
        app.cookies
            .set(headers, issued.access.expose_secret(), &issued.refresh);
    }
    response
}

impl TokensTo {
    /// Into the body too, for a program that asked for it.
    pub(crate) const fn wished(return_refresh_token: bool) -> Self {
        if return_refresh_token {
            Self::Both
        } else {
            Self::Cookies
        }
    }
}

/// Sign in
///
/// An unknown e-mail address and a wrong password have the same answer. An account with a second factor
/// answers `second_factor_required`; its `mfa_token` and a code then go to `/auth/login/second-factor`.
#[utoipa::path(
    post,
    path = "/auth/login",
    operation_id = "create_session",
    tag = "sessions",
    security(()),
    request_body = Login,
    responses(
        (status = 200, description = "the tokens of the new session", body = TokenResponse,
         headers(("Set-Cookie" = String, description = "both tokens"))),
        (status = 401, description = "the e-mail address or the password is not right, or a second proof is needed",
         body = Document, content_type = "application/problem+json"),
        (status = 403, description = "the account belongs to no workspace any more, or the request comes from another \
         site's page",
         body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create_session(
    State(app): State<App>,
    client: Client,
    Json(body): Json<Login>,
) -> Result<Response> {
    let to = TokensTo::wished(body.return_refresh_token);
    let issued = sign_in(&app, body, &client).await?;
    Ok(answer(&app, StatusCode::OK, &issued, to))
}

/// Renew the access token
///
/// Every use of a refresh token gives its successor. A token that comes back within ten seconds, from a
/// second tab or as a retry, gets the same successor; later, or once the successor was used, it ends
/// the session. A session ends by itself some time after its sign-in, by default 30 days, however much it is
/// used. A token from the cookie is answered by cookies; one from the body by the body.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    operation_id = "refresh_session",
    tag = "sessions",
    security(()),
    request_body(content = Option<Refresh>, description = "leave it out to use the cookie"),
    responses(
        (status = 200, description = "a new access token", body = TokenResponse,
         headers(("Set-Cookie" = Option<String>, description = "both tokens, when the cookie was used"))),
        (status = 401, description = "no refresh token, or one that is unknown, too old or used already; or \
         the session has ended", body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn refresh_session(
    State(app): State<App>,
    headers: HeaderMap,
    client: Client,
    OptionalJson(body): OptionalJson<Refresh>,
) -> Result<Response> {
    let (token, to) = match body.refresh_token {
        Some(token) => (token, TokensTo::Body),
        None => (
            app.cookies.refresh_token(&headers).ok_or(Error::Unknown)?,
            TokensTo::Cookies,
        ),
    };
    let issued = refresh(&app, &token, &client).await?;
    Ok(answer(&app, StatusCode::OK, &issued, to))
}

/// Sign out
///
/// Ends the session that a refresh token or an access token names, from the body, the header or the
/// cookies, and forgets the cookies. Without any, only the cookies are forgotten.
#[utoipa::path(
    post,
    path = "/auth/logout",
    operation_id = "end_session",
    tag = "sessions",
    security(()),
    request_body(content = Option<Logout>, description = "leave it out to use the cookies or the access token"),
    responses(
        (status = 204, description = "signed out",
         headers(("Set-Cookie" = String, description = "forgets both tokens"))),
        (status = 401, description = "an access token came that is not valid, and no refresh token",
         body = Document, content_type = "application/problem+json"),
        (status = 403, description = "the request comes from another site's page, or the access token is a \
         visitor's, which cannot sign out", body = Document, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn end_session(
    State(app): State<App>,
    headers: HeaderMap,
    client: Client,
    OptionalJson(body): OptionalJson<Logout>,
) -> Result<Response> {
    let refresh_token = body
        .refresh_token
        .or_else(|| app.cookies.refresh_token(&headers));
    if let Some(token) = &refresh_token {
        end_by_token(&app, token, &client).await?;
    }
    if let Some(token) = bearer(&headers) {
        match app.tokens.verify(token).await {
            // Who sends nothing else would believe to be signed out.
            Err(problem) if refresh_token.is_none() => return Err(problem),
            Ok(Identity::Visitor(_)) if refresh_token.is_none() => {
                return Err(Problem::new(ErrorCode::Forbidden)
                    .detail("a visitor's token ends by itself; nothing can be signed out"));
            }
            identity => end_by_identity(&app, identity.ok(), &client).await?,
        }
    }
    // A browser's access token is often over by then; so it counts when it is good, and else not.
    if let Some(token) = app.cookies.access_token(&headers) {
        let identity = app.tokens.verify(token.expose_secret()).await;
        end_by_identity(&app, identity.ok(), &client).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    app.cookies.clear(response.headers_mut());
    Ok(response)
}

/// Sign out everywhere
///
/// Ends all of the caller's sessions, this one among them, in every workspace.
#[utoipa::path(
    post,
    path = "/auth/logout/everywhere",
    operation_id = "end_all_sessions",
    tag = "sessions",
    responses((status = 204, description = "signed out everywhere",
               headers(("Set-Cookie" = String, description = "forgets both tokens")))),
)]
pub(super) async fn end_all_sessions(
    State(app): State<App>,
    caller: Caller,
    client: Client,
) -> Result<Response> {
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    let user = access::person(&mut transaction, &caller).await?;
    let reason = EndReason::SignedOut;
    let ended = match own_workspace(&mut transaction, &caller).await? {
        Some(only) => end_in_workspace(&mut transaction, only, user, reason, now).await?,
        None => end_of_user(&mut transaction, user, Spare::None, reason, now).await?,
    };
    let change = Change::new(Action::SessionEnded, Target::User(user));
    let actor = Actor::of(&caller, &client);
    audit::record_everywhere(&app, &mut transaction, &actor, &change).await?;
    transaction.commit().await?;
    app.revoked.publish(&ended).await;
    let mut response = StatusCode::NO_CONTENT.into_response();
    app.cookies.clear(response.headers_mut());
    Ok(response)
}

/// List my sessions
///
/// Where the caller is signed in, in every workspace, the one that was used last first.
#[utoipa::path(
    get,
    path = "/auth/sessions",
    operation_id = "list_sessions",
    tag = "sessions",
    params(PageQuery),
    responses((status = 200, description = "a page of sessions", body = Page<Session>)),
)]
pub(super) async fn list_sessions(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Session>>> {
    let after = page.after()?;
    let now = app.clock.now();
    let good = (now - IDLE, now - app.session_lifetime);
    let mut connection = app.pool.acquire().await?;
    let user = access::person(&mut connection, &caller).await?;
    let only = own_workspace(&mut connection, &caller).await?;
    let mut rows = store::list(
        &mut connection,
        (user, only),
        good,
        after,
        page.limit.rows(),
    )
    .await?;
    for session in &mut rows {
        session.current = session.id == caller.session_id;
    }
    Ok(Json(Page::cut(rows, page.limit, |last| {
        (last.last_used_at, last.id)
    })))
}

/// End one of my sessions
///
/// The device is signed out within a second.
#[utoipa::path(
    delete,
    path = "/auth/sessions/{id}",
    operation_id = "end_one_session",
    tag = "sessions",
    params(("id" = SessionId, Path, description = "the session's id")),
    responses((status = 204, description = "ended")),
)]
pub(super) async fn end_one_session(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Path(id): Path<SessionId>,
) -> Result<StatusCode> {
    let now = app.clock.now();
    let mut transaction = app.pool.begin().await?;
    let user = access::person(&mut transaction, &caller).await?;
    let only = own_workspace(&mut transaction, &caller).await?;
    let reason = EndReason::Revoked;
    let ended = store::end_own(&mut transaction, (user, only), id, (reason, now)).await?;
    if ended.is_empty() {
        return Err(Problem::not_found());
    }
    let change = Change::new(Action::SessionEnded, Target::Session(id));
    let actor = Actor::of(&caller, &client);
    audit::record(&app, &mut transaction, caller.workspace_id, &actor, change).await?;
    transaction.commit().await?;
    app.revoked.publish(&ended).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The workspace that a session is confined to, if an identity provider opened it: where else the person
/// works is nobody's business there.
async fn own_workspace(
    connection: &mut PgConnection,
    caller: &Caller,
) -> sqlx::Result<Option<WorkspaceId>> {
    let by_issuer = access::by_issuer(connection, caller).await?;
    Ok(by_issuer.then_some(caller.workspace_id))
}

/// What a follower asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    since: Timestamp,
}

/// The sessions that ended since then, for those who accept access tokens.
pub(super) async fn list_revocations(
    State(app): State<App>,
    _: ServiceCaller,
    Query(query): Query<Since>,
) -> Result<Json<RevocationList>> {
    // Taken before the rows are read: what ends meanwhile belongs to the next answer too.
    let as_of = app.clock.now();
    let since = query.since.time().max(as_of - NAMED_AS_ENDED);
    let mut connection = app.pool.acquire().await?;
    let items = store::ended_since(&mut connection, since).await?;
    Ok(Json(RevocationList { items, as_of }))
}
