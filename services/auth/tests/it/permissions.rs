//! The permissions table against the permissions that the code knows.

use std::collections::{BTreeMap, BTreeSet};

use common::tokens::{Permission, Role};

use crate::fixture::Auth;

#[tokio::test]
async fn the_table_says_what_each_role_may_do() {
    let auth = Auth::start().await;
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT role, permission FROM auth.permissions")
            .fetch_all(&auth.database.pool)
            .await
            .unwrap();
    let mut table: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (role, permission) in rows {
        role.parse::<Role>().expect("a role that the code knows");
        table.entry(role).or_default().insert(permission);
    }
    let set = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    let all: Vec<_> = Permission::ALL
        .iter()
        .map(|permission| permission.as_str())
        .collect();
    let reads: Vec<_> = all
        .iter()
        .copied()
        .filter(|name| name.ends_with(":read"))
        .collect();
    let agent = [
        "agents:read",
        "contacts:read",
        "contacts:write",
        "conversations:read",
        "conversations:write",
    ];
    let supervisor = [&agent[..], &["analytics:read"]].concat();
    let expected: BTreeMap<String, BTreeSet<String>> = [
        (Role::Owner, set(&all)),
        (Role::Admin, set(&all)),
        (Role::Supervisor, set(&supervisor)),
        (Role::Agent, set(&agent)),
        (Role::Viewer, set(&reads)),
    ]
    .into_iter()
    .map(|(role, permissions)| (role.to_string(), permissions))
    .collect();
    assert_eq!(
        table, expected,
        "a new permission needs a migration that says who has it"
    );
}
