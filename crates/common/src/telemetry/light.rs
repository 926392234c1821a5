//! A request's place in a trace without a span: enough where nothing is done with spans.
//!
//! A span costs a few microseconds, which a service behind pays for a query anyway and the gateway
//! would pay for each request that it forwards. Ids are needed all the same: log lines carry them, and
//! the services continue the trace.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::TextMapPropagator,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{IdGenerator, RandomIdGenerator},
};

use super::trace::HeaderCarrier;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What the process does with its spans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spans {
    /// Whether they go anywhere.
    pub(super) exported: bool,
    /// The share of new traces that is kept.
    pub(super) ratio: f64,
}

static SPANS: OnceLock<Spans> = OnceLock::new();

tokio::task_local! {
    static CURRENT: (TraceId, SpanId);
}

/// The ids of the [`Light`] within which this is called.
pub(super) fn current() -> Option<(TraceId, SpanId)> {
    CURRENT.try_with(|ids| *ids).ok()
}

/// Keeps what [`spans_are_exported`] and new traces go by; the first word stands.
pub(super) fn set(spans: Spans) {
    let _ = SPANS.set(spans);
}

/// Whether this process sends its spans anywhere. If not, a [`Light`] does for a request.
#[must_use]
pub fn spans_are_exported() -> bool {
    SPANS.get().is_some_and(|spans| spans.exported)
}

/// The ids of a request's own, unwritten span.
#[derive(Debug, Clone)]
pub struct Light {
    trace: TraceId,
    span: SpanId,
    flags: TraceFlags,
    /// What the caller added for other systems; we pass it on.
    state: TraceState,
}

impl Light {
    /// Continues the caller's trace, or begins one (W3C Trace Context §3.2).
    #[must_use]
    pub fn begin(headers: &HeaderMap) -> Self {
        let ids = RandomIdGenerator::default();
        let parent = headers.contains_key(TRACEPARENT).then(|| {
            let context = TraceContextPropagator::new()
                .extract_with_context(&Context::new(), &HeaderCarrier(headers));
            context.span().span_context().clone()
        });
        let span = ids.new_span_id();
        match parent.filter(SpanContext::is_valid) {
            Some(parent) => Self {
                trace: parent.trace_id(),
                span,
                flags: parent.trace_flags(),
                state: parent.trace_state().clone(),
            },
            None => {
                let trace = ids.new_trace_id();
                Self {
                    trace,
                    span,
                    flags: TraceFlags::default().with_sampled(is_kept(trace)),
                    state: TraceState::default(),
                }
            }
        }
    }

    /// The id of the trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace
    }

    /// Does a piece of work whose log lines carry the ids. OpenTelemetry's own context would be made on
    /// the heap, and changed for each step of the work.
    pub fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope((self.trace, self.span), work)
    }

    /// Writes the ids into the headers of a request to be sent.
    pub fn inject(&self, headers: &mut HeaderMap) {
        headers.insert(TRACEPARENT, self.traceparent());
        let state = self.state.header();
        if state.is_empty() {
            headers.remove(TRACESTATE);
        } else if let Ok(state) = HeaderValue::try_from(state) {
            headers.insert(TRACESTATE, state);
        }
    }

    fn traceparent(&self) -> HeaderValue {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&self.trace.to_bytes(), &mut text[3..35]);
        write_hex(&self.span.to_bytes(), &mut text[36..52]);
        write_hex(&[self.flags.to_u8()], &mut text[53..55]);
        HeaderValue::from_bytes(&text).expect("hexadecimal digits are a header value")
    }
}

fn write_hex(bytes: &[u8], text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

/// Whether a new trace is kept: its id decides, as in OpenTelemetry's `TraceIdRatioBased`.
fn is_kept(trace: TraceId) -> bool {
    let ratio = SPANS.get().map_or(1.0, |spans| spans.ratio);
    let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
    let low = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1;
    ratio >= 1.0 || (low as f64) < ratio * (1_u64 << 63) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_callers_trace_goes_on_under_an_id_of_our_own() {
        let theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(theirs));
        headers.insert(
            TRACESTATE,
            HeaderValue::from_static("rojo=00f067aa0ba902b7"),
        );
        let light = Light::begin(&headers);
        light.inject(&mut headers);
        let ours = headers[TRACEPARENT].to_str().unwrap();
        assert_eq!(ours[..36], theirs[..36]);
        assert_ne!(ours[36..52], theirs[36..52]);
        assert_eq!(ours[52..], theirs[52..]);
        assert_eq!(headers[TRACESTATE], "rojo=00f067aa0ba902b7");
        let within = light.around(async { current() }).await;
        assert_eq!(within, Some((light.trace, light.span)));
        assert_eq!(current(), None);
    }

    #[test]
    fn without_one_or_with_nonsense_a_trace_begins() {
        for nonsense in [None, Some("00-zero"), Some("")] {
            let mut headers = HeaderMap::new();
            if let Some(nonsense) = nonsense {
                headers.insert(TRACEPARENT, HeaderValue::from_static(nonsense));
            }
            let light = Light::begin(&headers);
            light.inject(&mut headers);
            let text = headers[TRACEPARENT].to_str().unwrap();
            assert_eq!(text, format!("00-{}-{}-01", light.trace, light.span));
            assert_ne!(light.trace, TraceId::INVALID);
        }
    }
}
