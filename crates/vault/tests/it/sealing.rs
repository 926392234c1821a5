//! What is sealed opens where it stands, on every replica, and nowhere else.

use std::{sync::Mutex, time::Instant};

use async_trait::async_trait;
use common::{ErrorCode, Problem};
use futures::future::join_all;
use ids::ContactId;
use secrecy::SecretSlice;
use testkit::eventually;
use uuid::Uuid;
use vault::{BlindIndex, KeyContext};

use super::*;

#[tokio::test]
async fn a_sealed_value_lies_in_its_row_and_is_found_by_its_index() {
    let fleet = Fleet::start().await;
    let vault = fleet.replica(OLD);
    let context = context();
    let sealed = seal(&vault, Scope::FLEET, &context).await;
    let index = vault.index(Scope::FLEET, &context, EMAIL).await.unwrap();
    sqlx::query("INSERT INTO crm.people (id, email_sealed, email_index) VALUES ($1, $2, $3)")
        .bind(context.row)
        .bind(&sealed)
        .bind(&index)
        .execute(fleet.pool())
        .await
        .unwrap();

    let wanted = vault
        .index(Scope::FLEET, &Context::field(context.field), EMAIL)
        .await
        .unwrap();
    let (row, found): (Uuid, Sealed) =
        sqlx::query_as("SELECT id, email_sealed FROM crm.people WHERE email_index = ANY($1)")
            .bind([wanted])
            .fetch_one(fleet.pool())
            .await
            .unwrap();
    let context = Context { row, ..context };
    assert_opens(&vault, Scope::FLEET, &context, &found).await;
}

#[tokio::test]
async fn replicas_that_race_for_the_first_key_agree_on_it() {
    let fleet = Fleet::start().await;
    let (scope, context) = (workspace(), context());
    let replicas: Vec<Vault> = (0..8).map(|_| fleet.replica(OLD)).collect();
    let used = join_all(replicas.iter().map(async |vault| {
        let sealed = seal(vault, scope, &context).await;
        (sealed, vault.index(scope, &context, EMAIL).await.unwrap())
    }))
    .await;
    assert_eq!(fleet.data_keys().await, 2, "one that seals, one that finds");
    for vault in &replicas {
        for (sealed, index) in &used {
            assert_opens(vault, scope, &context, sealed).await;
            assert!(vault.is_current(scope, sealed).await.unwrap());
            assert_eq!(index, &used[0].1);
        }
    }
}

#[tokio::test]
async fn a_value_that_was_moved_does_not_open() {
    let fleet = Fleet::start().await;
    let vault = fleet.replica(OLD);
    let (scope, other) = (workspace(), workspace());
    let context = context();
    let sealed = seal(&vault, scope, &context).await;
    seal(&vault, other, &context).await;

    let row = Context {
        row: ContactId::new().as_uuid(),
        ..context
    };
    let field = Context {
        field: "crm.people.phone",
        ..context
    };
    for moved in [row, field] {
        let error = refusal(&vault, scope, &moved, &sealed).await;
        assert!(matches!(error, VaultError::Tampered(_)), "{error}");
    }
    for moved in [other, Scope::FLEET] {
        let error = refusal(&vault, moved, &context, &sealed).await;
        assert!(
            matches!(error, VaultError::UnknownDataKey(scope) if scope == moved),
            "{error}"
        );
    }
    assert_opens(&vault, scope, &context, &sealed).await;
}

#[tokio::test]
async fn a_data_key_that_was_moved_to_another_scope_does_not_unwrap() {
    let fleet = Fleet::start().await;
    let (scope, other, context) = (workspace(), workspace(), context());
    let sealed = seal(&fleet.replica(OLD), scope, &context).await;
    sqlx::query("UPDATE crm.data_keys SET scope = $1")
        .bind(other)
        .execute(fleet.pool())
        .await
        .unwrap();
    let error = refusal(&fleet.replica(OLD), other, &context, &sealed).await;
    assert!(matches!(error, VaultError::Tampered(_)), "{error}");
}

#[tokio::test]
async fn the_index_is_the_same_across_rotations_and_tells_nothing_across_scopes_and_fields() {
    let fleet = Fleet::start().await;
    let vault = fleet.replica(OLD);
    let scope = workspace();
    let index = async |scope, field, text| -> BlindIndex {
        let context = Context::field(field);
        vault.index(scope, &context, text).await.unwrap()
    };
    let first = index(scope, "crm.people.email", EMAIL).await;
    seal(&vault, scope, &context()).await;
    vault.rotate(scope).await.unwrap();
    fleet.clock.advance(Duration::from_secs(660));
    assert_eq!(vault.retire(scope, fleet.now()).await.unwrap(), 1);
    assert_eq!(index(scope, "crm.people.email", EMAIL).await, first);
    for other in [
        index(scope, "crm.people.email", "eve@example.com").await,
        index(scope, "crm.people.phone", EMAIL).await,
        index(workspace(), "crm.people.email", EMAIL).await,
        index(Scope::FLEET, "crm.people.email", EMAIL).await,
    ] {
        assert_ne!(other, first);
    }
}

/// Wraps by the environment's keys and remembers what it was given.
struct Recorder {
    keys: EnvKeys,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

#[async_trait]
impl KeyWrapper for Recorder {
    async fn wrap(&self, key: &[u8], context: &KeyContext) -> Result<Vec<u8>, VaultError> {
        self.seen.lock().unwrap().push(key.to_vec());
        self.keys.wrap(key, context).await
    }

    async fn unwrap(
        &self,
        wrapped: &[u8],
        context: &KeyContext,
    ) -> Result<SecretSlice<u8>, VaultError> {
        self.keys.unwrap(wrapped, context).await
    }

    fn is_current(&self, wrapped: &[u8]) -> bool {
        self.keys.is_current(wrapped)
    }
}

#[tokio::test]
async fn a_dump_shows_neither_keys_nor_values() {
    let fleet = Fleet::start().await;
    let seen = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let vault = fleet.replica_with(Recorder {
        keys: env_keys(OLD),
        seen: Arc::clone(&seen),
    });
    for scope in [Scope::FLEET, workspace()] {
        let context = context();
        let sealed = seal(&vault, scope, &context).await;
        let index = vault.index(scope, &context, EMAIL).await.unwrap();
        sqlx::query("INSERT INTO crm.people VALUES ($1, $2, $3)")
            .bind(context.row)
            .bind(sealed)
            .bind(index)
            .execute(fleet.pool())
            .await
            .unwrap();
    }
    // `bytea` is printed as hexadecimal digits, in lower case.
    let dump: String = sqlx::query_scalar(
        "SELECT (SELECT string_agg(k::text, E'\\n') FROM crm.data_keys k)
             || (SELECT string_agg(p::text, E'\\n') FROM crm.people p)",
    )
    .fetch_one(fleet.pool())
    .await
    .unwrap();
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    assert!(
        dump.contains(&hex(b"2026")),
        "the master key is named: {dump}"
    );
    let keys = seen.lock().unwrap().clone();
    assert_eq!(keys.len(), 4, "two scopes, two purposes");
    for key in keys {
        assert!(!dump.contains(&hex(&key)));
    }
    assert!(!dump.contains(&hex(EMAIL.as_bytes())) && !dump.contains(EMAIL));
}

/// A key management service that does not answer.
struct Down;

#[async_trait]
impl KeyWrapper for Down {
    async fn wrap(&self, _: &[u8], _: &KeyContext) -> Result<Vec<u8>, VaultError> {
        Err(VaultError::Wrapper("no answer".into()))
    }

    async fn unwrap(&self, _: &[u8], _: &KeyContext) -> Result<SecretSlice<u8>, VaultError> {
        Err(VaultError::Wrapper("no answer".into()))
    }

    fn is_current(&self, _: &[u8]) -> bool {
        false
    }
}

#[tokio::test]
async fn without_its_key_service_nothing_is_sealed_or_opened_and_later_all_is() {
    let fleet = Fleet::start().await;
    let (scope, context) = (workspace(), context());
    let down = fleet.replica_with(Down);
    let error = down.seal(scope, &context, b"text").await.unwrap_err();
    assert_eq!(Problem::from(error).code(), ErrorCode::Unavailable);
    assert_eq!(fleet.data_keys().await, 0);

    let up = fleet.replica(OLD);
    let sealed = seal(&up, scope, &context).await;
    let error = refusal(&down, scope, &context, &sealed).await;
    assert_eq!(Problem::from(error).code(), ErrorCode::Unavailable);
    assert!(down.rotate(scope).await.is_err());
    assert!(up.is_current(scope, &sealed).await.unwrap());
}

#[tokio::test]
async fn without_the_database_a_scope_in_use_goes_on_for_eight_minutes() {
    let fleet = Fleet::start().await;
    let (pool, proxy) = fleet.database.behind_a_proxy("crm").await;
    let vault = Vault::new("crm", pool, Arc::new(env_keys(OLD)), fleet.clock.clone());
    let (scope, context) = (workspace(), context());
    let sealed = seal(&vault, scope, &context).await;

    proxy.take_down();
    assert_opens(&vault, scope, &context, &sealed).await;
    fleet.clock.advance(A_MINUTE);
    // One waits for the store, and the next ones do not.
    assert_opens(&vault, scope, &context, &sealed).await;
    let before = Instant::now();
    let meanwhile = seal(&vault, scope, &context).await;
    assert_opens(&vault, scope, &context, &meanwhile).await;
    assert!(before.elapsed() < Duration::from_secs(1));
    let error = vault.seal(workspace(), &context, b"text").await;
    let error = error.expect_err("a scope that is not in use");
    assert_eq!(Problem::from(error).code(), ErrorCode::Unavailable);
    fleet.clock.advance(A_MINUTE * 7);
    let error = refusal(&vault, scope, &context, &sealed).await;
    assert_eq!(Problem::from(error).code(), ErrorCode::Unavailable);

    proxy.bring_up();
    eventually("the value opens again", || async {
        vault.open(scope, &context, &sealed).await.ok()
    })
    .await;
}
