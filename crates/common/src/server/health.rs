//! Readiness: named checks that run when somebody asks.

use std::{
    collections::BTreeMap,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use futures::future;
use http::StatusCode;
use serde::Serialize;

const WITHIN: Duration = Duration::from_secs(2);

/// Why a dependency does not count as ready. Shown to operators only, so it may name causes.
#[derive(Debug)]
pub struct Unhealthy(pub String);

impl<E: std::error::Error> From<E> for Unhealthy {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

type Check =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send>> + Send + Sync>;

/// The checks of one service. Cheap to clone.
#[derive(Clone, Default)]
pub struct Health {
    checks: BTreeMap<&'static str, Check>,
    notices: BTreeMap<&'static str, Check>,
    draining: Arc<AtomicBool>,
}

#[derive(Serialize)]
struct Report {
    ready: bool,
    checks: BTreeMap<&'static str, String>,
}

impl Health {
    /// No checks yet: ready as soon as it serves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check. It runs at each `/readyz`, for two seconds at most.
    #[must_use]
    pub fn check<F, Fut>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Unhealthy>> + Send + 'static,
    {
        self.checks
            .insert(name, Arc::new(move || Box::pin(check())));
        self
    }

    /// Adds a check of something that may be away for a while: it is named when it is, and the service
    /// stays ready. Taking every instance out of service would help nobody.
    #[must_use]
    pub fn notice<F, Fut>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Unhealthy>> + Send + 'static,
    {
        self.notices
            .insert(name, Arc::new(move || Box::pin(check())));
        self
    }

    /// Answers 503 from now on: the service is going away.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) async fn answer(&self) -> Response {
        let all = self.checks.iter().chain(&self.notices);
        let runs = all.map(|(name, check)| async move {
            let result = match tokio::time::timeout(WITHIN, check()).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(Unhealthy(why))) => Err(crate::telemetry::redact(&why).into_owned()),
                Err(_) => Err(format!("no answer within {} s", WITHIN.as_secs())),
            };
            (*name, result)
        });
        let results = future::join_all(runs).await;
        let draining = self.draining.load(Ordering::Relaxed);
        let passes = |(name, result): &(&str, Result<(), String>)| {
            result.is_ok() || !self.checks.contains_key(name)
        };
        let ready = !draining && results.iter().all(passes);
        let mut checks: BTreeMap<_, _> = results
            .into_iter()
            .map(|(name, result)| {
                let text = match result {
                    Ok(()) => "ok".to_owned(),
                    Err(why) if self.checks.contains_key(name) => why,
                    Err(why) => format!("down, and done without for now: {why}"),
                };
                (name, text)
            })
            .collect();
        if draining {
            checks.insert("lifecycle", "draining".to_owned());
        }
        let status = if ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, Json(Report { ready, checks })).into_response()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.checks.keys().chain(self.notices.keys());
        f.debug_set().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_failing_check_or_a_drain_makes_it_unready() {
        let health = Health::new().check("store", || async { Ok(()) });
        assert_eq!(health.answer().await.status(), StatusCode::OK);
        let broken = health
            .clone()
            .check("bus", || async { Err(Unhealthy("gone".to_owned())) });
        assert_eq!(
            broken.answer().await.status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        let named = health
            .clone()
            .notice("cache", || async { Err(Unhealthy("gone".to_owned())) });
        let answer = named.answer().await;
        assert_eq!(answer.status(), StatusCode::OK);
        let body = axum::body::to_bytes(answer.into_body(), 1 << 10).await;
        let body = String::from_utf8(body.unwrap().to_vec()).unwrap();
        assert!(body.contains("\"cache\":\"down"), "{body}");
        health.drain();
        assert_eq!(
            health.answer().await.status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
}
