//! Which limits there are, and whom each counts.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use http::HeaderValue;
use uuid::Uuid;

use super::{config::LimitsConfig, quota::Quota};

/// What a route costs: which limits its requests count against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Class {
    /// By caller and workspace; public ones by address.
    #[default]
    Standard,
    /// As standard, and against a smaller quota of the caller's.
    Costly,
    /// What attackers repeat: by address, and each request asks Redis.
    Sensitive,
}

/// One limit. Its name stands in headers and in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Policy {
    Sensitive,
    Address,
    Refused,
    User,
    Key,
    Workspace,
    Costly,
}

impl Policy {
    pub(super) const ALL: [Self; 7] = [
        Self::Sensitive,
        Self::Address,
        Self::Refused,
        Self::User,
        Self::Key,
        Self::Workspace,
        Self::Costly,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sensitive => "sensitive",
            Self::Address => "address",
            Self::Refused => "refused",
            Self::User => "user",
            Self::Key => "key",
            Self::Workspace => "workspace",
            Self::Costly => "costly",
        }
    }

    fn quota(self, config: &LimitsConfig) -> Quota {
        let quota = match self {
            Self::Sensitive => config.limit_sensitive,
            Self::Address => config.limit_address,
            Self::Refused => config.limit_refused,
            Self::User => config.limit_user,
            Self::Key => config.limit_key,
            Self::Workspace => config.limit_workspace,
            Self::Costly => config.limit_costly,
        };
        quota.times(config.limit_scale)
    }
}

/// A policy with its quota, as a fleet of so many replicas keeps it.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) quota: Quota,
    /// This replica's part of it.
    pub(super) share: Quota,
    /// `RateLimit-Policy`.
    pub(super) header: HeaderValue,
}

/// The rules by [`Policy`].
pub(super) fn rules(config: &LimitsConfig) -> [Rule; 7] {
    Policy::ALL.map(|policy| {
        let quota = policy.quota(config);
        let header = format!(
            "\"{}\";q={};w={}",
            policy.name(),
            quota.count(),
            quota.seconds()
        );
        Rule {
            quota,
            share: quota.share(config.gateway_replicas),
            header: HeaderValue::try_from(header).expect("names and numbers are a header value"),
        }
    })
}

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// An address; of IPv6 the network, because whoever has one address has all of its /64.
    Address(IpAddr),
    /// A user, a visitor, or a workspace.
    Id(Uuid),
    /// A secret key, by the beginning of its hash.
    Key(u128),
}

impl Subject {
    pub(crate) fn address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Address(address),
            IpAddr::V6(v6) => {
                let network = v6.to_bits() & (u128::MAX << 64);
                Self::Address(Ipv6Addr::from_bits(network).into())
            }
        }
    }

    /// A number that tells subjects apart well enough to spread them.
    pub(super) fn spread(self) -> usize {
        let bits = match self {
            // The last bits of an IPv6 network are zero.
            Self::Address(IpAddr::V6(v6)) => v6.to_bits() >> 64,
            Self::Address(IpAddr::V4(v4)) => v4.to_bits().into(),
            // The last bits of a UUIDv7 are random (RFC 9562 §5.7).
            Self::Id(id) => id.as_u128(),
            Self::Key(hash) => hash,
        };
        usize::try_from(bits & 0xffff).unwrap_or(0)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Id(id) => id.fmt(f),
            Self::Key(hash) => write!(f, "{hash:032x}"),
        }
    }
}

/// One counter: a policy and who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Counter {
    pub(crate) policy: Policy,
    pub(crate) subject: Subject,
}

impl Counter {
    pub(crate) fn new(policy: Policy, subject: Subject) -> Self {
        Self { policy, subject }
    }

    /// Its key in Redis.
    pub(super) fn name(self) -> String {
        format!("gateway:limit:{}:{}", self.policy.name(), self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_networks() {
        let name = |address: &str| {
            let subject = Subject::address(address.parse().unwrap());
            Counter::new(Policy::Sensitive, subject).name()
        };
        assert_eq!(name("192.0.2.7"), "gateway:limit:sensitive:192.0.2.7");
        assert_eq!(
            name("2001:db8:1:2:3:4:5:6"),
            "gateway:limit:sensitive:2001:db8:1:2::"
        );
        assert_eq!(name("2001:db8:1:2::9"), name("2001:db8:1:2:ffff::1"));
        assert_ne!(name("2001:db8:1:2::9"), name("2001:db8:1:3::9"));
    }

    #[test]
    fn every_policy_has_its_own_place_and_name() {
        for (place, policy) in Policy::ALL.into_iter().enumerate() {
            assert_eq!(policy as usize, place);
        }
        let names: std::collections::BTreeSet<_> = Policy::ALL.map(Policy::name).into();
        assert_eq!(names.len(), Policy::ALL.len());
    }
}
