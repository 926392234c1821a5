//! RabbitMQ: Debian's server, called past its system-wide wrapper, with its own epmd.
//!
//! epmd is a process of its own here. Otherwise the node would start one as a daemon that nobody
//! stops. The wrapper in /usr/sbin changes user and folder, so the inner script is called, in the
//! mode for service managers: that one replaces its shell, so the pid is the node's own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::http;
use crate::place::{Instance, write_private};
use crate::secrets::Secrets;
use crate::supervise::Spec;

const INSTALLED: &str = "/usr/lib/rabbitmq/lib";

fn script() -> Result<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(INSTALLED)
        .with_context(|| INSTALLED.to_owned())?
        .flatten()
        .map(|entry| entry.path().join("sbin/rabbitmq-server"))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
        .pop()
        .with_context(|| format!("no server under {INSTALLED}"))
}

pub(crate) fn epmd(instance: &Instance) -> Spec {
    let port = instance.ports.epmd().to_string();
    let argv = ["epmd", "-port", &port, "-address", "127.0.0.1"]
        .map(String::from)
        .into();
    Spec::new("epmd", instance.folder.clone(), argv)
}

pub(crate) fn prepare(instance: &Instance, secrets: &Secrets) -> Result<Spec> {
    let data = instance.sub("rabbitmq")?;
    let ports = instance.ports;
    let configuration = data.join("rabbitmq.conf");
    write_private(&configuration, &render(instance, secrets))?;
    let plugins = data.join("enabled_plugins");
    fs::write(&plugins, "[rabbitmq_management,rabbitmq_prometheus].\n")?;
    let cookie = data.join(".erlang.cookie");
    if !cookie.exists() {
        write_private(&cookie, &secrets.erlang_cookie)?;
        // Erlang refuses a cookie that others, or careless writers, could change.
        fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400))?;
    }
    let mut spec = Spec::new(
        "rabbitmq",
        data.clone(),
        vec![script()?.display().to_string()],
    );
    spec.after.push("epmd");
    let text = |path: PathBuf| path.display().to_string();
    spec.env = [
        ("HOME", text(data.clone())),
        ("RUNNING_UNDER_SYSTEMD", "true".into()),
        (
            "RABBITMQ_NODENAME",
            format!("syntera-{}@localhost", instance.name),
        ),
        ("RABBITMQ_NODE_PORT", ports.amqp().to_string()),
        ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".into()),
        ("RABBITMQ_DIST_PORT", ports.rabbit_dist().to_string()),
        ("RABBITMQ_MNESIA_BASE", text(data.join("mnesia"))),
        ("RABBITMQ_LOG_BASE", text(data.join("log"))),
        ("RABBITMQ_LOGS", "-".into()),
        ("RABBITMQ_CONFIG_FILE", text(configuration)),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", text(plugins)),
        ("RABBITMQ_PID_FILE", text(data.join("pid"))),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".into()),
        // Two schedulers that sleep when idle; the distribution port on loopback only.
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}".into(),
        ),
        ("ERL_EPMD_PORT", ports.epmd().to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
        ("ERL_FLAGS", "-start_epmd false".into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    Ok(spec)
}

fn render(instance: &Instance, secrets: &Secrets) -> String {
    let ports = instance.ports;
    format!(
        "default_user = syntera\n\
         default_pass = {}\n\
         management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {}\n\
         prometheus.tcp.ip = 127.0.0.1\n\
         prometheus.tcp.port = {}\n\
         log.console = true\n\
         log.console.level = warning\n\
         log.file = false\n\
         disk_free_limit.absolute = 200MB\n",
        secrets.rabbitmq,
        ports.rabbit_management(),
        ports.rabbit_prometheus(),
    )
}

/// It opens the listener after its boot. Only a connection: one byte more, and it logs a warning
/// about a client that went away.
pub(crate) fn is_ready(port: u16) -> bool {
    http::connect(port).is_ok()
}
