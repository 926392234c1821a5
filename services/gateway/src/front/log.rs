//! The access log: one line of JSON for each request, on stdout among the other lines.
//!
//! A line has neither a query nor an address: nothing in it is anybody's business but ours, so it needs
//! no redaction. Lines are gathered and written together by a thread of their own, a twentieth of a
//! second later, because a call to the system for each request would be a tenth of its cost.

use std::{
    io::Write,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use chrono::{DateTime, Utc};
use clock::Clock;
use http::{Method, Version};
use ids::RequestId;
use opentelemetry::trace::TraceId;
use uuid::Uuid;

use crate::metrics;

/// Lines are gathered for this long.
const GATHER: Duration = Duration::from_millis(50);
/// Bytes that wait to be written; when nobody reads them, lines are lost rather than requests.
const MOST: usize = 4 << 20;

/// What a line says.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) tls: bool,
    pub(super) route: &'static str,
    pub(super) status: u16,
    /// Until the answer began.
    pub(super) began: Duration,
    /// Until its last byte was taken.
    pub(super) took: Duration,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// Whether the whole answer was taken.
    pub(super) whole: bool,
    pub(super) trace: TraceId,
    pub(super) request: RequestId,
}

/// Where lines go. Cheap to clone; clones write to the same place.
#[derive(Clone)]
pub struct AccessLog(Option<Arc<Shared>>);

struct Shared {
    clock: Clock,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: String,
    closed: bool,
    /// The second of the last line, and how it is written.
    second: (i64, String),
    writer: Option<JoinHandle<()>>,
}

impl AccessLog {
    /// No lines at all.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Lines on stdout.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn stdout(clock: Clock) -> std::io::Result<Self> {
        Self::to(clock, std::io::stdout())
    }

    /// Lines on `out`, a batch at a time.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn to(clock: Clock, out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            clock,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let writing = shared.clone();
        let writer = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || writing.write_to(out))?;
        shared.state().writer = Some(writer);
        Ok(Self(Some(shared)))
    }

    /// Writes what is still there, and nothing more afterwards. Blocks until it is written.
    pub fn close(&self) {
        let Some(shared) = &self.0 else { return };
        let writer = {
            let mut state = shared.state();
            state.closed = true;
            state.writer.take()
        };
        shared.changed.notify_all();
        if let Some(writer) = writer {
            // Its panic would be in the log already.
            let _ = writer.join();
        }
    }

    pub(super) fn write(&self, line: &Line) {
        let Some(shared) = &self.0 else { return };
        let now = shared.clock.now();
        let mut state = shared.state();
        if state.lines.len() > MOST || state.closed {
            metrics::LINES_LOST.inc();
            return;
        }
        let first = state.lines.is_empty();
        state.push(line, now);
        drop(state);
        if first {
            shared.changed.notify_one();
        }
    }
}

impl Shared {
    fn write_to(&self, mut out: impl Write) {
        let mut taken = String::new();
        loop {
            let mut state = self.state();
            while state.lines.is_empty() && !state.closed {
                let changed = self.changed.wait(state);
                state = changed.unwrap_or_else(PoisonError::into_inner);
            }
            if !state.closed {
                let waited = self
                    .changed
                    .wait_timeout_while(state, GATHER, |it| !it.closed);
                (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut state.lines, &mut taken);
            let closed = state.closed;
            drop(state);
            // A closed stdout must not take the gateway down.
            let _ = out.write_all(taken.as_bytes()).and_then(|()| out.flush());
            taken.clear();
            if closed {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, line: &Line, now: DateTime<Utc>) {
        let second = now.timestamp();
        if self.second.0 != second || self.second.1.is_empty() {
            self.second = (second, now.format("%Y-%m-%dT%H:%M:%S").to_string());
        }
        // Every text below is a constant, or made of digits: nothing has to be escaped. `format!` would
        // take three times as long.
        let out = &mut self.lines;
        out.push_str("{\"timestamp\":\"");
        out.push_str(&self.second.1);
        out.push('.');
        let micros = 1_000_000 + u64::from(now.timestamp_subsec_micros());
        out.push_str(&itoa::Buffer::new().format(micros)[1..]);
        out.push_str(concat!(
            "Z\",\"level\":\"info\",\"service\":\"gateway\",\"message\":\"request\",",
            "\"target\":\"gateway::access\",\"method\":\""
        ));
        out.push_str(common::server::method_label(&line.method));
        out.push_str("\",\"route\":\"");
        out.push_str(line.route);
        out.push('"');
        let numbers = [
            (",\"status\":", u64::from(line.status)),
            (",\"micros\":", micros_of(line.began)),
            (",\"total_micros\":", micros_of(line.took)),
            (",\"bytes_in\":", line.bytes_in),
            (",\"bytes_out\":", line.bytes_out),
        ];
        for (name, number) in numbers {
            out.push_str(name);
            out.push_str(itoa::Buffer::new().format(number));
        }
        out.push_str(if line.whole {
            ",\"whole\":true"
        } else {
            ",\"whole\":false"
        });
        out.push_str(match line.version {
            Version::HTTP_10 => ",\"version\":\"HTTP/1.0\"",
            Version::HTTP_2 => ",\"version\":\"HTTP/2.0\"",
            _ => ",\"version\":\"HTTP/1.1\"",
        });
        out.push_str(if line.tls {
            ",\"tls\":true"
        } else {
            ",\"tls\":false"
        });
        out.push_str(",\"trace_id\":\"");
        let trace = Uuid::from_bytes(line.trace.to_bytes());
        out.push_str(trace.simple().encode_lower(&mut Uuid::encode_buffer()));
        out.push_str("\",\"request_id\":\"");
        let request = line.request.as_uuid();
        out.push_str(
            request
                .hyphenated()
                .encode_lower(&mut Uuid::encode_buffer()),
        );
        out.push_str("\"}\n");
    }
}

fn micros_of(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn line(status: u16) -> Line {
        Line {
            method: Method::GET,
            version: Version::HTTP_2,
            tls: true,
            route: "/contacts/{id}",
            status,
            began: Duration::from_micros(1500),
            took: Duration::from_millis(2),
            bytes_in: 0,
            bytes_out: 17,
            whole: true,
            trace: TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
            request: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
        }
    }

    #[test]
    fn each_line_is_a_json_object_with_all_that_is_asked_for() {
        let (kept, clock) = (Kept::default(), Clock::manual(DateTime::UNIX_EPOCH));
        let log = AccessLog::to(clock.clone(), kept.clone()).unwrap();
        log.write(&line(200));
        clock.advance(Duration::from_micros(1_000_007));
        log.write(&line(503));
        log.close();
        log.write(&line(500));
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2, "nothing comes after the end");
        let expected = serde_json::json!({
            "timestamp": "1970-01-01T00:00:00.000000Z",
            "level": "info",
            "service": "gateway",
            "message": "request",
            "target": "gateway::access",
            "method": "GET",
            "route": "/contacts/{id}",
            "status": 200,
            "micros": 1500,
            "total_micros": 2000,
            "bytes_in": 0,
            "bytes_out": 17,
            "whole": true,
            "version": "HTTP/2.0",
            "tls": true,
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "request_id": "01890a5d-ac96-774b-bcce-b302099a8057",
        });
        assert_eq!(lines[0], expected);
        assert_eq!(lines[1]["timestamp"], "1970-01-01T00:00:01.000007Z");
        assert_eq!(lines[1]["status"], 503);
    }
}
