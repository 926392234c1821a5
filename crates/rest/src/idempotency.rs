//! `Idempotency-Key`: a `POST` that is repeated has its effect once, and gets the first answer again.
//!
//! The key's row is written in the transaction of the effect, so that both exist or neither does. A
//! second request that comes while the first runs waits for its commit by the unique key. Kept for 24
//! hours for each caller and route; another body under the same key is 422
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! Every schema that uses this has the table
//! `idempotency_keys(workspace_id, caller, route, key, request_hash, status, body, version, created_at)`.

use std::time::Duration;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use common::{ErrorCode, Problem, problem::FieldError};
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use ids::WorkspaceId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, types::Json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use clock::Clock;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Tells a client that this is the answer to an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const KEEP: chrono::Duration = chrono::Duration::hours(24);
const CLEAN_EVERY: Duration = Duration::from_secs(3600);
const PORTION: u64 = 1000;

/// The `Idempotency-Key` header, when there is one.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(Option<String>);

impl IdempotencyKey {
    /// The key, for stores that are idempotent by a unique key of their own.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(HEADER) else {
            return Ok(Self(None));
        };
        match value.to_str() {
            Ok(text) if (1..=255).contains(&text.len()) && !text.trim().is_empty() => {
                Ok(Self(Some(text.to_owned())))
            }
            _ => Err(
                Problem::new(ErrorCode::InvalidHeader).field(FieldError::parameter(
                    "Idempotency-Key",
                    "1 to 255 visible characters",
                )),
            ),
        }
    }
}

/// The keys of one schema.
#[derive(Debug, Clone)]
pub struct Idempotency {
    schema: &'static str,
    clock: Clock,
}

/// One request, as far as repeating it is concerned.
#[derive(Debug)]
pub struct Attempt {
    schema: &'static str,
    clock: Clock,
    route: &'static str,
    row: Option<Row>,
}

#[derive(Debug)]
struct Row {
    workspace: WorkspaceId,
    caller: Uuid,
    route: &'static str,
    key: String,
}

type Kept = (
    Vec<u8>,
    Option<i16>,
    Option<Json<serde_json::Value>>,
    Option<i64>,
);

impl Idempotency {
    /// The keys in `schema`.
    #[must_use]
    pub const fn new(schema: &'static str, clock: Clock) -> Self {
        Self { schema, clock }
    }

    /// Begins a request in the transaction of `connection`. `route` is the method and the path as the
    /// service serves it: `POST /contacts`. `Err(response)` is the answer of the first request with this
    /// key, or the problem of using the key for something else.
    ///
    /// # Errors
    /// The response to send instead of doing anything.
    pub async fn begin<B: Serialize>(
        &self,
        connection: &mut PgConnection,
        (workspace, caller): (WorkspaceId, Uuid),
        route: &'static str,
        (key, body): (IdempotencyKey, &B),
    ) -> Result<Attempt, Response> {
        let attempt = |row| Attempt {
            schema: self.schema,
            clock: self.clock.clone(),
            route,
            row,
        };
        let Some(key) = key.0 else {
            return Ok(attempt(None));
        };
        let hash = Sha256::digest(serde_json::to_vec(body).expect("a body that was JSON is JSON"))
            .to_vec();
        let row = Row {
            workspace,
            caller,
            route,
            key,
        };
        let kept = self
            .claim(connection, &row, &hash)
            .await
            .map_err(|error| Problem::from(error).into_response())?;
        match kept {
            None => Ok(attempt(Some(row))),
            Some((first, ..)) if first != hash => {
                Err(Problem::new(ErrorCode::IdempotencyKeyReused)
                    .detail("use a new key for a new request")
                    .into_response())
            }
            Some((_, Some(status), body, version)) => Err(replay(route, status, body, version)),
            // A row without an answer is never committed, so this would be a row of another release.
            Some((_, None, ..)) => Err(Problem::new(ErrorCode::IdempotencyInProgress)
                .retry_after(std::time::Duration::from_secs(1))
                .into_response()),
        }
    }

    /// Takes the key, or answers what is kept under it.
    async fn claim(
        &self,
        connection: &mut PgConnection,
        row: &Row,
        hash: &[u8],
    ) -> sqlx::Result<Option<Kept>> {
        let (schema, now) = (self.schema, self.clock.now());
        let forget = format!(
            "DELETE FROM {schema}.idempotency_keys
             WHERE workspace_id = $1 AND caller = $2 AND route = $3 AND key = $4 AND created_at < $5"
        );
        bind(sqlx::query(AssertSqlSafe(forget)), row)
            .bind(now - KEEP)
            .execute(&mut *connection)
            .await?;
        let insert = format!(
            "INSERT INTO {schema}.idempotency_keys (workspace_id, caller, route, key, request_hash, created_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
        );
        let inserted = bind(sqlx::query(AssertSqlSafe(insert)), row)
            .bind(hash)
            .bind(now)
            .execute(&mut *connection)
            .await?;
        if inserted.rows_affected() == 1 {
            return Ok(None);
        }
        let select = format!(
            "SELECT request_hash, status, body, version FROM {schema}.idempotency_keys
             WHERE workspace_id = $1 AND caller = $2 AND route = $3 AND key = $4"
        );
        sqlx::query_as(AssertSqlSafe(select))
            .bind(row.workspace)
            .bind(row.caller)
            .bind(row.route)
            .bind(&row.key)
            .fetch_one(connection)
            .await
            .map(Some)
    }

    /// Forgets keys that are older than a day, now and then, until `stop`.
    pub async fn clean_until(self, pool: PgPool, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.clean(&pool).await {
                tracing::warn!(%error, "old idempotency keys were not cleaned");
            }
            stop.run_until_cancelled(tokio::time::sleep(CLEAN_EVERY))
                .await;
        }
    }

    /// Forgets keys that are older than a day. In portions, so that no statement runs into its time
    /// limit however much there is.
    ///
    /// # Errors
    /// When the rows cannot be deleted.
    pub async fn clean(&self, pool: &PgPool) -> sqlx::Result<()> {
        let schema = self.schema;
        let sql = format!(
            "DELETE FROM {schema}.idempotency_keys WHERE ctid IN
             (SELECT ctid FROM {schema}.idempotency_keys WHERE created_at < $1 LIMIT {PORTION})"
        );
        let before = self.clock.now() - KEEP;
        loop {
            let deleted = sqlx::query(AssertSqlSafe(sql.as_str()))
                .bind(before)
                .execute(pool)
                .await?;
            if deleted.rows_affected() < PORTION {
                return Ok(());
            }
        }
    }
}

impl Attempt {
    /// Keeps the answer, in the same transaction as the effect, and answers it.
    ///
    /// # Errors
    /// When the row cannot be written.
    pub async fn finish<B: Serialize>(
        self,
        connection: &mut PgConnection,
        status: StatusCode,
        (body, version): (&B, Option<i64>),
    ) -> sqlx::Result<Response> {
        let body = serde_json::to_value(body).expect("an answer is JSON");
        if let Some(row) = &self.row {
            let sql = format!(
                "UPDATE {}.idempotency_keys SET status = $5, body = $6, version = $7, created_at = $8
                 WHERE workspace_id = $1 AND caller = $2 AND route = $3 AND key = $4",
                self.schema
            );
            let code = i16::try_from(status.as_u16()).expect("a status has three digits");
            bind(sqlx::query(AssertSqlSafe(sql)), row)
                .bind(code)
                .bind(Json(&body))
                .bind(version)
                .bind(self.clock.now())
                .execute(connection)
                .await?;
        }
        Ok(answer(self.route, status, body, version))
    }
}

type PgQuery<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn bind<'q>(query: PgQuery<'q>, row: &'q Row) -> PgQuery<'q> {
    query
        .bind(row.workspace)
        .bind(row.caller)
        .bind(row.route)
        .bind(&row.key)
}

fn replay(
    route: &str,
    status: i16,
    body: Option<Json<serde_json::Value>>,
    version: Option<i64>,
) -> Response {
    let status = u16::try_from(status)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok())
        .unwrap_or(StatusCode::OK);
    let body = body.map_or(serde_json::Value::Null, |body| body.0);
    let mut response = answer(route, status, body, version);
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn answer(
    route: &str,
    status: StatusCode,
    body: serde_json::Value,
    version: Option<i64>,
) -> Response {
    let location = (status == StatusCode::CREATED)
        .then(|| location(route, &body))
        .flatten();
    let mut response = (status, axum::Json(body)).into_response();
    let headers = response.headers_mut();
    headers.extend(location.map(|location| (header::LOCATION, location)));
    headers.extend(version.map(|version| (header::ETAG, crate::etag(version))));
    response
}

/// Where the gateway serves what was created: the collection of `route`, and the id of `body`. None
/// where the collection itself is named by parameters, which a route does not know.
fn location(route: &str, body: &serde_json::Value) -> Option<HeaderValue> {
    let path = &route[route.find('/')?..];
    let id = body.get("id")?.as_str()?;
    let location = format!("{}{path}/{id}", crate::openapi::BASE);
    (!path.contains('{'))
        .then(|| HeaderValue::try_from(location).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_created_has_a_location() {
        let at = |route, body| {
            let response = answer(route, StatusCode::CREATED, body, None);
            let location = response.headers().get(header::LOCATION);
            location.map(|value| value.to_str().unwrap().to_owned())
        };
        let body = serde_json::json!({ "id": "7" });
        assert_eq!(
            at("POST /contacts", body.clone()).as_deref(),
            Some("/api/v1/contacts/7")
        );
        assert_eq!(at("POST /agents/{id}/documents", body), None);
        assert_eq!(at("POST /contacts", serde_json::json!({})), None);
    }
}
