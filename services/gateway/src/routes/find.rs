//! Looking a request up in the table.

use std::{collections::BTreeMap, sync::LazyLock};

use common::{server::method_label, telemetry::metrics::RouteMetrics};
use http::Method;

use super::{ROUTES, Route};

/// What the table says of a request.
#[derive(Debug)]
pub enum Found {
    /// This is its line.
    Route(&'static Known),
    /// The path is there, for these methods.
    OtherMethods(Vec<Method>),
    /// Nothing is there.
    Nothing,
}

/// A line of the table, and what goes with it in every process.
#[derive(Debug)]
pub struct Known {
    /// The line.
    pub route: &'static Route,
    /// Its place in the table.
    pub place: usize,
    /// Counts its answers.
    pub metrics: RouteMetrics,
}

static PATHS: LazyLock<matchit::Router<Vec<Known>>> = LazyLock::new(|| {
    let mut by_path: BTreeMap<&str, Vec<Known>> = BTreeMap::new();
    for (place, route) in ROUTES.iter().enumerate() {
        by_path.entry(route.path).or_default().push(Known {
            route,
            place,
            metrics: RouteMetrics::new("public", method_label(&route.method), route.path),
        });
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
    let mut lines = matched.value.iter();
    match lines.find(|known| known.route.method == *wanted) {
        Some(known) => Found::Route(known),
        None => {
            let lines = matched.value.iter();
            Found::OtherMethods(lines.map(|known| known.route.method.clone()).collect())
        }
    }
}

/// Whether pages of other sites may call some operation of this path: what a preflight asks.
#[must_use]
pub fn allows_any_origin(path: &str) -> bool {
    PATHS
        .at(path)
        .is_ok_and(|matched| matched.value.iter().any(|known| known.route.any_origin))
}
