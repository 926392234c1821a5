//! `login`: signing in against the ceiling that the password hash sets, and what a flood of it does to
//! everybody else.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};

use super::Bench;
use super::contest::{self, Comparison, Contestant, Entry, Figure, Goal, Plan, Sample};
use super::ground::Ground;
use super::load::{Attack, Pace, Steady};
use super::server::{self, Server};
use super::token::Worker;
use super::usage;
use crate::infra::{self, postgres};
use crate::ports::Service;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::supervise::Spec;
use crate::{http, run};

const CEILING: &str = "argon2 alone";
const LOGINS: &str = "auth";
const IDLE: &str = "token checks";
const FLOODED: &str = "token checks in a flood of logins";

pub(super) const BENCH: Bench = Bench {
    name: "login",
    about: "POST /auth/login against a loop of the same hash on as many threads as there are cores; and GET \
        /auth/me at a fixed rate, with and without a flood of logins beside it. PostgreSQL, auth and the load \
        share the machine; the loop has it alone.",
    programs: &["bench", "auth"],
    needs: &[],
    timed: true,
    comparisons: &[
        Comparison {
            figure: Figure::Rate,
            ours: LOGINS,
            theirs: CEILING,
            goal: Some(Goal::AtLeast(0.9)),
        },
        Comparison {
            figure: Figure::Cpu,
            ours: LOGINS,
            theirs: CEILING,
            goal: None,
        },
        Comparison {
            figure: Figure::P99,
            ours: FLOODED,
            theirs: IDLE,
            goal: Some(Goal::AtMost(2.0)),
        },
    ],
    limits: &[],
    optional: &[],
    run,
};

const PASSWORD: &str = "correct horse battery staple";
/// Accounts that sign in, one after another.
const PEOPLE: usize = 32;
/// How many sign in at once: more than there are cores, fewer than auth lets wait.
const AT_ONCE: u32 = 16;
/// Token checks a second.
const CHECKS: u32 = 100;
/// A flood is there this long before it is measured beside, and ends this much later.
const MARGIN: Duration = Duration::from_secs(1);

fn run(ground: &Ground<'_>, plan: Plan) -> Result<Vec<Entry>> {
    infra::ensure(ground.workspace, ground.instance)?;
    let entries = compete(ground, plan);
    // Other benches shall not measure beside a broker and four stores.
    run::uninterruptible(|| infra::stop(ground.instance))?;
    entries
}

fn compete(ground: &Ground<'_>, plan: Plan) -> Result<Vec<Entry>> {
    let auth = Auth::start(ground)?;
    let cores = thread::available_parallelism()?.to_string();
    let stored = auth.stored_hash()?;
    let ceiling = Worker {
        name: CEILING,
        about: "the hash of one of the accounts, by the same crate",
        program: ground.program("bench"),
        arguments: [
            "hash",
            "--password",
            PASSWORD,
            "--threads",
            &cores,
            "--stored",
            &stored,
        ]
        .map(str::to_owned)
        .into(),
    };
    let mut contestants: Vec<Box<dyn Contestant + '_>> = vec![
        Box::new(ceiling),
        Box::new(Logins { auth: &auth }),
        Box::new(Checks {
            auth: &auth,
            flooded: false,
        }),
        Box::new(Checks {
            auth: &auth,
            flooded: true,
        }),
    ];
    contest::run(&mut contestants, plan)
}

/// The real service, with accounts.
struct Auth<'a> {
    ground: &'a Ground<'a>,
    secrets: Secrets,
    server: Server,
    /// The first account.
    email: String,
    /// All accounts signing in, for vegeta.
    logins: PathBuf,
}

impl<'a> Auth<'a> {
    fn start(ground: &'a Ground<'a>) -> Result<Self> {
        let secrets = Secrets::of(ground.instance)?;
        let settings = Settings::new(ground.workspace, ground.instance, &secrets);
        let env = settings.of(Service::Auth);
        let program = ground.program("auth");
        let mut keys = Command::new(&program);
        keys.args(["keys", "generate", "--out"])
            .arg(settings.keys());
        run::quietly("making keys", &mut keys)?;
        let mut migrate = Command::new(&program);
        migrate.arg("migrate").envs(&env);
        run::quietly("migrating auth", &mut migrate)?;
        let mut spec = Spec::new("auth", ground.folder.clone(), vec![program, "serve".into()]);
        spec.env = env;
        let ports = ground.instance.ports;
        let (public, internal) = (ports.public(Service::Auth), ports.internal(Service::Auth));
        let server = Server::start(ground.instance, &spec, &[public, internal], || {
            server::answers(internal, "/readyz")
        })?;
        let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let mut auth = Self {
            ground,
            secrets,
            server,
            email: email(run, 0),
            logins: ground.folder.join("logins"),
        };
        auth.register(run)?;
        Ok(auth)
    }

    fn register(&mut self, run: u128) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/auth/login", self.port());
        let mut logins = String::new();
        for person in 0..PEOPLE {
            let email = email(run, person);
            let account = serde_json::json!({
                "email": email, "password": PASSWORD, "name": "Bench", "workspace_name": "Bench",
            });
            let (status, answer) = self.post("/auth/register", &account.to_string())?;
            ensure!(status == 201, "registering is answered {status}: {answer}");
            let body = self.ground.folder.join(format!("login-{person}.json"));
            fs::write(&body, login(&email, PASSWORD))?;
            logins += &format!(
                "POST {url}\nContent-Type: application/json\n@{}\n\n",
                body.display()
            );
        }
        Ok(fs::write(&self.logins, logins)?)
    }

    fn port(&self) -> u16 {
        self.ground.instance.ports.public(Service::Auth)
    }

    fn post(&self, path: &str, body: &str) -> Result<(u16, String)> {
        let headers = [("content-type", "application/json")];
        http::send(http::connect(self.port())?, ("POST", path), &headers, body)
    }

    /// The access token of a new session of the first account.
    fn sign_in(&self) -> Result<String> {
        let (status, body) = self.post("/auth/login", &login(&self.email, PASSWORD))?;
        ensure!(status == 200, "a login is answered {status}: {body}");
        let answer: serde_json::Value = serde_json::from_str(&body)?;
        let token = answer["access_token"].as_str();
        Ok(token.context("a login without an access token")?.to_owned())
    }

    /// What PostgreSQL holds of one of these accounts, so that the loop has its parameters.
    fn stored_hash(&self) -> Result<String> {
        let superuser = ("postgres", self.secrets.postgres.as_str());
        let mut psql = postgres::psql(
            self.ground.workspace,
            self.ground.instance,
            superuser,
            postgres::DATABASE,
        )?;
        psql.args(["--tuples-only", "--no-align", "--command"]).arg(
            "SELECT password_hash FROM auth.users WHERE password_hash IS NOT NULL \
             ORDER BY created_at DESC LIMIT 1",
        );
        Ok(run::output(&mut psql)?.trim().to_owned())
    }

    /// As many logins as can be answered.
    fn flood(&self, time: Duration) -> Result<Steady> {
        let attack = Attack {
            targets: &self.logins,
            pace: Pace::Waiting(AT_ONCE),
            time,
            results: self.ground.folder.join("flood"),
        };
        attack.run(self.ground)
    }

    /// How many passwords it has checked.
    fn hashes(&self) -> Result<u64> {
        let internal = self.ground.instance.ports.internal(Service::Auth);
        let (_, metrics) = http::get(internal, "/metrics")?;
        counter(&metrics, "auth_password_seconds_count").context("auth counts no passwords")
    }
}

fn email(run: u128, person: usize) -> String {
    format!("bench-{run}-{person}@example.com")
}

fn login(email: &str, password: &str) -> String {
    serde_json::json!({ "email": email, "password": password }).to_string()
}

/// A metric without labels.
fn counter(metrics: &str, name: &str) -> Option<u64> {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

/// Signing in, as fast as it goes.
struct Logins<'a> {
    auth: &'a Auth<'a>,
}

impl Contestant for Logins<'_> {
    fn name(&self) -> &'static str {
        LOGINS
    }

    fn about(&self) -> &'static str {
        "POST /auth/login, sixteen at once"
    }

    fn check(&mut self) -> Result<()> {
        self.auth.sign_in()?;
        let wrong = login(&self.auth.email, "battery staple");
        let (status, _) = self.auth.post("/auth/login", &wrong)?;
        ensure!(status == 401, "a wrong password is answered {status}");
        Ok(())
    }

    fn measure(&mut self, time: Duration) -> Result<Sample> {
        let pid = self.auth.server.pid();
        let (hashes, used) = (self.auth.hashes()?, usage::cpu_micros(pid)?);
        let logins = self.auth.flood(time)?;
        let used = usage::cpu_micros(pid)? - used;
        let hashes = self.auth.hashes()? - hashes;
        if hashes != logins.requests {
            bail!("{} logins, but {hashes} passwords checked", logins.requests);
        }
        let cpu_micros = used / logins.requests as f64;
        Ok(Sample {
            operations: logins.requests,
            per_second: Some(logins.per_second),
            cpu_micros: Some(cpu_micros),
            pss_kib: Some(usage::pss_kib(pid)?),
            ..Sample::default()
        })
    }
}

/// Token checks at a fixed rate.
struct Checks<'a> {
    auth: &'a Auth<'a>,
    flooded: bool,
}

impl Checks<'_> {
    fn targets(&self) -> PathBuf {
        self.auth.ground.folder.join("checks")
    }
}

impl Contestant for Checks<'_> {
    fn name(&self) -> &'static str {
        if self.flooded { FLOODED } else { IDLE }
    }

    fn about(&self) -> &'static str {
        "GET /auth/me, a hundred a second"
    }

    /// Signs in anew: a token lives for ten minutes.
    fn check(&mut self) -> Result<()> {
        let token = self.auth.sign_in()?;
        let me = |token: &str| {
            let bearer = format!("Bearer {token}");
            let stream = http::connect(self.auth.port())?;
            http::send(
                stream,
                ("GET", "/auth/me"),
                &[("authorization", &bearer)],
                "",
            )
        };
        let (status, body) = me(&token)?;
        ensure!(
            status == 200 && body.contains(&self.auth.email),
            "who one is is answered {status}: {body}"
        );
        let (status, _) = me("e30.e30.e30")?;
        ensure!(status == 401, "an unsigned token is answered {status}");
        let url = format!("http://127.0.0.1:{}/auth/me", self.auth.port());
        let target = format!("GET {url}\nAuthorization: Bearer {token}\n");
        Ok(fs::write(self.targets(), target)?)
    }

    fn measure(&mut self, time: Duration) -> Result<Sample> {
        let targets = self.targets();
        let attack = Attack {
            targets: &targets,
            pace: Pace::PerSecond(CHECKS),
            time,
            results: self.auth.ground.folder.join("attack"),
        };
        let checks = if self.flooded {
            thread::scope(|scope| {
                let flood = scope.spawn(|| self.auth.flood(time + 2 * MARGIN));
                run::pause(MARGIN)?;
                let checks = attack.run(self.auth.ground);
                flood.join().ok().context("the flood panicked")??;
                checks
            })?
        } else {
            attack.run(self.auth.ground)?
        };
        Ok(Sample {
            operations: checks.requests,
            per_second: Some(checks.per_second),
            p99_micros: Some(checks.p99_micros),
            ..Sample::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let metrics = "# HELP auth_password_seconds time\nauth_password_seconds_sum 1.5\n\
             auth_password_seconds_count 42\nauth_password_seconds_count_total 7\n";
        assert_eq!(counter(metrics, "auth_password_seconds_count"), Some(42));
        assert_eq!(counter(metrics, "auth_password_seconds"), None);
    }
}
