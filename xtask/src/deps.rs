//! `cargo xtask deps`: who depends on whom, from cargo's own graph, and the rules that hold there.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::cargo;
use crate::place::Workspace;
use crate::{run, say};

/// Libraries that only named crates may use directly, so that a change of one stays in one place.
/// `deny.toml` holds the same line for what comes in through others.
const WRAPPED: [(&str, &[&str]); 3] = [
    ("lapin", &["bus"]),
    ("jsonwebtoken", &["common", "auth", "testkit"]),
    ("async-openai", &["llm", "speech"]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing for what ends up in the program.
    kind: Option<String>,
}

/// What a package of the workspace is, told from its folder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Service,
    Api,
    Crate,
    Tool,
}

impl Package {
    fn role(&self) -> Role {
        if self.manifest_path.contains("/services/") {
            Role::Service
        } else if self.manifest_path.contains("/crates/") && self.name.ends_with("-api") {
            Role::Api
        } else if self.manifest_path.contains("/crates/") {
            Role::Crate
        } else {
            Role::Tool
        }
    }
}

/// `cargo xtask deps [--check]`
pub(crate) fn command(workspace: &Workspace, check: bool) -> Result<()> {
    let mut cargo = cargo::command();
    cargo
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(&workspace.root);
    let metadata: Metadata =
        serde_json::from_str(&run::output(&mut cargo)?).context("cargo metadata")?;
    if !check {
        say::line(render(&metadata.packages));
    }
    let faults = faults(&metadata.packages);
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    if check {
        say::line("no service depends on another, and every wrapped library stays wrapped");
    }
    Ok(())
}

/// Services, then API crates, then the rest; what tests alone use stands in parentheses.
fn render(packages: &[Package]) -> String {
    let ours: BTreeMap<&str, Role> = packages
        .iter()
        .map(|p| (p.name.as_str(), p.role()))
        .collect();
    let mut text = String::new();
    for (role, title) in [
        (Role::Service, "services"),
        (Role::Api, "contracts of the services"),
        (Role::Crate, "crates"),
    ] {
        text += &format!("{title}\n");
        for package in packages.iter().filter(|p| p.role() == role) {
            let uses = |dev: bool| -> BTreeSet<(Role, &str)> {
                package
                    .dependencies
                    .iter()
                    .filter(|d| (d.kind.as_deref() == Some("dev")) == dev)
                    .filter_map(|d| Some((*ours.get(d.name.as_str())?, d.name.as_str())))
                    .collect()
            };
            let names: Vec<&str> = uses(false).into_iter().map(|(_, name)| name).collect();
            let tests: Vec<&str> = uses(true)
                .difference(&uses(false))
                .map(|(_, name)| *name)
                .collect();
            text += &format!("  {:<15}→ {}", package.name, names.join(", "));
            if !tests.is_empty() {
                text += &format!(" (tests: {})", tests.join(", "));
            }
            text += "\n";
        }
    }
    text.trim_end().to_owned()
}

fn faults(packages: &[Package]) -> Vec<String> {
    let services: BTreeSet<&str> = packages
        .iter()
        .filter(|p| p.role() == Role::Service)
        .map(|p| p.name.as_str())
        .collect();
    let mut faults = Vec::new();
    for package in packages {
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            if services.contains(name) {
                faults.push(format!(
                    "{} depends on the service {name}: depend on {name}-api and call it instead",
                    package.name
                ));
            }
            let wrapped = WRAPPED.iter().find(|(library, _)| *library == name);
            if let Some((library, wrappers)) = wrapped
                && !wrappers.contains(&package.name.as_str())
            {
                faults.push(format!(
                    "{} depends on {library}, which only {} may use: go through that",
                    package.name,
                    wrappers.join(", ")
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Package, folder, and what it depends on (with `dev:` in front where only tests do).
    fn graph(packages: &[(&str, &str, &[&str])]) -> Vec<Package> {
        let dependency = |name: &&str| match name.split_once(':') {
            Some((kind, name)) => Dependency {
                name: name.into(),
                kind: Some(kind.into()),
            },
            None => Dependency {
                name: (*name).into(),
                kind: None,
            },
        };
        packages
            .iter()
            .map(|(name, folder, uses)| Package {
                name: (*name).into(),
                manifest_path: format!("/src/{folder}/{name}/Cargo.toml"),
                dependencies: uses.iter().map(dependency).collect(),
            })
            .collect()
    }

    #[test]
    fn a_graph_that_keeps_the_rules_has_no_fault() {
        let packages = graph(&[
            (
                "crm",
                "services",
                &["auth-api", "common", "dev:testkit", "sqlx"],
            ),
            ("auth", "services", &["auth-api", "jsonwebtoken"]),
            ("auth-api", "crates", &["bus"]),
            ("bus", "crates", &["lapin"]),
            ("llm", "crates", &["async-openai"]),
        ]);
        assert_eq!(faults(&packages), Vec::<String>::new());
    }

    #[test]
    fn a_service_must_not_use_another_not_even_in_tests() {
        for uses in ["auth", "dev:auth"] {
            let packages = graph(&[("auth", "services", &[]), ("crm", "services", &[uses])]);
            let faults = faults(&packages);
            assert_eq!(faults.len(), 1);
            assert!(
                faults[0].starts_with("crm depends on the service auth"),
                "{faults:?}"
            );
        }
    }

    #[test]
    fn a_wrapped_library_stays_wrapped() {
        let packages = graph(&[
            ("chat", "services", &["lapin"]),
            ("rest", "crates", &["jsonwebtoken"]),
        ]);
        let faults = faults(&packages);
        assert!(faults[0].starts_with("chat depends on lapin"), "{faults:?}");
        assert!(
            faults[1].starts_with("rest depends on jsonwebtoken"),
            "{faults:?}"
        );
    }

    #[test]
    fn the_list_is_grouped_and_sorted() {
        let packages = graph(&[
            (
                "crm",
                "services",
                &["common", "auth-api", "dev:testkit", "sqlx"],
            ),
            ("auth-api", "crates", &["ids"]),
            ("ids", "crates", &[]),
            ("common", "crates", &[]),
            ("testkit", "crates", &[]),
        ]);
        let text = render(&packages);
        assert!(
            text.contains("crm            → auth-api, common (tests: testkit)"),
            "{text}"
        );
        assert!(text.find("crm ").unwrap() < text.find("auth-api  ").unwrap());
    }
}
