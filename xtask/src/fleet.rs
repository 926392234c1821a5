//! The services of an instance: built, given keys and models, migrated, started, seeded.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::place::{Instance, Workspace};
use crate::ports::Service;
use crate::settings::Settings;
use crate::supervise::{Spec, Supervisor};
use crate::{cargo, infra, ports, run, say, status};

/// From its start a service is ready within a second or two; models take longer to load.
const DEADLINE: Duration = Duration::from_secs(120);
/// Who was restarted this often while we wait will not get ready by waiting.
const HOPELESS: u32 = 6;
const DEMO_EMAIL: &str = "demo@juniperandpine.example";
const DEMO_WORKSPACE: &str = "Juniper & Pine";
/// Those with a schema or indexes of their own.
const MIGRATED: [Service; 5] = [
    Service::Auth,
    Service::Agent,
    Service::Crm,
    Service::Chat,
    Service::Analytics,
];

/// The built programs, in a folder of the instance: a later build, or another checkout with the
/// same target folder, must not swap the program of a service that is restarted.
pub(crate) struct Binaries(PathBuf);

impl Binaries {
    /// Builds all services and copies them into the instance.
    pub(crate) fn build(workspace: &Workspace, instance: &Instance) -> Result<Self> {
        let target = build(workspace)?;
        let folder = instance.sub("bin")?;
        for service in Service::ALL {
            let (from, to) = (target.join(service.name()), folder.join(service.name()));
            // The old program may still be running; a new file leaves it its own.
            let _ = fs::remove_file(&to);
            fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?;
        }
        Ok(Self(folder))
    }

    fn of(&self, service: Service) -> PathBuf {
        self.0.join(service.name())
    }

    fn command(&self, service: Service) -> Command {
        Command::new(self.of(service))
    }
}

/// Builds all services; the folder of the programs.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = cargo::command();
    cargo
        .args(["build", "--workspace", "--bins"])
        .current_dir(&workspace.root);
    say::line("building the services: cargo build --workspace --bins");
    run::visibly(&mut cargo)?;
    Ok(workspace.target()?.join("debug"))
}

/// Makes the keys that are missing: one for each service, one that signs people's tokens.
pub(crate) fn keys(binaries: &Binaries, settings: &Settings<'_>) -> Result<()> {
    let mut command = binaries.command(Service::Auth);
    command
        .args(["keys", "generate", "--out"])
        .arg(settings.keys());
    run::quietly("making keys", &mut command)
}

/// Brings the models of the inference service, when it is ours that runs.
pub(crate) fn models(binaries: &Binaries, settings: &Settings<'_>) -> Result<()> {
    if !settings.services().contains(&Service::Inference) {
        return Ok(());
    }
    let mut command = binaries.command(Service::Inference);
    command.args(["install", "--dir"]).arg(settings.models());
    // It shows its own progress.
    run::visibly(&mut command).context("installing the models")
}

/// Brings every store to the state that the programs expect.
pub(crate) fn migrate(binaries: &Binaries, settings: &Settings<'_>) -> Result<()> {
    for service in MIGRATED {
        let mut command = binaries.command(service);
        command.arg("migrate").envs(settings.of(service));
        run::quietly(&format!("migrating {}", service.name()), &mut command)?;
    }
    Ok(())
}

/// Starts the services and waits until each says that it is ready.
pub(crate) fn start(
    workspace: &Workspace,
    instance: &Instance,
    binaries: &Binaries,
    settings: &Settings<'_>,
) -> Result<()> {
    let services = settings.services();
    ports::ensure_free(&instance.ports.services(&services))?;
    let _ = fs::remove_file(settings.trace_file());
    let specs: Vec<Spec> = services
        .iter()
        .map(|&s| spec(instance, binaries, settings, s))
        .collect();
    Supervisor::fleet(instance).start(workspace, &specs)?;
    wait(instance, &services)
}

fn spec(
    instance: &Instance,
    binaries: &Binaries,
    settings: &Settings<'_>,
    service: Service,
) -> Spec {
    let program = binaries.of(service).display().to_string();
    let mut spec = Spec::new(
        service.name(),
        instance.folder.clone(),
        vec![program, "serve".into()],
    );
    spec.env = settings.of(service);
    if service == Service::Gateway {
        // So that it is stopped first: who asks is refused before who answers is gone.
        spec.after = settings
            .services()
            .into_iter()
            .filter(|&other| other != Service::Gateway)
            .map(Service::name)
            .collect();
    }
    spec
}

/// Waits until all are ready; tells which are not yet.
fn wait(instance: &Instance, services: &[Service]) -> Result<()> {
    let supervisor = Supervisor::fleet(instance);
    let began = Instant::now();
    say::progress("waiting until every service is ready", || {
        let mut waiting = services.to_vec();
        loop {
            waiting.retain(|&service| !status::is_ready(instance, service));
            let Some(first) = waiting.first() else {
                return Ok(());
            };
            let states = supervisor.states()?;
            let lost = waiting
                .iter()
                .find(|s| restarts(&states, s.name()) >= HOPELESS);
            if let Some(service) = lost {
                bail!(infra::trouble(instance, service.name()));
            }
            if began.elapsed() > DEADLINE {
                bail!(infra::trouble(instance, first.name()));
            }
            run::pause(Duration::from_millis(150))?;
        }
    })
}

fn restarts(states: &BTreeMap<String, crate::supervise::State>, name: &str) -> u32 {
    states.get(name).map_or(0, |state| state.restarts)
}

/// Makes the demo account, and fills in its workspace through the public API; safe to repeat.
pub(crate) fn seed(binaries: &Binaries, settings: &Settings<'_>) -> Result<()> {
    let password = demo_login(&settings.demo_file()).map_or_else(
        || settings.demo_password().to_owned(),
        |(_, password)| password,
    );
    let mut account = binaries.command(Service::Auth);
    account
        .args(["accounts", "create", "--email", DEMO_EMAIL])
        .args(["--name", "Demo Owner", "--workspace-name", DEMO_WORKSPACE])
        .env("SYNTERA_NEW_PASSWORD", &password)
        .envs(settings.of(Service::Auth));
    run::quietly("making the demo account", &mut account)?;
    let mut command = binaries.command(Service::Gateway);
    command
        .arg("seed")
        .env("SYNTERA_DEMO_EMAIL", DEMO_EMAIL)
        .env("SYNTERA_DEMO_PASSWORD", &password)
        .envs(settings.of(Service::Gateway));
    run::quietly("seeding the demo workspace", &mut command)
}

/// The demo login, as the seed wrote it.
pub(crate) fn demo_login(file: &Path) -> Option<(String, String)> {
    let text = fs::read_to_string(file).ok()?;
    let demo: serde_json::Value = serde_json::from_str(&text).ok()?;
    let field = |name: &str| Some(demo["login"][name].as_str()?.to_owned());
    Some((field("email")?, field("password")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_is_read_from_what_the_seed_writes() {
        let file = std::env::temp_dir().join(format!("demo-{}.json", std::process::id()));
        fs::write(
            &file,
            r#"{"key":"pk_1","login":{"email":"a@b.example","password":"p"}}"#,
        )
        .unwrap();
        assert_eq!(demo_login(&file), Some(("a@b.example".into(), "p".into())));
        fs::write(&file, "{}").unwrap();
        assert_eq!(demo_login(&file), None);
        fs::remove_file(file).unwrap();
    }
}
