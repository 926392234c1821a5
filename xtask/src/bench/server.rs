//! A program that runs as long as its contestant exists.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;

use crate::place::Instance;
use crate::supervise::Spec;
use crate::{holders, http, ports, run};

const READY_WITHIN: Duration = Duration::from_secs(30);
const ENDS_WITHIN: Duration = Duration::from_secs(15);

/// A running program, by itself or with children. It ends when this is dropped.
pub(super) struct Server {
    child: Child,
    stop: Signal,
}

impl Server {
    /// Starts it and waits until it is ready; `listens` are its ports.
    ///
    /// # Errors
    /// When a port is taken, or with its last words when it does not get ready.
    pub(super) fn start(
        instance: &Instance,
        spec: &Spec,
        listens: &[u16],
        is_ready: impl Fn() -> bool,
    ) -> Result<Self> {
        for &port in listens {
            ports::ensure_free(&[(spec.name, port)])?;
        }
        instance.sub("logs")?;
        let path = instance.log(spec.name);
        let log = File::create(&path).with_context(|| path.display().to_string())?;
        let mut command = Command::new(&spec.argv[0]);
        for (name, _) in std::env::vars_os() {
            // It gets exactly the settings in its own list.
            if name.as_encoded_bytes().starts_with(b"SYNTERA_") {
                command.env_remove(name);
            }
        }
        command
            .args(&spec.argv[1..])
            .envs(&spec.env)
            // `down` finds it by this when we were killed.
            .env(holders::MARK, instance.folder.join("bench"))
            .current_dir(&spec.folder)
            // An interrupt is for us: we end what we started, in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command
            .spawn()
            .with_context(|| format!("starting `{}`", spec.argv.join(" ")))?;
        let mut server = Self {
            child,
            stop: spec.stop,
        };
        let mut ended = false;
        let ready = run::until(spec.name, READY_WITHIN, || {
            ended = server.has_ended();
            ended || is_ready()
        });
        if ended || ready.is_err() {
            run::check()?;
            let log = fs::read_to_string(&path).unwrap_or_default();
            bail!(
                "{} does not get ready:\n{}",
                spec.name,
                run::last_lines(&log, 15)
            );
        }
        Ok(server)
    }

    pub(super) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("Linux's process ids are positive 32-bit numbers")
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        run::uninterruptible(|| {
            run::kill(self.pid(), self.stop);
            if run::until("its end", ENDS_WITHIN, || self.has_ended()).is_err() {
                // Its children are swept when the command ends.
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        });
    }
}

/// Whether a path answers 200.
pub(super) fn answers(port: u16, path: &str) -> bool {
    http::get(port, path).is_ok_and(|(status, _)| status == 200)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Workspace;

    #[test]
    fn it_ends_with_its_owner_and_tells_why_it_did_not_start() {
        let root = std::env::temp_dir().join(format!("server-{}", std::process::id()));
        let workspace = Workspace {
            root: root.clone(),
            cache: root.clone(),
        };
        let instance = workspace.instance("bench", Some(7000)).unwrap();
        let shell = |script: &str| {
            let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
            Spec::new("server", instance.folder.clone(), argv)
        };
        let ready = instance.folder.join("ready");
        let server = Server::start(&instance, &shell("touch ready; sleep 60"), &[], || {
            ready.exists()
        });
        let server = server.unwrap();
        let left = || holders::of_instance(&instance.folder, Some("bench"));
        assert!(!left().is_empty());
        let pid = server.pid();
        drop(server);
        assert!(!left().iter().any(|process| process.pid == pid));

        let failed = Server::start(&instance, &shell("echo no port; exit 1"), &[], || false);
        let error = failed.err().unwrap().to_string();
        assert!(error.contains("no port"), "{error}");
        crate::supervise::sweep(&instance.folder, None).unwrap();
        fs::remove_dir_all(root).unwrap();
    }
}
