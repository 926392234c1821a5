//! PostgreSQL: one pool a service, connected as the service's own role.

use std::{str::FromStr, time::Duration};

use anyhow::Context;
use common::server::Unhealthy;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    Connection, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// A request waits this long for a connection, then it is answered 503.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(2);
/// A connection that was used so lately is not asked whether it still stands.
const FRESH: Duration = Duration::from_millis(100);
/// A connection that was given back, or was idle, has this long to answer a ping.
const PING_WITHIN: Duration = Duration::from_secs(2);
/// No statement of a service runs longer; migrations may.
const STATEMENT_TIMEOUT_MS: &str = "5000";

/// Where PostgreSQL is.
#[derive(Debug, Clone, clap::Args)]
pub struct DatabaseConfig {
    /// PostgreSQL, as this service's role: postgres://role:password@host:port/database.
    #[arg(long, env = "SYNTERA_DATABASE_URL", hide_env_values = true)]
    pub database_url: SecretString,
    /// Connections that this process keeps at most.
    #[arg(long, env = "SYNTERA_DATABASE_CONNECTIONS", default_value_t = 10)]
    pub database_connections: u32,
}

/// A pool that connects when it is first used. `name` shows in `pg_stat_activity`.
///
/// # Errors
/// When the URL cannot be read.
pub fn connect(config: &DatabaseConfig, name: &str) -> anyhow::Result<PgPool> {
    let options = options(config, name)?.options([("statement_timeout", STATEMENT_TIMEOUT_MS)]);
    Ok(PgPoolOptions::new()
        .max_connections(config.database_connections)
        .acquire_timeout(ACQUIRE_WITHIN)
        // sqlx pings too, but without an end: a connection whose other side vanished would keep its
        // place in the pool until the kernel gives up, after a quarter of an hour.
        .after_release(|connection, _| Box::pin(ping(connection)))
        .test_before_acquire(false)
        .before_acquire(|connection, idle| {
            Box::pin(async move { Ok(idle.idle_for < FRESH || ping(connection).await?) })
        })
        .connect_lazy_with(options))
}

/// Whether a connection may be used again; an error closes it.
async fn ping(connection: &mut PgConnection) -> sqlx::Result<bool> {
    match tokio::time::timeout(PING_WITHIN, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// Whether PostgreSQL answers, for `/readyz`.
///
/// # Errors
/// When it does not.
pub async fn check(pool: &PgPool) -> Result<(), Unhealthy> {
    sqlx::query("SELECT 1").execute(pool).await?;
    Ok(())
}

/// Brings the schema of a service up to date. Several processes may run it at once.
///
/// # Errors
/// When PostgreSQL is not there, or a migration fails.
pub async fn migrate(config: &DatabaseConfig, migrator: &Migrator) -> anyhow::Result<()> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(options(config, "migrate")?)
        .await
        .context("cannot connect to PostgreSQL")?;
    migrator.run(&pool).await.context("a migration failed")?;
    pool.close().await;
    Ok(())
}

fn options(config: &DatabaseConfig, name: &str) -> anyhow::Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(config.database_url.expose_secret())
        .context("SYNTERA_DATABASE_URL is not a PostgreSQL URL")?;
    Ok(options.application_name(name))
}
