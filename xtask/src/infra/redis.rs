//! Redis: Debian's server with a configuration of ours, appending to disk every second.

use std::io::{Read as _, Write as _};

use anyhow::Result;

use crate::http;
use crate::place::{Instance, write_private};
use crate::secrets::Secrets;
use crate::supervise::Spec;

pub(crate) fn prepare(instance: &Instance, secrets: &Secrets) -> Result<Spec> {
    let data = instance.sub("redis")?;
    let configuration = data.join("redis.conf");
    write_private(&configuration, &render(instance.ports.redis(), secrets))?;
    // Relative, so that a folder with a space in its name needs no quoting.
    let argv = vec!["redis-server".into(), "redis.conf".into()];
    Ok(Spec::new("redis", data, argv))
}

/// The process title stays as it is: Redis would write its own over the environment, by which
/// [`crate::holders`] finds its processes.
fn render(port: u16, secrets: &Secrets) -> String {
    format!(
        "bind 127.0.0.1\n\
         port {port}\n\
         requirepass {}\n\
         daemonize no\n\
         set-proc-title no\n\
         dir .\n\
         appendonly yes\n\
         appendfsync everysec\n\
         save \"\"\n",
        secrets.redis
    )
}

/// Whether it answers a command; while it loads its file it does not.
pub(crate) fn is_ready(port: u16, password: &str) -> bool {
    let ask = || -> Result<bool> {
        let mut stream = http::connect(port)?;
        write!(stream, "AUTH {password}\r\nPING\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer == *b"+OK\r\n+PONG\r\n")
    };
    ask().unwrap_or(false)
}
