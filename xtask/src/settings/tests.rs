//! What each process of ours is told, and what it is not.

use super::*;
use crate::ports::Ports;

fn with<T>(passed: &[(&str, &str)], check: impl FnOnce(Settings<'_>) -> T) -> T {
    let root = PathBuf::from("/src");
    let workspace = Workspace {
        root,
        cache: "/cache".into(),
    };
    let instance = Instance {
        name: "up".into(),
        folder: "/src/.dev/up".into(),
        ports: Ports::new(5000).unwrap(),
    };
    let secret = |text: &str| text.to_owned();
    let secrets = Secrets {
        postgres: secret("super"),
        postgres_auth: secret("pa"),
        postgres_agent: secret("pg"),
        postgres_crm: secret("pc"),
        postgres_chat: secret("ph"),
        postgres_analytics: secret("pn"),
        redis: secret("re"),
        rabbitmq: secret("ra"),
        erlang_cookie: secret("co"),
        refresh: secret("rf"),
        vault: "dev:key".into(),
        demo: "demo".into(),
    };
    let passed = passed
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    check(Settings {
        workspace: &workspace,
        instance: &instance,
        secrets: &secrets,
        passed,
    })
}

#[test]
fn each_service_gets_its_own_role_and_nobody_the_superuser() {
    with(&[], |settings| {
        let auth = settings.of(Service::Auth);
        assert_eq!(
            auth["SYNTERA_DATABASE_URL"],
            "postgres://auth:pa@127.0.0.1:5020/syntera"
        );
        assert_eq!(auth["SYNTERA_BIND"], "127.0.0.1:5001");
        assert_eq!(auth["SYNTERA_INTERNAL_BIND"], "127.0.0.1:5101");
        assert!(
            !settings
                .of(Service::Gateway)
                .contains_key("SYNTERA_DATABASE_URL")
        );
        let chat = settings.of(Service::Chat);
        assert_eq!(
            chat["SYNTERA_DATABASE_URL"],
            "postgres://chat:ph@127.0.0.1:5020/syntera"
        );
        assert_eq!(
            chat["SYNTERA_ATTACHMENTS_URL"],
            "file:///src/.dev/up/attachments"
        );
        for service in Service::ALL {
            let env = settings.of(service);
            assert!(
                env.values().all(|value| !value.contains("super")),
                "{service:?}"
            );
            let refresh = env.contains_key("SYNTERA_REFRESH_SECRET");
            assert_eq!(refresh, service == Service::Auth);
            let vault = env.contains_key("SYNTERA_VAULT_KEYS");
            assert_eq!(vault, matches!(service, Service::Auth | Service::Chat));
        }
    });
}

#[test]
fn a_provider_of_the_caller_replaces_inference() {
    with(&[], |settings| {
        let url = &settings.of(Service::Agent)["SYNTERA_LLM_BASE_URL"];
        assert_eq!(url, "http://127.0.0.1:5010/v1");
        assert!(settings.services().contains(&Service::Inference));
    });
    with(
        &[("SYNTERA_LLM_BASE_URL", "https://models.example/v1")],
        |settings| {
            let url = &settings.of(Service::Agent)["SYNTERA_LLM_BASE_URL"];
            assert_eq!(url, "https://models.example/v1");
            assert!(
                !settings
                    .of(Service::Agent)
                    .contains_key("SYNTERA_LLM_CHAT_MODEL")
            );
            assert!(!settings.services().contains(&Service::Inference));
        },
    );
}

#[test]
fn a_folder_with_odd_signs_is_an_address_of_it() {
    let url = file_url(Path::new("/a #1?/100%"));
    assert_eq!(url, "file:///a %231%3F/100%25");
}

#[test]
fn a_shell_reads_back_what_is_printed() {
    let odd = [("A", "x y'z$"), ("B", "plain/1:2")];
    let env: Env = odd
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let script = format!("{}printf '%s|%s' \"$A\" \"$B\"", lines(&env));
    let printed = std::process::Command::new("sh")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(printed.stdout).unwrap(),
        "x y'z$|plain/1:2"
    );
}
