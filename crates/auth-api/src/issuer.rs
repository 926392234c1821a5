//! Identity providers: signing in with an OpenID Connect issuer of the company's own.

use chrono::{DateTime, Utc};
use common::{telemetry::Personal, tokens::Role};
use ids::{IssuerId, WorkspaceId};
use rest::{Check, Field, Validate};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const NAME: std::ops::RangeInclusive<usize> = 1..=100;
const CLIENT_ID: std::ops::RangeInclusive<usize> = 1..=500;
const CLIENT_SECRET: std::ops::RangeInclusive<usize> = 1..=1000;
const DOMAINS: std::ops::RangeInclusive<usize> = 1..=20;
const LONGEST_URL: usize = 500;
/// RFC 1035 §2.3.4, without the root.
const LONGEST_DOMAIN: usize = 253;

/// Providers of addresses for everybody. Having an address there says nothing about the company, so no
/// workspace may speak for them. The list is of the largest; it cannot be complete.
const PUBLIC_MAIL: &[&str] = &[
    "126.com",
    "163.com",
    "aol.com",
    "fastmail.com",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hey.com",
    "hotmail.com",
    "icloud.com",
    "libero.it",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "mailbox.org",
    "me.com",
    "msn.com",
    "naver.com",
    "orange.fr",
    "outlook.com",
    "pm.me",
    "posteo.de",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "rediffmail.com",
    "t-online.de",
    "tuta.com",
    "tutanota.com",
    "web.de",
    "wp.pl",
    "yahoo.com",
    "yandex.com",
    "yandex.ru",
    "zoho.com",
];

/// An identity provider as it stands. Its secret is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Issuer {
    /// The provider.
    pub id: IssuerId,
    /// What people see on the button.
    pub name: String,
    /// Its issuer identifier, the URL that discovery begins with.
    #[schema(example = "https://login.example.com")]
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// The domains of the addresses that it vouches for, in lower case.
    #[schema(example = json!(["example.com"]))]
    pub email_domains: Vec<String>,
    /// The role of those who join by signing in; without one, only members are let in.
    pub auto_join_role: Option<Role>,
    /// Whether it signs in owners, too: it does once an owner has added or changed it. It signs in nobody
    /// who may do more than those who did.
    pub signs_in_owners: bool,
    /// Register it at the provider: where it sends people back to.
    #[schema(
        example = "https://syntera.example/api/v1/auth/oidc/01890a5d-ac96-774b-bcce-b302099a8057/callback"
    )]
    pub redirect_uri: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// An identity provider that signs the caller in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// The provider.
    pub issuer_id: IssuerId,
    /// What it is called.
    pub name: String,
    /// The workspace that it belongs to, and signs in to.
    pub workspace_id: WorkspaceId,
    /// What that is called.
    pub workspace_name: String,
    /// When one first signed in by it.
    pub linked_at: DateTime<Utc>,
    /// When one last signed in by it.
    pub last_used_at: DateTime<Utc>,
}

/// An identity provider to be added.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateIssuer {
    /// What people see on the button.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Its issuer identifier, exactly as it calls itself.
    #[schema(max_length = 500, example = "https://login.example.com")]
    pub issuer: String,
    /// What it calls us.
    #[schema(min_length = 1, max_length = 500)]
    pub client_id: String,
    /// The secret that it gave us.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 1000)]
    pub client_secret: SecretString,
    /// The domains of the addresses that it vouches for. Each must be the domain of the caller's own
    /// verified address.
    #[schema(min_items = 1, max_items = 20, example = json!(["example.com"]))]
    pub email_domains: Vec<String>,
    /// The role of those who join by signing in: `admin`, `supervisor`, `agent` or `viewer`. Without
    /// one, only members are let in.
    #[serde(default)]
    pub auto_join_role: Option<Role>,
}

impl Validate for CreateIssuer {
    fn validate(&self, check: &mut Check) {
        check.line("/name", &self.name, NAME);
        issuer(check, &self.issuer);
        check.line("/client_id", &self.client_id, CLIENT_ID);
        client_secret(check, &self.client_secret);
        email_domains(check, &self.email_domains);
        if let Some(role) = self.auto_join_role {
            auto_join_role(check, role);
        }
    }
}

/// A merge patch of an identity provider. Its issuer stays: another one has other people.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchIssuer {
    /// What people see on the button.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: Field<String>,
    /// What it calls us.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    pub client_id: Field<String>,
    /// The secret that it gave us.
    #[serde(default)]
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 1000)]
    pub client_secret: Field<SecretString>,
    /// The domains of the addresses that it vouches for. One that was not there before must be the
    /// domain of the caller's own verified address.
    #[serde(default)]
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 20)]
    pub email_domains: Field<Vec<String>>,
    /// The role of those who join by signing in; null lets in members only.
    #[serde(default)]
    #[schema(value_type = Option<Role>)]
    pub auto_join_role: Field<Role>,
}

impl Validate for PatchIssuer {
    fn validate(&self, check: &mut Check) {
        check.required("/name", &self.name, |check, name| {
            check.line("/name", name, NAME);
        });
        check.required("/client_id", &self.client_id, |check, id| {
            check.line("/client_id", id, CLIENT_ID);
        });
        check.required("/client_secret", &self.client_secret, client_secret);
        check.required("/email_domains", &self.email_domains, |check, domains| {
            email_domains(check, domains);
        });
        check.optional(&self.auto_join_role, |check, role| {
            auto_join_role(check, *role);
        });
    }
}

/// Asks how somebody can sign in.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookUpLogin {
    /// The e-mail address.
    #[schema(value_type = String, example = "ada@example.com", min_length = 1, max_length = 320)]
    pub email: Personal<String>,
}

impl Validate for LookUpLogin {
    fn validate(&self, check: &mut Check) {
        check.text("/email", self.email.expose(), 1..=320);
    }
}

/// How somebody with an address of this domain can sign in, beside password and passkey. It says
/// nothing about whether there is an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginOptions {
    /// The identity providers that vouch for the domain.
    #[schema(max_items = 10)]
    pub issuers: Vec<LoginIssuer>,
}

/// An identity provider on the page where people sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginIssuer {
    /// Open `/auth/oidc/{id}/start` to sign in by it.
    pub id: IssuerId,
    /// What to write on the button.
    pub name: String,
}

fn issuer(check: &mut Check, text: &str) {
    let good = url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    // OpenID Connect Core §2, `iss`: no query and no fragment.
    if !good || text.len() > LONGEST_URL {
        check.fault("/issuer", "must be a URL such as https://login.example.com");
    }
}

fn client_secret(check: &mut Check, secret: &SecretString) {
    check.line("/client_secret", secret.expose_secret(), CLIENT_SECRET);
}

fn email_domains(check: &mut Check, domains: &[String]) {
    if !DOMAINS.contains(&domains.len()) {
        check.fault("/email_domains", "must name 1 to 20 domains");
    }
    for (index, domain) in domains.iter().enumerate() {
        let pointer = format!("/email_domains/{index}");
        if !is_domain(domain) {
            check.fault(&pointer, "must be a domain such as example.com");
        } else if PUBLIC_MAIL.contains(&domain.to_lowercase().as_str()) {
            check.fault(&pointer, "has addresses for everybody");
        }
    }
}

/// Whether the text is a domain as it stands behind the `@` of an address: labels of letters, digits
/// and hyphens (RFC 1035 §2.3.1), at least two.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= LONGEST_DOMAIN && text.contains('.') && text.split('.').all(label)
}

fn auto_join_role(check: &mut Check, role: Role) {
    match role {
        Role::Admin | Role::Supervisor | Role::Agent | Role::Viewer => {}
        Role::Owner | Role::Custom | Role::Program => {
            check.fault(
                "/auto_join_role",
                "must be admin, supervisor, agent or viewer",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn faults(value: &impl Validate) -> Vec<String> {
        let Err(problem) = Check::run(value) else {
            return Vec::new();
        };
        let errors = problem.document().errors.into_iter();
        errors.filter_map(|error| error.pointer).collect()
    }

    fn create(field: &str, value: Value) -> Vec<String> {
        let mut body = json!({
            "name": "Example", "issuer": "https://login.example.com", "client_id": "syntera",
            "client_secret": "s3cret", "email_domains": ["example.com"], "auto_join_role": "agent",
        });
        body[field] = value;
        faults(&serde_json::from_value::<CreateIssuer>(body).unwrap())
    }

    #[test]
    fn an_issuer_is_a_plain_url() {
        for good in [
            "https://login.example.com",
            "https://login.example.com/realms/shop/",
        ] {
            assert_eq!(create("issuer", json!(good)), [""; 0], "{good}");
        }
        for bad in [
            "login.example.com",
            "ftp://login.example.com",
            "https://login.example.com?x=1",
            "https://login.example.com#x",
            "https://ada@login.example.com",
            "",
        ] {
            assert_eq!(create("issuer", json!(bad)), ["/issuer"], "{bad}");
        }
    }

    #[test]
    fn domains_are_the_companys_own() {
        assert_eq!(
            create("email_domains", json!(["Example.com", "a-b.co.uk"])),
            [""; 0]
        );
        assert_eq!(create("email_domains", json!([])), ["/email_domains"]);
        for bad in [
            "example",
            "example.com.",
            "@example.com",
            "-a.com",
            "a..com",
            "gmail.com",
            "GMX.de",
        ] {
            assert_eq!(
                create("email_domains", json!([bad])),
                ["/email_domains/0"],
                "{bad}"
            );
        }
    }

    #[test]
    fn nobody_becomes_an_owner_by_signing_in() {
        assert_eq!(create("auto_join_role", Value::Null), [""; 0]);
        for role in ["owner", "custom", "program"] {
            assert_eq!(
                create("auto_join_role", json!(role)),
                ["/auto_join_role"],
                "{role}"
            );
        }
    }

    #[test]
    fn only_the_role_can_be_cleared() {
        let patch = |body: Value| faults(&serde_json::from_value::<PatchIssuer>(body).unwrap());
        assert_eq!(patch(json!({ "auto_join_role": null })), [""; 0]);
        let all = json!({ "name": null, "client_id": null, "client_secret": null, "email_domains": null });
        assert_eq!(
            patch(all),
            ["/name", "/client_id", "/client_secret", "/email_domains"]
        );
    }
}
