//! The supervisor: process-compose, detached, spoken to over its unix socket.
//!
//! An instance has two, so that the services can be stopped and started anew while their data
//! stays up: `infra` for the stores and the bus, `fleet` for the services. See ADR 1.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde::Deserialize;
use serde_json::json;

use crate::place::{Instance, Workspace, write_private};
use crate::{holders, http, install, run, say};

/// One process that must run.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// Program and arguments. Whatever wraps it is replaced by it: the pid is the program's own.
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) folder: PathBuf,
    /// Those that must have been started before; they are stopped after it.
    pub(crate) after: Vec<&'static str>,
    /// The signal that ends it in order.
    pub(crate) stop: Signal,
    /// Only the program itself gets the signal, because it ends its children in its own order.
    pub(crate) parent_only: bool,
}

impl Spec {
    pub(crate) fn new(name: &'static str, folder: PathBuf, argv: Vec<String>) -> Self {
        Self {
            name,
            argv,
            env: BTreeMap::new(),
            folder,
            after: Vec::new(),
            stop: Signal::TERM,
            parent_only: false,
        }
    }
}

/// What the supervisor knows of a process.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) pid: i32,
    pub(crate) restarts: u32,
    /// Nanoseconds since the last start.
    pub(crate) age: i64,
    pub(crate) is_running: bool,
}

/// One of the two supervisors of an instance.
#[derive(Debug)]
pub(crate) struct Supervisor {
    name: &'static str,
    instance: Instance,
    /// How long its processes may take to end.
    patience: Duration,
}

impl Supervisor {
    pub(crate) fn infra(instance: &Instance) -> Self {
        Self {
            name: "infra",
            instance: instance.clone(),
            // RabbitMQ takes 6 s on a quiet machine.
            patience: Duration::from_secs(45),
        }
    }

    pub(crate) fn fleet(instance: &Instance) -> Self {
        Self {
            name: "fleet",
            instance: instance.clone(),
            // Services drain for 10 s at most.
            patience: Duration::from_secs(20),
        }
    }

    fn socket(&self) -> String {
        format!("{}.sock", self.name)
    }

    /// A unix socket's path may have 107 bytes, and a checkout may lie deep. So the folder is
    /// opened and the socket reached through its descriptor.
    fn ask(&self, method: &str, path: &str) -> Result<(u16, String)> {
        let folder = File::open(&self.instance.folder)?;
        let short = format!("/proc/self/fd/{}/{}", folder.as_raw_fd(), self.socket());
        let stream = UnixStream::connect(short)?;
        // Stopping answers only when all has ended.
        stream.set_read_timeout(Some(self.patience))?;
        http::exchange(stream, method, path)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.ask("GET", "/live")
            .is_ok_and(|(status, _)| status == 200)
    }

    /// The processes, by name; empty when the supervisor does not run.
    pub(crate) fn states(&self) -> Result<BTreeMap<String, State>> {
        #[derive(Deserialize)]
        struct Processes {
            data: Vec<State>,
        }
        if !self.is_running() {
            return Ok(BTreeMap::new());
        }
        let (_, body) = self.ask("GET", "/processes")?;
        let processes: Processes =
            serde_json::from_str(&body).context("the supervisor's list of processes")?;
        let named = processes
            .data
            .into_iter()
            .map(|state| (state.name.clone(), state));
        Ok(named.collect())
    }

    /// Starts the processes under a supervisor in a session of its own.
    pub(crate) fn start(&self, workspace: &Workspace, specs: &[Spec]) -> Result<()> {
        let program = install::process_compose(workspace)?;
        let folder = &self.instance.folder;
        self.set_logs_aside(specs)?;
        let file = folder.join(format!("{}.yaml", self.name));
        // JSON is YAML. The file holds passwords, hence private.
        write_private(&file, &serde_json::to_string_pretty(&self.project(specs))?)?;
        let _ = fs::remove_file(folder.join(self.socket()));
        let log = File::create(self.instance.log(&format!("{}-supervisor", self.name)))?;
        let mut command = Command::new("setsid");
        command
            .arg(program)
            .args([
                "--tui=false",
                "--keep-project",
                "--ordered-shutdown",
                "--disable-dotenv",
            ])
            .args(["--use-uds", "--unix-socket", &self.socket()])
            .arg("--log-file")
            .arg(
                folder
                    .join("logs")
                    .join(format!("{}-compose.log", self.name)),
            )
            .arg("--config")
            .arg(&file)
            .arg("up")
            .current_dir(folder)
            .env(holders::MARK, folder.join(self.name))
            .env("XDG_CONFIG_HOME", folder.join("config"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            // Each process gets exactly the settings in its own list.
            if text.starts_with("SYNTERA_") && text != holders::MARK || text.starts_with("PC_") {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn().context("starting setsid")?;
        run::until("the supervisor", Duration::from_secs(20), || {
            self.is_running() || !matches!(child.try_wait(), Ok(None))
        })?;
        if !self.is_running() {
            let log = self.instance.log(&format!("{}-supervisor", self.name));
            let text = fs::read_to_string(log).unwrap_or_default();
            bail!(
                "the supervisor did not start:\n{}",
                run::last_lines(&text, 10)
            );
        }
        Ok(())
    }

    fn project(&self, specs: &[Spec]) -> serde_json::Value {
        let processes: serde_json::Map<_, _> = specs
            .iter()
            .map(|spec| (spec.name.to_owned(), self.process(spec)))
            .collect();
        json!({
            "version": "0.5",
            "name": format!("{}-{}", self.instance.name, self.name),
            "is_strict": true,
            "disable_env_expansion": true,
            "processes": processes,
        })
    }

    /// The program with its output in its own log, as it prints it. The shell only opens the file
    /// and replaces itself. (The supervisor's own log files put a level before each line, and who
    /// writes into its pipe dies with it.)
    fn entrypoint(&self, spec: &Spec) -> Vec<String> {
        let script = "log=$1; shift; exec \"$@\" >>\"$log\" 2>&1";
        let log = self.instance.log(spec.name).display().to_string();
        let mut words = vec!["sh".into(), "-c".into(), script.into(), "sh".into(), log];
        words.extend(spec.argv.iter().cloned());
        words
    }

    /// The log of the run before stays for one more run.
    fn set_logs_aside(&self, specs: &[Spec]) -> Result<()> {
        self.instance.sub("logs")?;
        for spec in specs {
            let log = self.instance.log(spec.name);
            if log.exists() {
                fs::rename(&log, log.with_extension("old.log"))?;
            }
        }
        Ok(())
    }

    fn process(&self, spec: &Spec) -> serde_json::Value {
        let after: serde_json::Map<_, _> = spec
            .after
            .iter()
            .map(|name| {
                (
                    (*name).to_owned(),
                    json!({ "condition": "process_started" }),
                )
            })
            .collect();
        let env: Vec<String> = spec.env.iter().map(|(k, v)| format!("{k}={v}")).collect();
        json!({
            "entrypoint": self.entrypoint(spec),
            "working_dir": spec.folder,
            "environment": env,
            "is_dotenv_disabled": true,
            "depends_on": after,
            "availability": { "restart": "always", "backoff_seconds": 1 },
            "shutdown": {
                "signal": spec.stop.as_raw(),
                "parent_only": spec.parent_only,
            },
        })
    }

    /// Stops all processes in order, then the supervisor.
    pub(crate) fn stop(&self) -> Result<()> {
        if self.is_running() {
            // The connection may close before the answer, because the one who answers ends.
            let _ = self.ask("POST", "/project/stop");
            let gone = || holders::of_instance(&self.instance.folder, Some(self.name)).is_empty();
            // Who is left then gets swept. The supervisor has a time limit of its own, but with one
            // it waits for all of it when a process ends faster than it begins to wait.
            let _ = run::until("the supervisor's end", self.patience, gone);
        }
        let _ = fs::remove_file(self.instance.folder.join(self.socket()));
        Ok(())
    }
}

/// Ends what still belongs to the instance (or to one half of it) although nobody supervises it,
/// and checks that nothing is left. Returns what had to be ended by hand.
pub(crate) fn sweep(folder: &Path, half: Option<&str>) -> Result<Vec<holders::Process>> {
    let find = || holders::of_instance(folder, half);
    let left = find();
    for signal in [Signal::TERM, Signal::KILL] {
        for process in find() {
            run::kill(process.pid, signal);
        }
        let gone = run::until("leftovers", Duration::from_secs(10), || find().is_empty());
        if gone.is_ok() {
            return Ok(left);
        }
    }
    let still: Vec<String> = find().iter().map(ToString::to_string).collect();
    bail!("could not end: {}", still.join(", "))
}

/// The same, told to the person, before a start.
pub(crate) fn sweep_before_start(folder: &Path, half: Option<&str>) -> Result<()> {
    for left in sweep(folder, half)? {
        say::line(format!("ended {left}, left over from a start before"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_described_word_by_word() {
        let instance = Instance {
            name: "one".into(),
            folder: "/somewhere".into(),
            ports: crate::ports::Ports::new(7000).unwrap(),
        };
        let mut spec = Spec::new(
            "redis",
            "/data".into(),
            vec!["redis-server".into(), "a b".into()],
        );
        spec.env.insert("KEY".into(), "a=$b".into());
        spec.after.push("epmd");
        let project = Supervisor::infra(&instance).project(&[spec]);
        assert_eq!(project["disable_env_expansion"], true);
        let redis = &project["processes"]["redis"];
        let words = redis["entrypoint"].as_array().unwrap();
        assert_eq!(
            words[words.len() - 2..],
            [json!("redis-server"), json!("a b")]
        );
        assert_eq!(redis["environment"], json!(["KEY=a=$b"]));
        assert_eq!(redis["availability"]["restart"], "always");
        assert_eq!(redis["shutdown"]["signal"], 15);
        assert_eq!(redis["depends_on"]["epmd"]["condition"], "process_started");
    }
}
