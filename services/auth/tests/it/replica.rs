//! Another replica of the service, over the same database and by the same clock.

use auth::{
    app::{App, Connections},
    signing,
};
use bus::Bus;
use common::server::Lifecycle;
use sqlx::PgPool;
use stores::redis::Redis;
use testkit::Server;

use crate::fixture::{Auth, Wish, nobodys_redis, parts};

pub(crate) struct Replica {
    pub(crate) server: Server,
    pub(crate) app: App,
}

impl Replica {
    /// One without Redis: nothing that replicas have to agree on may need it.
    pub(crate) async fn beside(auth: &Auth) -> Self {
        Self::with(auth, auth.database.pool.clone(), nobodys_redis()).await
    }

    /// One with connections of its own.
    pub(crate) async fn with(auth: &Auth, pool: PgPool, redis: Redis) -> Self {
        let wish = Wish::default();
        let connections = Connections {
            pool,
            redis,
            bus: Bus::new("auth", &wish.bus),
        };
        let parts = parts(auth.folder(), &auth.clock, &wish);
        let app = App::new(connections, parts).unwrap();
        signing::load(&app).await.unwrap();
        let server = Server::start(
            auth::public(app.clone()),
            auth::internal(app.clone()),
            Lifecycle::default(),
        )
        .await;
        Self { server, app }
    }
}
