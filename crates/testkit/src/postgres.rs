//! A fresh database for one test, used as the service's own role.
//!
//! The first test of a run migrates a template; each test copies it, which takes some 50 ms.

use std::str::FromStr;

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use stores::postgres::DatabaseConfig;
use uuid::Uuid;

use crate::{Proxy, clean_up, setting};

/// A database that is dropped with this value.
#[derive(Debug)]
pub struct Postgres {
    /// Connected as the service's role.
    pub pool: PgPool,
    name: String,
    superuser: PgConnectOptions,
}

impl Postgres {
    /// A database with the schema and role `schema`, brought up to date by `migrator`.
    pub async fn start(migrator: &Migrator, schema: &'static str) -> Self {
        let superuser = PgConnectOptions::from_str(&setting("SYNTERA_TEST_DATABASE_URL"))
            .expect("SYNTERA_TEST_DATABASE_URL is a PostgreSQL URL")
            .disable_statement_logging();
        let mut admin = superuser.connect().await.expect("PostgreSQL answers");
        let template = template(&mut admin, &superuser, migrator, schema).await;
        let name = format!("test_{schema}_{}", ids::EventId::new().as_uuid().simple());
        execute(
            &mut admin,
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        admin.close().await.expect("the connection closes");
        let options = superuser.clone().database(&name).options([
            ("role", schema),
            ("search_path", &format!("{schema},public")),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(std::time::Duration::from_secs(5))
            .connect_lazy_with(options);
        Self {
            pool,
            name,
            superuser,
        }
    }

    /// A URL for this database with the rights of the role, for what dials by itself.
    #[must_use]
    pub fn url(&self, schema: &str) -> String {
        let mut url = url::Url::parse(&setting("SYNTERA_TEST_DATABASE_URL")).expect("a URL");
        url.set_path(&self.name);
        url.query_pairs_mut().append_pair(
            "options",
            &format!("-c role={schema} -c search_path={schema},public"),
        );
        url.into()
    }

    /// A pool of the service `schema` through a proxy, for a database that goes away.
    pub async fn behind_a_proxy(&self, schema: &'static str) -> (PgPool, Proxy) {
        let direct = url::Url::parse(&self.url(schema)).expect("a URL");
        let proxy = Proxy::start(&direct).await;
        let config = DatabaseConfig {
            database_url: String::from(proxy.through(&direct)).into(),
            database_connections: 4,
        };
        let pool = stores::postgres::connect(&config, schema).expect("a URL");
        (pool, proxy)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let (superuser, name) = (self.superuser.clone(), self.name.clone());
        clean_up(async move {
            if let Ok(mut admin) = superuser.connect().await {
                // Instances that still run would connect again meanwhile, and a connection that just
                // begins is what the server waits for the longest.
                for sql in [
                    format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
                    format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                ] {
                    let _ = sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await;
                }
            }
        });
    }
}

/// The name of the migrated template, made when it is not there yet.
async fn template(
    admin: &mut PgConnection,
    superuser: &PgConnectOptions,
    migrator: &Migrator,
    schema: &str,
) -> String {
    let mut fingerprint = Uuid::nil().as_u128();
    for migration in migrator.iter() {
        for byte in migration.checksum.iter() {
            fingerprint = fingerprint.rotate_left(5) ^ u128::from(*byte);
        }
    }
    let name = format!("template_{schema}_{fingerprint:032x}");
    // One at a time over all test processes; released with the connection of the lock.
    execute(admin, "SELECT pg_advisory_lock(7203361)").await;
    let there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&name)
            .fetch_one(&mut *admin)
            .await
            .expect("pg_database can be read");
    if !there {
        let half = format!("{name}_half");
        execute(
            admin,
            &format!("DROP DATABASE IF EXISTS {half} WITH (FORCE)"),
        )
        .await;
        execute(admin, &format!("CREATE DATABASE {half}")).await;
        execute(
            admin,
            &format!(
                "DO $$ BEGIN
                   IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{schema}') THEN CREATE ROLE {schema}; END IF;
                 END $$"
            ),
        )
        .await;
        let mut fresh = superuser
            .clone()
            .database(&half)
            .connect()
            .await
            .expect("the template answers");
        for sql in [
            "CREATE EXTENSION IF NOT EXISTS vector SCHEMA public".to_owned(),
            "CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public".to_owned(),
            "CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public".to_owned(),
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
            format!("CREATE SCHEMA {schema} AUTHORIZATION {schema}"),
            // As the service does it: with the rights of its role, and no others.
            format!("SET ROLE {schema}"),
            format!("SET search_path = {schema}, public"),
        ] {
            execute(&mut fresh, &sql).await;
        }
        migrator
            .run_direct(None, &mut fresh, false)
            .await
            .expect("the migrations run as the service's role");
        fresh.close().await.expect("the connection closes");
        execute(admin, &format!("ALTER DATABASE {half} RENAME TO {name}")).await;
    }
    execute(admin, "SELECT pg_advisory_unlock(7203361)").await;
    name
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    let result = sqlx::query(AssertSqlSafe(sql)).execute(connection).await;
    if let Err(error) = result {
        panic!("{sql}: {error}");
    }
}
