//! What an identity provider is, and for whom it may speak.

use auth_api::Issuer;
use common::{telemetry::Personal, tokens::Role};
use ids::WorkspaceId;
use url::Url;
use vault::Sealed;

use crate::{access::Standing, members::Membership, people::email_key};

/// A provider as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) workspace: WorkspaceId,
    /// Where people are sent back to depends on where they come by, and is filled in for showing.
    pub(super) details: Issuer,
    pub(super) client_secret: Sealed,
    /// What those may do who stand by it, in the order of the alphabet.
    pub(super) permissions: Vec<String>,
    pub(super) version: i64,
}

impl Kept {
    /// Adds what somebody may do who stands by it.
    pub(super) fn trusted_by(mut self, standing: &Standing) -> Self {
        self.details.signs_in_owners |= standing.role == Role::Owner;
        self.permissions
            .extend(standing.permissions.iter().cloned());
        self.permissions.sort_unstable();
        self.permissions.dedup();
        self
    }

    /// Whether it may sign in such a member. Whoever chooses a provider can become everybody whom it
    /// signs in, so that must be nobody who may do more.
    pub(super) fn may_sign_in(&self, member: &Membership) -> bool {
        let mut permissions = member.permissions.iter();
        (member.role != Role::Owner || self.details.signs_in_owners)
            && permissions.all(|permission| self.permissions.contains(permission))
    }
}

/// The domain of an address, in lower case.
pub(super) fn domain(email: &Personal<String>) -> Option<String> {
    let key = email_key(email.expose());
    let (_, domain) = key.rsplit_once('@')?;
    Some(domain.to_owned())
}

/// Domains as they are kept: in lower case, each once.
pub(super) fn domains(wanted: &[String]) -> Vec<String> {
    let mut domains: Vec<String> = wanted.iter().map(|domain| domain.to_lowercase()).collect();
    domains.sort_unstable();
    domains.dedup();
    domains
}

/// Where the first of `wanted` stands that is neither in `present` nor the caller's `own`.
///
/// A domain is shown to everybody who signs in with an address of it, so nobody may claim one where
/// they have no address themselves. That they have one, a letter has proven.
pub(super) fn foreign(wanted: &[String], present: &[String], own: Option<&str>) -> Option<usize> {
    wanted.iter().position(|domain| {
        let domain = domain.to_lowercase();
        !present.contains(&domain) && own != Some(&domain)
    })
}

/// A path of our own pages to go to after signing in: a text that no browser takes for another site.
pub(super) fn local_path(public_url: &Url, text: &str) -> Option<String> {
    let plain = text.starts_with('/')
        && text.len() <= 2000
        && !text.contains('\\')
        && !text.chars().any(char::is_control);
    let url = public_url.join(text).ok().filter(|_| plain)?;
    // Dots between slashes vanish, and what remains may begin with two.
    let ours = url.origin() == public_url.origin() && !url.path().starts_with("//");
    ours.then(|| {
        let mut path = url.path().to_owned();
        if let Some(query) = url.query() {
            path = format!("{path}?{query}");
        }
        if let Some(fragment) = url.fragment() {
            path = format!("{path}#{fragment}");
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use ids::IssuerId;

    use super::*;

    #[test]
    fn a_provider_signs_in_nobody_who_may_do_more_than_those_who_chose_it() {
        let all = ["contacts:read", "issuers:write"];
        let kept = kept().trusted_by(&Standing::of(Role::Custom, &["issuers:write"]));
        assert!(!kept.may_sign_in(&Membership::of(Role::Viewer, &["contacts:read"])));
        assert!(kept.may_sign_in(&Membership::of(Role::Custom, &["issuers:write"])));
        let kept = kept.trusted_by(&Standing::of(Role::Admin, &all));
        assert!(kept.may_sign_in(&Membership::of(Role::Viewer, &["contacts:read"])));
        assert!(!kept.may_sign_in(&Membership::of(Role::Owner, &all)));
        let kept = kept.trusted_by(&Standing::of(Role::Owner, &all));
        assert!(kept.may_sign_in(&Membership::of(Role::Owner, &all)));
        assert_eq!(kept.permissions, all);
    }

    fn kept() -> Kept {
        let details = Issuer {
            id: IssuerId::new(),
            name: "Example".to_owned(),
            issuer: "https://login.example.com".to_owned(),
            client_id: "syntera".to_owned(),
            email_domains: vec!["example.com".to_owned()],
            auto_join_role: None,
            signs_in_owners: false,
            redirect_uri: String::new(),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        Kept {
            workspace: WorkspaceId::new(),
            details,
            client_secret: Sealed::from(vec![1]),
            permissions: Vec::new(),
            version: 1,
        }
    }

    #[test]
    fn a_domain_is_what_stands_behind_the_last_at() {
        let domain = |email: &str| domain(&Personal::new(email.to_owned()));
        assert_eq!(domain("Ada@Example.COM"), Some("example.com".to_owned()));
        assert_eq!(
            domain("\"a@b\"@example.com"),
            Some("example.com".to_owned())
        );
        assert_eq!(domain("ada"), None);
    }

    #[test]
    fn only_the_own_domain_can_be_added() {
        let texts = |list: &[&str]| {
            list.iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        let present = texts(&["example.org"]);
        let foreign = |wanted: &[&str], own| foreign(&texts(wanted), &present, own);
        assert_eq!(
            foreign(&["Example.com", "example.org"], Some("example.com")),
            None
        );
        assert_eq!(
            foreign(&["example.com", "victim.com"], Some("example.com")),
            Some(1)
        );
        assert_eq!(foreign(&["sub.example.com"], Some("example.com")), Some(0));
        assert_eq!(foreign(&["example.org"], None), None);
        assert_eq!(foreign(&["example.com"], None), Some(0));
        assert_eq!(
            domains(&texts(&["b.com", "A.com", "a.com"])),
            ["a.com", "b.com"]
        );
    }

    #[test]
    fn one_goes_back_to_our_own_pages_only() {
        let url: Url = "https://syntera.example".parse().unwrap();
        let path = |text: &str| local_path(&url, text);
        for good in ["/", "/inbox?channel=1#last", "/a/b"] {
            assert_eq!(path(good).as_deref(), Some(good));
        }
        assert_eq!(path("/a/../b").as_deref(), Some("/b"));
        for bad in [
            "",
            "inbox",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/a\r\nset-cookie: x=y",
            "/.//evil.example",
        ] {
            assert_eq!(path(bad), None, "{bad:?}");
        }
    }
}
