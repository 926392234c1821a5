//! `cargo xtask logs`, and what `up` shows while it runs: log files, followed line by line.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::place::Instance;
use crate::{run, say};

/// How often a followed file is looked at.
const EVERY: Duration = Duration::from_millis(250);

pub(crate) fn command(
    instance: &Instance,
    process: &str,
    follow: bool,
    count: usize,
) -> Result<()> {
    let path = instance.log(process);
    let Ok(text) = std::fs::read(&path) else {
        bail!(
            "no log of {process:?}; there are: {}",
            known(instance).join(", ")
        );
    };
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(count)..] {
        say::line(line);
    }
    if !follow {
        return Ok(());
    }
    let mut tail = Tail::from_end(path);
    while run::pause(EVERY).is_ok() {
        tail.new_lines().iter().for_each(say::line);
    }
    Ok(())
}

fn known(instance: &Instance) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(instance.folder.join("logs")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".log")?.to_owned()))
        .filter(|name| !name.contains('.'))
        .collect();
    names.sort();
    names
}

/// Shows what processes log until `ended` says so or an interrupt comes.
pub(crate) fn follow_all(instance: &Instance, names: &[&str], mut ended: impl FnMut() -> bool) {
    let mut tails: Vec<(&str, Tail)> = names
        .iter()
        .map(|name| (*name, Tail::from_end(instance.log(name))))
        .collect();
    while run::pause(EVERY).is_ok() && !ended() {
        for (name, tail) in &mut tails {
            for line in tail.new_lines() {
                say::line(brief(name, &line));
            }
        }
    }
}

/// A JSON log line as people read it; any other as it is.
fn brief(name: &str, line: &str) -> String {
    let Ok(serde_json::Value::Object(mut fields)) = serde_json::from_str(line) else {
        return format!("{name:<10} {line}");
    };
    let mut take = |name: &str| match fields.remove(name) {
        Some(serde_json::Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let (time, level, message) = (take("timestamp"), take("level"), take("message"));
    for noise in ["service", "target", "span", "trace_id", "span_id"] {
        fields.remove(noise);
    }
    let time = time.get(11..19).unwrap_or_default();
    let mut text = format!("{time} {level:<5} {name:<10} {message}");
    for (key, value) in fields {
        text += &match value {
            serde_json::Value::String(value) => format!(" {key}={value}"),
            value => format!(" {key}={value}"),
        };
    }
    text
}

/// A growing file, which may be replaced by a new one of the same name.
struct Tail {
    path: PathBuf,
    file: Option<(File, u64)>,
    /// A line that is not complete yet.
    rest: String,
}

impl Tail {
    fn from_end(path: PathBuf) -> Self {
        let mut tail = Self {
            path,
            file: None,
            rest: String::new(),
        };
        tail.open();
        if let Some((file, _)) = &mut tail.file {
            // Where seeking fails the file is read from its start: too much rather than nothing.
            let _ = file.seek(SeekFrom::End(0));
        }
        tail
    }

    fn open(&mut self) {
        self.file = File::open(&self.path).ok().and_then(|file| {
            let inode = file.metadata().ok()?.ino();
            Some((file, inode))
        });
    }

    fn new_lines(&mut self) -> Vec<String> {
        let mut bytes = Vec::new();
        if let Some((file, _)) = &mut self.file {
            let _ = file.read_to_end(&mut bytes);
        }
        let opened = self.file.as_ref().map(|(_, inode)| *inode);
        let current = std::fs::metadata(&self.path).ok().map(|m| m.ino());
        if current.is_some() && current != opened {
            self.open();
            if let Some((file, _)) = &mut self.file {
                let _ = file.read_to_end(&mut bytes);
            }
        }
        self.rest += &String::from_utf8_lossy(&bytes);
        let Some(end) = self.rest.rfind('\n') else {
            return Vec::new();
        };
        let complete: String = self.rest.drain(..=end).collect();
        complete.lines().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn json_lines_get_short_and_others_stay() {
        let line = r#"{"timestamp":"2026-01-02T03:04:05.123456Z","level":"warn","service":"auth",
            "message":"slow","target":"auth::x","ms":12}"#;
        assert_eq!(brief("auth", line), "03:04:05 warn  auth       slow ms=12");
        assert_eq!(
            brief("auth", "thread panicked"),
            "auth       thread panicked"
        );
    }

    #[test]
    fn a_tail_gives_whole_lines_once_and_survives_a_new_file() {
        let path = std::env::temp_dir().join(format!("tail-{}.log", std::process::id()));
        std::fs::write(&path, "old\n").unwrap();
        let mut tail = Tail::from_end(path.clone());
        let mut file = File::options().append(true).open(&path).unwrap();
        write!(file, "one\ntw").unwrap();
        assert_eq!(tail.new_lines(), ["one"]);
        writeln!(file, "o").unwrap();
        assert_eq!(tail.new_lines(), ["two"]);
        assert!(tail.new_lines().is_empty());
        let aside = path.with_extension("old");
        std::fs::rename(&path, &aside).unwrap();
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(tail.new_lines(), ["new"]);
        std::fs::remove_file(path).unwrap();
        std::fs::remove_file(aside).unwrap();
    }
}
