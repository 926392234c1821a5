//! The load: a program that follows rooms, sends into them when told, and checks what came.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::bench::ground::Ground;
use crate::{holders, run};

/// Between two looks whether somebody wants the command to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How many rooms, how many sockets in each, and how many messages a second over all of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    pub(super) rooms: u32,
    pub(super) followers: u32,
    pub(super) rate: u32,
}

/// A server as the load knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// What it speaks.
    pub(super) to: &'static str,
    pub(super) port: u16,
    /// Where rooms are opened, when that is another port.
    pub(super) internal: Option<u16>,
    /// The folder of the tokens.
    pub(super) keys: &'a Path,
}

/// The running program, with all its sockets open. It ends with this.
pub(super) struct Load {
    child: Child,
    input: ChildStdin,
    said: Receiver<String>,
    log: PathBuf,
    /// How many sockets it has.
    pub(super) sockets: u64,
}

#[derive(Debug, Deserialize)]
struct Ready {
    sockets: u64,
}

/// What came of a load.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Figures {
    pub(super) deliveries: u64,
    pub(super) seconds: f64,
    pub(super) p99_micros: f64,
}

impl Load {
    /// Starts it, and waits until everybody follows.
    ///
    /// # Errors
    /// When the server did not let in who may follow, or let in who may not.
    pub(super) fn start(
        ground: &Ground<'_>,
        target: &Target<'_>,
        crowd: Crowd,
        messages: u32,
    ) -> Result<Self> {
        let log = ground.folder.join("load.log");
        let mut command = Command::new(ground.program("bench"));
        let address = |port: u16| format!("127.0.0.1:{port}");
        command
            .args(["fanout", "--to", target.to])
            .args(["--address", &address(target.port)])
            .arg("--keys")
            .arg(target.keys)
            .args(["--rooms", &crowd.rooms.to_string()])
            .args(["--followers", &crowd.followers.to_string()])
            .args(["--rate", &crowd.rate.to_string()])
            .args(["--messages", &messages.to_string()])
            // `down` finds it by this when we were killed.
            .env(holders::MARK, ground.instance.folder.join("bench"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).with_context(|| log.display().to_string())?);
        if let Some(port) = target.internal {
            command.args(["--internal", &format!("http://{}", address(port))]);
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("starting `{}`", run::shown(&command)))?;
        let input = child.stdin.take().context("stdin is piped")?;
        let output = child.stdout.take().context("stdout is piped")?;
        let (lines, said) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let mut load = Self {
            child,
            input,
            said,
            log,
            sockets: 0,
        };
        load.sockets = load.heard::<Ready>()?.sockets;
        Ok(load)
    }

    /// Has it send, and waits until everything came.
    ///
    /// # Errors
    /// When something did not come, or came twice or out of order.
    pub(super) fn go(&mut self) -> Result<Figures> {
        // Of one that has ended it is known why below.
        let _ = writeln!(self.input, "go");
        self.heard()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When a follower had something to object at the end.
    pub(super) fn end(mut self) -> Result<()> {
        let status = self.child.wait()?;
        ensure!(status.success(), "{}", self.last_words());
        Ok(())
    }

    /// What it says next.
    fn heard<T: DeserializeOwned>(&mut self) -> Result<T> {
        loop {
            match self.said.recv_timeout(LOOK_EVERY) {
                Ok(line) => return serde_json::from_str(&line).context(line),
                Err(RecvTimeoutError::Timeout) => run::check()?,
                Err(RecvTimeoutError::Disconnected) => {
                    // An interrupt may have ended it, too.
                    run::check()?;
                    bail!(self.last_words());
                }
            }
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        format!("the load ended:\n{}", run::last_lines(&log, 15))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
