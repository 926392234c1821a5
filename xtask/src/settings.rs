//! The environment of every process of ours: one place, so that `up`, `env` and tests agree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::infra::postgres;
use crate::place::{Instance, Workspace};
use crate::ports::Service;
use crate::secrets::Secrets;

/// Names and values.
pub(crate) type Env = BTreeMap<String, String>;

/// What the caller's own environment may decide.
const PASSED: [&str; 11] = [
    "SYNTERA_LLM_BASE_URL",
    "SYNTERA_LLM_API_KEY",
    "SYNTERA_LLM_CHAT_MODEL",
    "SYNTERA_LLM_EMBEDDING_MODEL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "SYNTERA_LOG",
    "SYNTERA_SEARCH_FLOOR",
    "SYNTERA_TURN_SECONDS",
    "SYNTERA_TRACE_FILE",
];

/// The settings of one instance.
pub(crate) struct Settings<'a> {
    workspace: &'a Workspace,
    instance: &'a Instance,
    secrets: &'a Secrets,
    passed: Env,
}

impl<'a> Settings<'a> {
    pub(crate) fn new(
        workspace: &'a Workspace,
        instance: &'a Instance,
        secrets: &'a Secrets,
    ) -> Self {
        let passed = PASSED
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        Self {
            workspace,
            instance,
            secrets,
            passed,
        }
    }

    /// With the models of a provider that the caller chose, ours need not run.
    pub(crate) fn services(&self) -> Vec<Service> {
        let own = !self.passed.contains_key("SYNTERA_LLM_BASE_URL");
        Service::ALL
            .into_iter()
            .filter(|&service| own || service != Service::Inference)
            .collect()
    }

    pub(crate) fn public_url(&self) -> String {
        url(self.instance.ports.public(Service::Gateway))
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.instance.folder.join("keys")
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.workspace.cache.join("models")
    }

    pub(crate) fn demo_file(&self) -> PathBuf {
        self.instance.folder.join("demo.json")
    }

    /// Where auth puts the letters that it writes.
    pub(crate) fn mail(&self) -> PathBuf {
        self.instance.folder.join("mail")
    }

    /// Where chat keeps files of messages.
    fn attachments(&self) -> PathBuf {
        self.instance.folder.join("attachments")
    }

    /// The password that the demo account begins with.
    pub(crate) fn demo_password(&self) -> &str {
        &self.secrets.demo
    }

    /// The environment of one service.
    pub(crate) fn of(&self, service: Service) -> Env {
        let ports = self.instance.ports;
        let mut env = self.shared();
        let mut set = |name: &str, value: String| {
            env.insert(name.to_owned(), value);
        };
        set(
            "SYNTERA_BIND",
            format!("127.0.0.1:{}", ports.public(service)),
        );
        set(
            "SYNTERA_INTERNAL_BIND",
            format!("127.0.0.1:{}", ports.internal(service)),
        );
        let keys = self.keys();
        if service != Service::Inference {
            let key = keys.join(service.name()).join("key.pem");
            set("SYNTERA_SERVICE_KEY_FILE", key.display().to_string());
        }
        if let Some(password) = self.database_password(service) {
            let (role, port) = (service.name(), ports.postgres());
            set(
                "SYNTERA_DATABASE_URL",
                format!("postgres://{role}:{password}@127.0.0.1:{port}/syntera"),
            );
        }
        match service {
            Service::Auth => {
                set("SYNTERA_REFRESH_SECRET", self.secrets.refresh.clone());
                set("SYNTERA_VAULT_KEYS", self.secrets.vault.clone());
                set("SYNTERA_MAIL_DIR", self.mail().display().to_string());
            }
            Service::Gateway => {
                for service in [
                    Service::Auth,
                    Service::Agent,
                    Service::Crm,
                    Service::Chat,
                    Service::Analytics,
                ] {
                    let name = format!("SYNTERA_{}_URL", service.name().to_uppercase());
                    set(&name, url(ports.public(service)));
                }
                // Everybody comes from this machine, and tests are many people in a hurry.
                if self.instance.name == "test" {
                    set("SYNTERA_LIMIT_SCALE", "1000".into());
                } else {
                    set("SYNTERA_LIMIT_SCALE", "100".into());
                    set("SYNTERA_LIMIT_SENSITIVE", "6/60".into());
                }
                let web = self.workspace.root.join("web/dist");
                set("SYNTERA_WEB_DIR", web.display().to_string());
                set("SYNTERA_DEMO_FILE", self.demo_file().display().to_string());
                set("SYNTERA_MAIL_DIR", self.mail().display().to_string());
            }
            Service::Chat => {
                set("SYNTERA_VAULT_KEYS", self.secrets.vault.clone());
                set("SYNTERA_ATTACHMENTS_URL", file_url(&self.attachments()));
            }
            Service::Inference => set("SYNTERA_MODELS_DIR", self.models().display().to_string()),
            Service::Agent | Service::Crm | Service::Analytics => {}
        }
        env
    }

    /// What all services share.
    fn shared(&self) -> Env {
        let ports = self.instance.ports;
        let Secrets {
            redis, rabbitmq, ..
        } = self.secrets;
        let jwks = self.keys().join("public/services.jwks.json");
        let mut env: Env = [
            ("SYNTERA_MONGODB_URL", self.mongodb_url()),
            ("SYNTERA_LOGS_MONGODB_URL", self.mongodb_url()),
            (
                "SYNTERA_REDIS_URL",
                format!("redis://:{redis}@127.0.0.1:{}", ports.redis()),
            ),
            (
                "SYNTERA_AMQP_URL",
                format!("amqp://syntera:{rabbitmq}@127.0.0.1:{}/%2f", ports.amqp()),
            ),
            ("SYNTERA_PUBLIC_URL", self.public_url()),
            ("SYNTERA_SERVICE_JWKS_FILE", jwks.display().to_string()),
            (
                "SYNTERA_LLM_BASE_URL",
                format!("{}/v1", url(ports.public(Service::Inference))),
            ),
            ("SYNTERA_LLM_CHAT_MODEL", "syntera-extractive".into()),
            ("SYNTERA_LLM_EMBEDDING_MODEL", "all-minilm-l6-v2".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        for service in [Service::Auth, Service::Crm, Service::Chat] {
            let name = format!("SYNTERA_{}_INTERNAL_URL", service.name().to_uppercase());
            env.insert(name, url(ports.internal(service)));
        }
        if self.passed.contains_key("SYNTERA_LLM_BASE_URL") {
            // The names of our models mean nothing to another provider.
            env.retain(|name, _| !name.starts_with("SYNTERA_LLM_"));
        }
        if self.instance.name == "test" {
            env.insert(
                "SYNTERA_TRACE_FILE".into(),
                self.trace_file().display().to_string(),
            );
        }
        env.extend(self.passed.clone());
        env
    }

    /// Where the instance `test` writes its spans, so that a test can follow one trace.
    pub(crate) fn trace_file(&self) -> PathBuf {
        self.instance.folder.join("traces.jsonl")
    }

    /// What tests and `sqlx` need: the stores with all rights.
    pub(crate) fn test(&self) -> Env {
        let shared = self.shared();
        [
            (
                "SYNTERA_TEST_DATABASE_URL",
                postgres::superuser_url(self.instance, self.secrets, postgres::DATABASE),
            ),
            (
                "SYNTERA_TEST_MONGODB_URL",
                shared["SYNTERA_MONGODB_URL"].clone(),
            ),
            (
                "SYNTERA_TEST_REDIS_URL",
                shared["SYNTERA_REDIS_URL"].clone(),
            ),
            ("SYNTERA_TEST_AMQP_URL", shared["SYNTERA_AMQP_URL"].clone()),
            (
                "SYNTERA_TEST_AMQP_API_URL",
                format!(
                    "http://syntera:{}@127.0.0.1:{}",
                    self.secrets.rabbitmq,
                    self.instance.ports.rabbit_management()
                ),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn mongodb_url(&self) -> String {
        format!(
            "mongodb://127.0.0.1:{}/syntera",
            self.instance.ports.mongo()
        )
    }

    pub(crate) fn database_password(&self, service: Service) -> Option<&str> {
        match service {
            Service::Auth => Some(&self.secrets.postgres_auth),
            Service::Agent => Some(&self.secrets.postgres_agent),
            Service::Crm => Some(&self.secrets.postgres_crm),
            Service::Chat => Some(&self.secrets.postgres_chat),
            Service::Analytics => Some(&self.secrets.postgres_analytics),
            Service::Gateway | Service::Inference => None,
        }
    }

    /// Everything, as a `.env` file or a shell reads it: first what all share, then what differs.
    pub(crate) fn render(&self) -> String {
        let mut text = String::from("# for tests and tools\n");
        text += &lines(&self.test());
        let shared = self.shared();
        text += "\n# every service\n";
        text += &lines(&shared);
        for service in self.services() {
            let mut own = self.of(service);
            own.retain(|name, value| shared.get(name) != Some(value));
            text += &format!("\n# {}\n", service.name());
            for line in lines(&own).lines() {
                // A name may stand once: services differ in the value, so the rest is a comment.
                text += &format!("# {line}\n");
            }
        }
        text
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// A folder as an address: what would end its path is written by its number.
fn file_url(folder: &Path) -> String {
    let mut path = folder.display().to_string();
    for (sign, number) in [('%', "%25"), ('#', "%23"), ('?', "%3F")] {
        path = path.replace(sign, number);
    }
    format!("file://{path}")
}

pub(crate) fn lines(env: &Env) -> String {
    env.iter()
        .map(|(name, value)| format!("{name}={}\n", quoted(value)))
        .collect()
}

/// Quoted where a shell would take it apart.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%,=+".contains(c);
    if value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
