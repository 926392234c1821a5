//! Every port of an instance follows from one base.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

use crate::holders;

/// The base of the instance `up` when nobody says otherwise.
pub(crate) const DEFAULT_BASE: u16 = 4000;
/// How far above it the instance `test` lies, so that both run side by side.
pub(crate) const TEST_OFFSET: u16 = 10_000;
/// The internal listener of a service is this far above its public one.
const INTERNAL_OFFSET: u16 = 100;

/// The services, in the order in which they are started and listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Auth,
    Agent,
    Crm,
    Chat,
    Analytics,
    Inference,
    Gateway,
}

impl Service {
    pub(crate) const ALL: [Self; 7] = [
        Self::Inference,
        Self::Auth,
        Self::Agent,
        Self::Crm,
        Self::Chat,
        Self::Analytics,
        Self::Gateway,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Auth => "auth",
            Self::Agent => "agent",
            Self::Crm => "crm",
            Self::Chat => "chat",
            Self::Analytics => "analytics",
            Self::Inference => "inference",
        }
    }

    fn offset(self) -> u16 {
        match self {
            Self::Gateway => 0,
            Self::Auth => 1,
            Self::Agent => 2,
            Self::Crm => 3,
            Self::Chat => 4,
            Self::Analytics => 5,
            Self::Inference => 10,
        }
    }
}

/// The ports of one instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    base: u16,
}

impl Ports {
    /// # Errors
    /// When the highest port would not exist, or the lowest would need root.
    pub(crate) fn new(base: u16) -> Result<Self> {
        if !(1024..=u16::MAX - 200).contains(&base) {
            bail!("the port base {base} is outside 1024–65335: choose another with --port-base");
        }
        Ok(Self { base })
    }

    pub(crate) fn base(self) -> u16 {
        self.base
    }

    pub(crate) fn public(self, service: Service) -> u16 {
        self.base + service.offset()
    }

    pub(crate) fn internal(self, service: Service) -> u16 {
        self.public(service) + INTERNAL_OFFSET
    }

    pub(crate) fn postgres(self) -> u16 {
        self.base + 20
    }

    pub(crate) fn mongo(self) -> u16 {
        self.base + 21
    }

    pub(crate) fn redis(self) -> u16 {
        self.base + 22
    }

    pub(crate) fn amqp(self) -> u16 {
        self.base + 23
    }

    pub(crate) fn rabbit_management(self) -> u16 {
        self.base + 24
    }

    pub(crate) fn rabbit_dist(self) -> u16 {
        self.base + 25
    }

    pub(crate) fn epmd(self) -> u16 {
        self.base + 26
    }

    pub(crate) fn rabbit_prometheus(self) -> u16 {
        self.base + 27
    }

    /// What the infrastructure listens on, by the name of its process.
    pub(crate) fn infra(self) -> [(&'static str, u16); 8] {
        [
            ("postgres", self.postgres()),
            ("mongo", self.mongo()),
            ("redis", self.redis()),
            ("epmd", self.epmd()),
            ("rabbitmq", self.amqp()),
            ("rabbitmq", self.rabbit_management()),
            ("rabbitmq", self.rabbit_dist()),
            ("rabbitmq", self.rabbit_prometheus()),
        ]
    }

    /// What the services listen on.
    pub(crate) fn services(self, services: &[Service]) -> Vec<(&'static str, u16)> {
        services
            .iter()
            .flat_map(|&s| [(s.name(), self.public(s)), (s.name(), self.internal(s))])
            .collect()
    }
}

/// Fails when somebody else listens on one of these.
///
/// # Errors
/// Names the port, what wants it, who holds it if that can be known, and the way out.
pub(crate) fn ensure_free(wanted: &[(&str, u16)]) -> Result<()> {
    for &(name, port) in wanted {
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            continue;
        }
        let holder = match holders::of_port(port) {
            Some(holder) => format!("held by {holder}"),
            None => "held by another program (`ss -ltnp` as root shows which)".into(),
        };
        bail!(
            "port {port}, which {name} needs, is taken: {holder}.\n\
             Stop that program, or move all ports: --port-base N or SYNTERA_PORT_BASE=N"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all(ports: Ports) -> Vec<u16> {
        let services = ports.services(&Service::ALL).into_iter();
        services
            .chain(ports.infra())
            .map(|(_, port)| port)
            .collect()
    }

    #[test]
    fn no_port_is_given_twice_even_across_up_and_test() {
        let up = all(Ports::new(DEFAULT_BASE).unwrap());
        let test = all(Ports::new(DEFAULT_BASE + TEST_OFFSET).unwrap());
        let distinct: BTreeSet<_> = up.iter().chain(&test).collect();
        assert_eq!(distinct.len(), up.len() + test.len());
    }

    #[test]
    fn the_documented_ports() {
        let ports = Ports::new(4000).unwrap();
        assert_eq!(ports.public(Service::Gateway), 4000);
        assert_eq!(ports.public(Service::Analytics), 4005);
        assert_eq!(ports.internal(Service::Inference), 4110);
        assert_eq!(ports.amqp(), 4023);
    }

    #[test]
    fn bases_without_room_are_refused() {
        assert!(Ports::new(80).is_err());
        assert!(Ports::new(65_400).is_err());
        assert!(Ports::new(65_335).is_ok());
    }

    #[test]
    fn a_taken_port_is_named_with_its_holder_and_the_way_out() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = ensure_free(&[("redis", port)]).unwrap_err().to_string();
        assert!(error.contains(&port.to_string()), "{error}");
        assert!(error.contains("--port-base"), "{error}");
        assert!(
            error.contains(&format!("pid {}", std::process::id())),
            "{error}"
        );
        drop(taken);
        ensure_free(&[("redis", port)]).unwrap();
    }
}
