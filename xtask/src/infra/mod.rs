//! The stores and the bus of one instance: PostgreSQL, MongoDB's stand-in, Redis, RabbitMQ.

pub(crate) mod identity;
pub(crate) mod mongo;
pub(crate) mod postgres;
pub(crate) mod rabbitmq;
pub(crate) mod redis;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::place::{Instance, Workspace};
use crate::secrets::Secrets;
use crate::supervise::{self, Spec, Supervisor};
use crate::{down, holders, install, ports, run, say};

/// The first start of RabbitMQ takes longest: 12 to 24 s, more on a busy machine.
const DEADLINE: Duration = Duration::from_secs(180);

/// Whether the call started the infrastructure or found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Started {
    Now,
    Before,
}

/// `cargo xtask infra`
pub(crate) fn command(workspace: &Workspace, instance: &Instance) -> Result<()> {
    let began = Instant::now();
    let _lock = instance.lock()?;
    let started = match ensure(workspace, instance) {
        Err(error) => {
            // Half an infrastructure helps nobody, least of all after Ctrl-C.
            run::uninterruptible(|| down::stop(instance))?;
            return Err(error);
        }
        Ok(started) => started,
    };
    let ports = instance.ports;
    say::line(match started {
        Started::Before => format!("instance {} runs already", instance.name),
        Started::Now => format!(
            "instance {}: infrastructure ready after {}",
            instance.name,
            say::took(began.elapsed())
        ),
    });
    say::line(format!(
        "  postgres 127.0.0.1:{}, mongo 127.0.0.1:{}, redis 127.0.0.1:{}, amqp 127.0.0.1:{} (management {})",
        ports.postgres(),
        ports.mongo(),
        ports.redis(),
        ports.amqp(),
        ports.rabbit_management(),
    ));
    let flag = instance.flag();
    say::line(format!(
        "  settings: cargo xtask env{flag}; stop: cargo xtask down{flag}"
    ));
    Ok(())
}

/// Has the infrastructure of the instance running and ready; installs what is missing.
pub(crate) fn ensure(workspace: &Workspace, instance: &Instance) -> Result<Started> {
    let secrets = Secrets::of(instance)?;
    let supervisor = Supervisor::infra(instance);
    let running = supervisor.is_running();
    instance.settle(running)?;
    let started = if running {
        Started::Before
    } else {
        start(workspace, instance, &secrets, &supervisor)?;
        Started::Now
    };
    wait(instance, &secrets)?;
    // Whoever started it may have been cut short before this; it may be run again.
    postgres::initialise(workspace, instance, &secrets, postgres::DATABASE)?;
    Ok(started)
}

/// Does work that brings the infrastructure up, and stops it afterwards unless it ran before.
pub(crate) fn during<T>(instance: &Instance, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _lock = instance.lock()?;
    let ours = !Supervisor::infra(instance).is_running();
    let result = work();
    if ours {
        run::uninterruptible(|| down::stop(instance))?;
    }
    result
}

fn start(
    workspace: &Workspace,
    instance: &Instance,
    secrets: &Secrets,
    supervisor: &Supervisor,
) -> Result<()> {
    install::debian(&install::INFRA.iter().collect::<Vec<_>>())?;
    supervise::sweep_before_start(&instance.folder, Some("infra"))?;
    ports::ensure_free(&instance.ports.infra())?;
    let specs: Vec<Spec> = [
        postgres::prepare(workspace, instance, secrets).context("PostgreSQL")?,
        mongo::prepare(workspace, instance).context("the MongoDB stand-in")?,
        redis::prepare(instance, secrets).context("Redis")?,
        rabbitmq::epmd(instance),
        rabbitmq::prepare(instance, secrets).context("RabbitMQ")?,
    ]
    .into();
    supervisor.start(workspace, &specs)
}

/// Waits until each answers as its clients will ask.
fn wait(instance: &Instance, secrets: &Secrets) -> Result<()> {
    let ports = instance.ports;
    let ready: [(&str, &dyn Fn() -> bool); 4] = [
        ("postgres", &|| postgres::is_ready(ports.postgres())),
        ("redis", &|| redis::is_ready(ports.redis(), &secrets.redis)),
        ("mongo", &|| mongo::is_ready(ports.mongo())),
        ("rabbitmq", &|| rabbitmq::is_ready(ports.amqp())),
    ];
    for (name, is_ready) in ready {
        say::progress(&format!("waiting for {name}"), || {
            run::until(name, DEADLINE, is_ready)
        })
        .with_context(|| trouble(instance, name))?;
    }
    Ok(())
}

/// Whether one of the infrastructure's processes answers, for `status`.
pub(crate) fn is_ready(instance: &Instance, secrets: &Secrets, name: &str) -> bool {
    let ports = instance.ports;
    match name {
        "postgres" => postgres::is_ready(ports.postgres()),
        "redis" => redis::is_ready(ports.redis(), &secrets.redis),
        "mongo" => mongo::is_ready(ports.mongo()),
        "rabbitmq" => rabbitmq::is_ready(ports.amqp()),
        _ => holders::of_port(ports.epmd()).is_some(),
    }
}

/// The last words of a process that does not get ready, and what to do.
pub(crate) fn trouble(instance: &Instance, name: &str) -> String {
    let log = std::fs::read_to_string(instance.log(name)).unwrap_or_default();
    format!(
        "{name} is not ready. Its last lines:\n{}\nMore: cargo xtask logs {name}{flag}; \
         start anew without its data: cargo xtask down --purge{flag}",
        run::last_lines(&log, 15),
        flag = instance.flag(),
    )
}

/// Stops the infrastructure and proves that nothing is left of the instance.
pub(crate) fn stop(instance: &Instance) -> Result<()> {
    say::progress("stopping PostgreSQL, MongoDB, Redis and RabbitMQ", || {
        Supervisor::infra(instance).stop()
    })
}
