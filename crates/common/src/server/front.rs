//! What a listener hands its requests to.

use std::{convert::Infallible, net::SocketAddr};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{Request, Response};
use tower::ServiceExt;

use super::RequestBody;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// Answers the requests of a listener. Services are routers; the gateway forwards most of what comes,
/// and a router would cost it more than the forwarding does.
pub trait Front: Clone + Send + Sync + 'static {
    /// Answers one request.
    fn answer(
        &self,
        request: Request<RequestBody>,
        peer: Peer,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// A router as a front.
#[derive(Clone)]
pub(super) struct Routed(Router);

impl Routed {
    pub(super) fn new(router: Router) -> Self {
        // Once, instead of for every request.
        Self(router.with_state(()))
    }
}

impl Front for Routed {
    async fn answer(&self, request: Request<RequestBody>, peer: Peer) -> Response<Body> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer.address));
        let answer: Result<_, Infallible> = self.0.clone().oneshot(request).await;
        match answer {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
