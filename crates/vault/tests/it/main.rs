//! The vault against a real database: several replicas, keys that change, and what a dump shows.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod rotation;
mod sealing;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use clock::Clock;
use ids::{ContactId, WorkspaceId};
use secrecy::ExposeSecret;
use sqlx::{PgPool, migrate::Migrator};
use testkit::Postgres;
use vault::{Context, EnvKeys, KeyWrapper, Scope, Sealed, Vault, VaultConfig, VaultError};

static MIGRATOR: Migrator = sqlx::migrate!("tests/migrations");

const OLD: &str = "2026:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const NEW: &str = "2027:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const EMAIL: &str = "ada@example.com";
/// A little more than another replica takes to see what changed.
const A_MINUTE: Duration = Duration::from_secs(61);

/// One database and one clock for all replicas.
struct Fleet {
    database: Postgres,
    clock: Clock,
}

impl Fleet {
    async fn start() -> Self {
        Self {
            database: Postgres::start(&MIGRATOR, "crm").await,
            clock: Clock::manual(DateTime::UNIX_EPOCH),
        }
    }

    fn pool(&self) -> &PgPool {
        &self.database.pool
    }

    /// A replica with these master keys.
    fn replica(&self, master_keys: &str) -> Vault {
        self.replica_with(env_keys(master_keys))
    }

    fn replica_with(&self, wrapper: impl KeyWrapper + 'static) -> Vault {
        Vault::new(
            "crm",
            self.pool().clone(),
            Arc::new(wrapper),
            self.clock.clone(),
        )
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    async fn data_keys(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM crm.data_keys")
            .fetch_one(self.pool())
            .await
            .unwrap()
    }
}

fn env_keys(master_keys: &str) -> EnvKeys {
    EnvKeys::read(&VaultConfig {
        vault_keys: master_keys.into(),
    })
    .unwrap()
}

fn workspace() -> Scope {
    Scope::workspace(WorkspaceId::new())
}

fn context() -> Context {
    Context {
        field: "crm.people.email",
        row: ContactId::new().as_uuid(),
    }
}

async fn seal(vault: &Vault, scope: Scope, context: &Context) -> Sealed {
    vault.seal(scope, context, EMAIL.as_bytes()).await.unwrap()
}

async fn assert_opens(vault: &Vault, scope: Scope, context: &Context, sealed: &Sealed) {
    let plain = vault.open_text(scope, context, sealed).await.unwrap();
    assert_eq!(plain.expose_secret(), EMAIL);
}

async fn refusal(vault: &Vault, scope: Scope, context: &Context, sealed: &Sealed) -> VaultError {
    vault.open(scope, context, sealed).await.unwrap_err()
}
