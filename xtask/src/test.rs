//! `cargo xtask test`: everything that CI runs, step by step, with a summary.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cargo;
use crate::infra;
use crate::place::{Instance, Workspace};
use crate::python::Python;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::supervise::Supervisor;
use crate::{deps, down, install, lint, npm, openapi, run, say, sqlx, up};

/// One step: what it is called, what it does in words, and how.
struct Step {
    name: &'static str,
    about: String,
    run: Work,
}

type Work = Box<dyn Fn(&mut Context<'_>) -> Result<()>>;

/// What the steps share.
struct Context<'a> {
    workspace: &'a Workspace,
    instance: &'a Instance,
    /// Whether this command started the infrastructure, and so must stop it.
    ours: bool,
    /// The same of the services.
    fleet: bool,
}

impl Context<'_> {
    /// The private stores and bus of the instance, started by the first step that needs them.
    fn infra(&mut self) -> Result<()> {
        // Said before it is tried: what comes up halfway must be stopped, too.
        self.ours |= !Supervisor::infra(self.instance).is_running();
        infra::ensure(self.workspace, self.instance)?;
        Ok(())
    }

    /// The services of the instance, started by the first step that needs them; where they are reached.
    fn fleet(&mut self) -> Result<String> {
        let secrets = Secrets::of(self.instance)?;
        let settings = Settings::new(self.workspace, self.instance, &secrets);
        if !self.fleet {
            if Supervisor::fleet(self.instance).is_running() {
                bail!(
                    "instance {0} runs already, perhaps with older programs: cargo xtask down --instance {0}",
                    self.instance.name
                );
            }
            self.infra()?;
            up::start(self.workspace, self.instance, &settings)?;
            self.fleet = true;
        }
        Ok(settings.public_url())
    }

    /// Stops what this command started.
    fn stop(&self) -> Result<()> {
        if self.ours {
            down::stop(self.instance)
        } else if self.fleet {
            down::stop_fleet(self.instance)
        } else {
            Ok(())
        }
    }
}

fn step(
    name: &'static str,
    about: impl Into<String>,
    run: impl Fn(&mut Context<'_>) -> Result<()> + 'static,
) -> Step {
    Step {
        name,
        about: about.into(),
        run: Box::new(run),
    }
}

/// All steps, cheap ones that fail often first.
fn steps() -> Vec<Step> {
    let mut steps = vec![
        cargo("fmt", &["fmt", "--all", "--check"]),
        step("deps", "who may depend on whom", |c| {
            deps::command(c.workspace, true)
        }),
        cargo(
            "clippy",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "--deny",
                "warnings",
            ],
        ),
        step("openapi", "openapi/ is what the services print", |c| {
            openapi::command(c.workspace, true)
        }),
        step(
            "infra",
            "private PostgreSQL, MongoDB, Redis and RabbitMQ",
            |c| c.infra(),
        ),
        step("sqlx", ".sqlx/ is what the database says", |c| {
            c.infra()?;
            sqlx::command(c.workspace, c.instance, true)
        }),
        step("rust", "cargo test --workspace --no-fail-fast", rust),
    ];
    steps.push(step(
        "lint",
        "dependencies, workflows, images, manifests, alerts, secrets",
        |c| lint::command(c.workspace),
    ));
    steps.push(step(
        "web",
        "types, lints, unit and browser tests in web/",
        web,
    ));
    steps.push(step(
        "e2e",
        "the whole fleet, and journeys through it in Chromium",
        e2e,
    ));
    // Last, because the people that it makes up crowd the mail page and the logs.
    steps.push(step(
        "fuzz",
        "requests that Schemathesis makes up, and the answers held against the OpenAPI document",
        fuzz,
    ));
    steps
}

fn cargo(name: &'static str, arguments: &'static [&'static str]) -> Step {
    step(name, format!("cargo {}", arguments.join(" ")), move |c| {
        run::visibly(
            cargo::command()
                .args(arguments)
                .current_dir(&c.workspace.root),
        )
    })
}

fn rust(c: &mut Context<'_>) -> Result<()> {
    c.infra()?;
    let secrets = Secrets::of(c.instance)?;
    let settings = Settings::new(c.workspace, c.instance, &secrets);
    let mut cargo = cargo::command();
    cargo
        .args(["test", "--workspace", "--no-fail-fast"])
        .current_dir(&c.workspace.root)
        .envs(settings.test());
    run::visibly_as_group(&mut cargo)
}

fn web(c: &mut Context<'_>) -> Result<()> {
    let web = c.workspace.root.join("web");
    npm::install_folder(c.workspace, &web)?;
    run::visibly_as_group(npm::npm(&web).args(["run", "check"]))?;
    run::visibly_as_group(npm::npm(&web).arg("test"))?;
    install::debian(&install::BROWSER.iter().collect::<Vec<_>>())?;
    let mut browser = npm::npm(&web);
    browser.args(["run", "test:browser"]).env("CI", "1");
    run::visibly_as_group(browser.envs(chromium().map(|path| ("CHROMIUM_PATH", path))))
}

fn e2e(c: &mut Context<'_>) -> Result<()> {
    let folder = c.workspace.root.join("tests/e2e");
    install::debian(&install::BROWSER.iter().collect::<Vec<_>>())?;
    npm::install_folder(c.workspace, &folder)?;
    let mut tests = npm::npm(&folder);
    tests
        .arg("test")
        .env("SYNTERA_E2E_BASE_URL", c.fleet()?)
        .env("SYNTERA_E2E_INSTANCE_DIR", &c.instance.folder)
        .env("CI", "1")
        .envs(chromium().map(|path| ("CHROMIUM_PATH", path)));
    run::visibly_as_group(&mut tests)
}

fn fuzz(c: &mut Context<'_>) -> Result<()> {
    let pinned = "tools/schemathesis/requirements.txt";
    let python = Python::installed(c.workspace, pinned, "fuzz-python")?;
    let mut fuzz = python.interpreter();
    fuzz.arg(c.workspace.root.join("tests/fuzz/fuzz.py"))
        .arg(c.fleet()?)
        .current_dir(c.instance.sub("fuzz")?);
    run::visibly_as_group(&mut fuzz)
}

/// What the browser tests drive, unless the caller says so.
fn chromium() -> Option<String> {
    let given = std::env::var("CHROMIUM_PATH").ok();
    given.or_else(|| {
        let path = "/usr/bin/chromium";
        fs::exists(path)
            .is_ok_and(|exists| exists)
            .then(|| path.to_owned())
    })
}

/// `cargo xtask test --list`
pub(crate) fn list() {
    for step in steps() {
        say::line(format!("{:<12} {}", step.name, step.about));
    }
}

/// Runs the named steps, or all. A failed one does not keep the others from running.
pub(crate) fn command(workspace: &Workspace, instance: &Instance, names: &[String]) -> Result<()> {
    let steps = chosen(steps(), names)?;
    let _lock = instance.lock()?;
    let mut context = Context {
        workspace,
        instance,
        ours: false,
        fleet: false,
    };
    let began = Instant::now();
    let mut results = Vec::new();
    for step in &steps {
        if run::interrupted() {
            break;
        }
        say::line(format!("\n── {}: {}", step.name, step.about));
        let start = Instant::now();
        let result = (step.run)(&mut context);
        if let Err(error) = &result {
            say::error(&format!("{error:#}"));
        }
        results.push((step.name, result.is_ok(), start.elapsed()));
    }
    let interrupted = run::interrupted();
    run::uninterruptible(|| context.stop())?;
    let failed = results.iter().filter(|(_, passed, _)| !passed).count();
    say::line(summary(&results, began.elapsed()));
    if interrupted {
        bail!(
            "interrupted after {} of {} steps",
            results.len(),
            steps.len()
        );
    }
    if failed > 0 {
        bail!("{failed} of {} steps failed", results.len());
    }
    Ok(())
}

fn chosen(steps: Vec<Step>, names: &[String]) -> Result<Vec<Step>> {
    if names.is_empty() {
        return Ok(steps);
    }
    if let Some(unknown) = names
        .iter()
        .find(|name| !steps.iter().any(|s| s.name == **name))
    {
        bail!("no step is called {unknown:?}: cargo xtask test --list");
    }
    let named = |step: &Step| names.iter().any(|name| name == step.name);
    Ok(steps.into_iter().filter(named).collect())
}

/// The table at the end; its last line is for programs, too.
fn summary(results: &[(&str, bool, Duration)], whole: Duration) -> String {
    let mut text = format!("\n── summary ({})", say::took(whole));
    for (name, passed, time) in results {
        let mark = if *passed { "✓" } else { "✗" };
        text += &format!("\n  {mark} {name:<12} {}", say::took(*time));
    }
    let passed = results.iter().filter(|(_, passed, _)| *passed).count();
    text + &format!("\n{passed} passed, {} failed", results.len() - passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        let results = [
            ("fmt", true, Duration::from_secs(1)),
            ("clippy", false, Duration::from_secs(70)),
        ];
        let text = summary(&results, Duration::from_secs(71));
        assert_eq!(text.lines().last(), Some("1 passed, 1 failed"));
        assert!(text.contains("✗ clippy       1 min 10 s"), "{text}");
    }

    #[test]
    fn steps_are_chosen_by_name_in_their_own_order() {
        let names = ["clippy".to_owned(), "fmt".to_owned()];
        let chosen: Vec<&str> = super::chosen(steps(), &names)
            .unwrap()
            .iter()
            .map(|s| s.name)
            .collect();
        assert_eq!(chosen, ["fmt", "clippy"]);
        assert!(super::chosen(steps(), &["nope".to_owned()]).is_err());
    }

    #[test]
    fn no_name_stands_twice() {
        let mut names: Vec<&str> = steps().iter().map(|step| step.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
