//! Who is who under `/proc`: which process listens on a port, and which ones belong to an instance.
//!
//! Everything that an instance starts carries [`MARK`] in its environment. That finds a process
//! again after its supervisor died, and proves that `down` left none (epmd and beam included).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The environment variable that every process of an instance inherits. Its value is the folder
/// and the half: `/src/.dev/up/fleet`.
pub(crate) const MARK: &str = "SYNTERA_DEV_INSTANCE";

/// A process as a person recognises it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) name: String,
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// The living process with this id. A zombie is dead.
fn process(pid: i32) -> Option<Process> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        Some(line[name.len()..].trim().to_owned())
    };
    if field("State:")?.starts_with(['Z', 'X']) {
        return None;
    }
    let name = field("Name:")?;
    Some(Process { pid, name })
}

fn pids() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The process that listens on this TCP port, when we may see it.
pub(crate) fn of_port(port: u16) -> Option<Process> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    pids().into_iter().find_map(|pid| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
        let holds = files.flatten().any(|file| {
            fs::read_link(file.path())
                .is_ok_and(|target| inodes.iter().any(|inode| target == Path::new(inode)))
        });
        holds.then(|| process(pid)).flatten()
    })
}

/// Sockets in state LISTEN (0A) on the port, from a table as proc(5) describes it.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let local_end = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let listens = columns.get(1)?.ends_with(&local_end) && *columns.get(3)? == "0A";
            listens.then(|| columns.get(9).map(|inode| (*inode).to_owned()))?
        })
        .collect()
}

/// Every living process that was started for the instance in this folder, or, when `half` names
/// one, for that half.
pub(crate) fn of_instance(folder: &Path, half: Option<&str>) -> Vec<Process> {
    let name = format!("{MARK}=").into_bytes();
    let ours = |variable: &[u8]| {
        let Some(value) = variable.strip_prefix(name.as_slice()) else {
            return false;
        };
        let value = Path::new(OsStr::from_bytes(value));
        value.parent() == Some(folder)
            && half.is_none_or(|half| value.file_name() == Some(OsStr::new(half)))
    };
    pids()
        .into_iter()
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(ours))
        })
        .filter_map(process)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:0FA0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1\n\
             1: 0100007F:0FA0 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 222 1\n\
             2: 0100007F:0FA1 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1\n";
        assert_eq!(listening_inodes(table, 4000), ["111"]);
        assert!(listening_inodes(table, 4002).is_empty());
    }

    #[test]
    fn a_marked_process_is_found_until_it_ends() {
        let folder = std::env::temp_dir().join(format!("marked-{}", std::process::id()));
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .env(MARK, folder.join("fleet"))
            .spawn()
            .unwrap();
        // The environment shows a moment after the program was started.
        let seen = crate::run::until("the mark", Duration::from_secs(10), || {
            !of_instance(&folder, None).is_empty()
        });
        let found = of_instance(&folder, None);
        let fleet = of_instance(&folder, Some("fleet"));
        let infra = of_instance(&folder, Some("infra"));
        child.kill().unwrap();
        child.wait().unwrap();
        seen.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].name, "sleep");
        assert_eq!(fleet, found);
        assert!(infra.is_empty());
        assert!(of_instance(&folder, None).is_empty());
    }
}
