//! The table of permissions, against what the code knows and what the page says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use common::tokens::{Permission, Role};

use crate::fixture::Auth;

/// The built-in roles, the mightiest first.
const ROLES: [Role; 5] = [
    Role::Owner,
    Role::Admin,
    Role::Supervisor,
    Role::Agent,
    Role::Viewer,
];

type Table = BTreeMap<String, BTreeSet<String>>;

async fn table() -> Table {
    let auth = Auth::start().await;
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT role, permission FROM auth.permissions")
            .fetch_all(&auth.database.pool)
            .await
            .unwrap();
    let mut table = Table::new();
    for (role, permission) in rows {
        role.parse::<Role>().expect("a role that the code knows");
        table.entry(role).or_default().insert(permission);
    }
    table
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn the_table_says_what_each_role_may_do() {
    let all: Vec<_> = Permission::ALL
        .iter()
        .map(|permission| permission.as_str())
        .collect();
    let everybody = ["members:read", "roles:read", "workspace:read"];
    let viewer = [
        "agents:read",
        "contacts:read",
        "conversations:read",
        "analytics:read",
        "keys:read",
    ];
    let agent = [
        "agents:read",
        "contacts:read",
        "contacts:write",
        "conversations:read",
        "conversations:write",
    ];
    let leads = [
        "analytics:read",
        "chat_settings:write",
        "conversations:moderate",
        "issuers:read",
    ];
    let supervisor = [&agent[..], &leads].concat();
    let expected: Table = [
        (Role::Owner, set(&all)),
        (Role::Admin, set(&all)),
        (
            Role::Supervisor,
            set(&[&supervisor[..], &everybody].concat()),
        ),
        (Role::Agent, set(&[&agent[..], &everybody].concat())),
        (Role::Viewer, set(&[&viewer[..], &everybody].concat())),
    ]
    .into_iter()
    .map(|(role, permissions)| (role.to_string(), permissions))
    .collect();
    assert_eq!(
        table().await,
        expected,
        "a new permission needs a migration that says who has it"
    );
}

/// The page as it must be.
fn page(table: &Table) -> String {
    let mut page = String::from(
        "# Permissions

<!-- Written by services/auth/tests/it/permissions.rs from the table in migrations/auth: UPDATE_SNAPSHOTS=1 cargo test. -->

A role says what a member of a workspace may do. Access tokens carry the permissions of the role, and each service checks those that its operations need; the OpenAPI document names them under `security`. A secret key has the permissions that it was created with.

Beside the built-in roles a workspace makes its own, of any of these permissions (`POST /auth/roles`). Nobody gives away more than they have: not by a role that they make, nor by one that they give, nor by a key. Only owners make and unmake owners, give the workspace away, and delete it; a workspace has an owner at all times.

",
    );
    let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut header = vec!["permission".to_owned(), "what it allows".to_owned()];
    header.extend(ROLES.map(|role| role.to_string()));
    page.push_str(&row(&header));
    writeln!(page, "|---|---|{}", ":-:|".repeat(ROLES.len())).unwrap();
    for permission in Permission::ALL {
        let mut cells = vec![
            format!("`{permission}`"),
            permission.description().to_owned(),
        ];
        cells.extend(ROLES.map(|role| {
            let has = table[role.as_str()].contains(permission.as_str());
            if has { "✓".to_owned() } else { String::new() }
        }));
        page.push_str(&row(&cells));
    }
    page
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the test run, not a setting"
)]
async fn the_page_shows_the_table() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/permissions.md");
    let expected = page(&table().await);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &expected).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == expected,
        "docs/permissions.md differs from the table; write it with UPDATE_SNAPSHOTS=1"
    );
}
