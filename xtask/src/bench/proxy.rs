//! Contestants that stand between a client and a service: proxies, gateways, forwarders. All of them
//! have the same service behind them and get the same requests.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::contest::{Contestant, Sample};
use super::load::{self, Attack, Pace};
use super::server::Server;
use super::upstream::{PATH, Upstream};
use super::usage;
use crate::http;

/// The rate at which times of answers are compared, in requests a second: one that leaves a small
/// machine mostly idle, so that waiting for a core says little.
const RATE: u32 = 1000;
/// Between two looks whether answers under load are still right.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A contestant in front of the service.
pub(super) struct Proxy<'a> {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) server: Server,
    pub(super) port: u16,
    /// Whether it must refuse who has no right token.
    pub(super) refuses: bool,
    pub(super) upstream: &'a Upstream<'a>,
}

impl Proxy<'_> {
    /// A person with a token gets what the service says.
    fn ask(&self) -> Result<()> {
        let (status, body) = self.get(self.upstream.tokens.first().map(String::as_str))?;
        ensure!(status == 200, "a valid token is answered {status}: {body}");
        ensure!(
            body.trim() == self.upstream.body,
            "the body is not the service's: {body}"
        );
        Ok(())
    }

    fn get(&self, token: Option<&str>) -> Result<(u16, String)> {
        let value = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = value
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        http::send(http::connect(self.port)?, ("GET", PATH), &headers, "")
    }

    /// A steady load, for the times of answers.
    fn p99_micros(&self, time: Duration) -> Result<f64> {
        let ground = self.upstream.ground;
        let targets = ground.folder.join(format!("targets-{}", self.port));
        let url = self.url();
        let text: String = self
            .upstream
            .tokens
            .iter()
            .map(|token| format!("GET {url}\nAuthorization: Bearer {token}\n\n"))
            .collect();
        fs::write(&targets, text)?;
        let attack = Attack {
            targets: &targets,
            pace: Pace::PerSecond(RATE),
            time,
            results: ground.folder.join("attack"),
        };
        let steady = attack.run(ground)?;
        let expected = steady.requests * self.upstream.body.len() as u64;
        ensure!(
            steady.bytes == expected,
            "{} answers had {} bytes instead of {expected}",
            steady.requests,
            steady.bytes
        );
        Ok(steady.p99_micros)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }
}

impl Contestant for Proxy<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn check(&mut self) -> Result<()> {
        self.ask()?;
        let token = self.upstream.tokens.first().context("no tokens")?;
        let refused = if self.refuses { 401 } else { 200 };
        for (what, token) in [("no", None), ("a tampered", Some(tampered(token)))] {
            let (status, _) = self.get(token.as_deref())?;
            ensure!(status == refused, "{what} token is answered {status}");
        }
        Ok(())
    }

    fn measure(&mut self, time: Duration) -> Result<Sample> {
        let (ground, pid) = (self.upstream.ground, self.server.pid());
        let tokens = self.upstream.keys.join("tokens.txt");
        let (answered, used) = (self.upstream.answered()?, usage::cpu_micros(pid)?);
        let (load, asked) = watched(
            || self.ask(),
            || load::flood(ground, &self.url(), &tokens, time),
        )?;
        let used = usage::cpu_micros(pid)? - used;
        let operations = load.requests + asked;
        forwarded(operations, self.upstream.answered()? - answered)?;
        let cpu_micros = used / operations as f64;
        Ok(Sample {
            operations,
            per_second: Some(load.per_second),
            cpu_micros: Some(cpu_micros),
            p99_micros: Some(self.p99_micros(time)?),
            pss_kib: Some(usage::pss_kib(pid)?),
            ..Sample::default()
        })
    }
}

/// Fails unless every answer came from the service, and none was asked for twice.
fn forwarded(answers: u64, by_service: u64) -> Result<()> {
    // What was under way at the end, and what our gateways ask auth for, which is the same nginx.
    let more = by_service.checked_sub(answers);
    ensure!(
        more.is_some_and(|more| more <= 100 + answers / 100),
        "{answers} answers, but the service gave {by_service}"
    );
    Ok(())
}

/// Puts on load and asks beside it; how often was asked, too.
fn watched<T>(
    ask: impl Fn() -> Result<()> + Sync,
    load: impl FnOnce() -> Result<T>,
) -> Result<(T, u64)> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            while !over.load(Ordering::Relaxed) {
                ask().context("under load")?;
                asked += 1;
                thread::sleep(LOOK_EVERY);
            }
            anyhow::Ok(asked)
        });
        let load = load();
        over.store(true, Ordering::Relaxed);
        let asked = asking.join().ok().context("the asking thread panicked")??;
        Ok((load?, asked))
    })
}

/// The token with one character of its signature changed.
fn tampered(token: &str) -> String {
    // Not the last one: some of its bits mean nothing.
    let at = token.len() - 10;
    let other = if token.as_bytes()[at] == b'A' {
        "B"
    } else {
        "A"
    };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn one_character_of_the_signature_differs() {
        for token in ["aaaa.bbbb.cccccccccccccccc", "aaaa.bbbb.AAAAAAAAAAAAAAAA"] {
            let other = tampered(token);
            let differ = token.bytes().zip(other.bytes()).filter(|(a, b)| a != b);
            assert_eq!((differ.count(), other.len()), (1, token.len()));
            assert!(other.starts_with("aaaa.bbbb."), "{other}");
        }
    }

    #[test]
    fn answers_that_the_service_did_not_give_are_noticed() {
        assert!(forwarded(10_000, 10_016).is_ok());
        assert!(forwarded(10_000, 9_999).is_err());
        assert!(forwarded(10_000, 20_000).is_err());
    }

    #[test]
    fn who_asks_under_load_is_counted_and_a_wrong_answer_is_an_error() {
        let seen = AtomicBool::new(false);
        let ask = || {
            seen.store(true, Ordering::Relaxed);
            Ok(())
        };
        let until_asked = || {
            while !seen.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            Ok("load")
        };
        let (load, asked) = watched(ask, until_asked).unwrap();
        assert!(load == "load" && asked >= 1, "{load} {asked}");
        let wait = || {
            thread::sleep(Duration::from_millis(50));
            Ok(())
        };
        let error = watched(|| bail!("503"), wait).unwrap_err();
        assert!(format!("{error:#}").contains("under load: 503"));
    }
}
