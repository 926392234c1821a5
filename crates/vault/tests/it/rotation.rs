//! Keys change while replicas run, and nothing becomes unreadable before its time.

use futures::future::join_all;

use super::*;

#[tokio::test]
async fn a_rotation_is_followed_by_other_replicas_within_a_minute() {
    let fleet = Fleet::start().await;
    let (here, there) = (fleet.replica(OLD), fleet.replica(OLD));
    let (scope, context) = (workspace(), context());
    let old = seal(&there, scope, &context).await;

    here.rotate(scope).await.unwrap();
    assert!(!here.is_current(scope, &old).await.unwrap());
    let new = seal(&here, scope, &context).await;
    assert!(here.is_current(scope, &new).await.unwrap());
    // The key that the other replica never heard of is read at once; and with it all there is to know.
    let late = seal(&there, scope, &context).await;
    assert!(!here.is_current(scope, &late).await.unwrap());
    assert_opens(&there, scope, &context, &new).await;
    assert!(!there.is_current(scope, &late).await.unwrap());

    here.rotate(scope).await.unwrap();
    assert!(there.is_current(scope, &new).await.unwrap());
    fleet.clock.advance(A_MINUTE);
    assert!(!there.is_current(scope, &new).await.unwrap());
    let newest = seal(&there, scope, &context).await;
    assert!(here.is_current(scope, &newest).await.unwrap());
    for vault in [&here, &there] {
        for sealed in [&old, &new, &late, &newest] {
            assert_opens(vault, scope, &context, sealed).await;
        }
    }
}

#[tokio::test]
async fn rotations_at_once_leave_one_current_key() {
    let fleet = Fleet::start().await;
    let (scope, context) = (workspace(), context());
    let replicas: Vec<Vault> = (0..8).map(|_| fleet.replica(OLD)).collect();
    let old = seal(&replicas[0], scope, &context).await;
    for done in join_all(replicas.iter().map(|vault| vault.rotate(scope))).await {
        done.unwrap();
    }
    let current: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM crm.data_keys WHERE scope = $1 AND replaced_at IS NULL",
    )
    .bind(scope)
    .fetch_one(fleet.pool())
    .await
    .unwrap();
    assert_eq!(current, 1);
    for vault in &replicas {
        assert!(!vault.is_current(scope, &old).await.unwrap());
        assert_opens(vault, scope, &context, &old).await;
    }
}

#[tokio::test]
async fn old_data_keys_go_once_everything_is_sealed_again() {
    let fleet = Fleet::start().await;
    let (here, there) = (fleet.replica(OLD), fleet.replica(OLD));
    let (scope, context) = (workspace(), context());
    let mut kept = vec![seal(&there, scope, &context).await];
    here.rotate(scope).await.unwrap();
    // The other replica has not heard of it.
    fleet.clock.advance(Duration::from_secs(59));
    kept.push(seal(&there, scope, &context).await);

    // Too early: what is being written under the old key is not there to be looked at.
    assert_eq!(here.retire(scope, fleet.now()).await.unwrap(), 0);
    fleet.clock.advance(Duration::from_secs(600));

    let since = fleet.now();
    for sealed in &mut kept {
        assert!(!here.is_current(scope, sealed).await.unwrap());
        assert_opens(&here, scope, &context, sealed).await;
        *sealed = seal(&here, scope, &context).await;
        assert!(here.is_current(scope, sealed).await.unwrap());
    }
    let stray = seal(&there, scope, &context).await;
    assert_eq!(here.retire(scope, since).await.unwrap(), 1);
    assert_eq!(here.retire(scope, since).await.unwrap(), 0);
    for vault in [&here, &there, &fleet.replica(OLD)] {
        for sealed in kept.iter().chain([&stray]) {
            assert_opens(vault, scope, &context, sealed).await;
        }
    }
}

#[tokio::test]
async fn a_new_master_key_takes_over_and_the_old_one_is_taken_out() {
    let fleet = Fleet::start().await;
    let scopes = [Scope::FLEET, workspace()];
    let context = context();
    let before = fleet.replica(OLD);
    let mut sealed = Vec::new();
    for scope in scopes {
        sealed.push((scope, seal(&before, scope, &context).await));
        before.index(scope, &context, EMAIL).await.unwrap();
    }

    // The new one last: everybody can unwrap what anybody will wrap.
    let prepared = fleet.replica(&format!("{OLD},{NEW}"));
    let changed = fleet.replica(&format!("{NEW},{OLD}"));
    let after = fleet.replica(NEW);
    let error = refusal(&after, scopes[0], &context, &sealed[0].1).await;
    assert!(matches!(error, VaultError::UnknownMasterKey(name) if name == "2026"));

    let young = workspace();
    sealed.push((young, seal(&changed, young, &context).await));
    assert_opens(&prepared, young, &context, &sealed[2].1).await;

    assert_eq!(changed.rewrap().await.unwrap(), 4);
    assert_eq!(changed.rewrap().await.unwrap(), 0);
    fleet.clock.advance(A_MINUTE);
    for vault in [&prepared, &changed, &after, &fleet.replica(NEW)] {
        for (scope, sealed) in &sealed {
            assert_opens(vault, *scope, &context, sealed).await;
        }
    }
    let error = refusal(&fleet.replica(OLD), scopes[0], &context, &sealed[0].1).await;
    assert!(matches!(error, VaultError::UnknownMasterKey(name) if name == "2027"));
}

#[tokio::test]
async fn many_data_keys_are_wrapped_again_in_portions() {
    let fleet = Fleet::start().await;
    let before = fleet.replica(OLD);
    for _ in 0..205 {
        before.rotate(Scope::FLEET).await.unwrap();
    }
    let changed = fleet.replica(&format!("{NEW},{OLD}"));
    let runs = join_all([changed.rewrap(), changed.rewrap()]).await;
    let done: u64 = runs.into_iter().map(Result::unwrap).sum();
    assert_eq!(done, 205, "two runs share the work");
    assert_eq!(fleet.replica(NEW).rewrap().await.unwrap(), 0);
}

#[tokio::test]
async fn a_destroyed_scope_is_lost_everywhere_and_the_others_are_not() {
    let fleet = Fleet::start().await;
    let (here, there) = (fleet.replica(OLD), fleet.replica(OLD));
    let (gone, kept, context) = (workspace(), workspace(), context());
    let (lost, safe) = (
        seal(&here, gone, &context).await,
        seal(&here, kept, &context).await,
    );
    let index = here.index(gone, &context, EMAIL).await.unwrap();
    assert_opens(&there, gone, &context, &lost).await;
    let mut scopes = vec![gone, kept];
    scopes.sort_by_key(Scope::as_uuid);
    assert_eq!(here.scopes().await.unwrap(), scopes);

    assert_eq!(here.destroy(gone).await.unwrap(), 2);
    fleet.clock.advance(A_MINUTE);
    for vault in [&here, &there, &fleet.replica(OLD)] {
        let error = refusal(vault, gone, &context, &lost).await;
        assert!(matches!(error, VaultError::UnknownDataKey(_)), "{error}");
        assert_opens(vault, kept, &context, &safe).await;
    }
    assert_eq!(here.scopes().await.unwrap(), [kept]);
    // What a dump still has of it finds nothing.
    assert_ne!(here.index(gone, &context, EMAIL).await.unwrap(), index);
}
