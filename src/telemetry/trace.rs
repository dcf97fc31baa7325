//! Traces over OTLP (`telemetry.otlp_endpoint`): a span for each request, job, conversation with the database and call to
//! WeChat. Off, they cost a comparison; without the feature `otlp` they are not there.
//!
//! A span carries what is listed in the code and nothing that was logged within it: no headers, no bodies, no query, no
//! user. WeChat is sent no `traceparent`.

use axum::http::StatusCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tracing::Span;

static ON: AtomicBool = AtomicBool::new(false);

/// Whether traces leave this process.
pub fn is_on() -> bool {
    ON.load(Relaxed)
}

/// Name the span of a request by its route, and put it below the caller's, if the caller sent a `traceparent`.
pub fn adopt(span: &Span, method: &str, route: &str, traceparent: Option<&str>) {
    span.record("otel.name", format!("{method} {route}"));
    #[cfg(feature = "otlp")]
    if let Some(traceparent) = traceparent {
        otlp::below_caller(span, traceparent);
    }
    #[cfg(not(feature = "otlp"))]
    let _ = traceparent;
}

/// Note how the request of this span was answered.
pub fn end(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// What is still to be sent when the process ends.
#[derive(Debug, Default)]
pub struct Traces {
    #[cfg(feature = "otlp")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

impl Traces {
    /// Send what is left; it takes as long as the collector, five seconds at most.
    pub async fn finish(self) {
        #[cfg(feature = "otlp")]
        if let Some(provider) = self.provider {
            let sent =
                tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(std::time::Duration::from_secs(5)));
            if !matches!(sent.await, Ok(Ok(()))) {
                tracing::warn!("the last traces could not be sent");
            }
        }
    }
}

#[cfg(feature = "otlp")]
pub(super) mod otlp {
    use super::{ON, Relaxed, Span, Traces};
    use crate::config;
    use opentelemetry::{
        Context, KeyValue,
        propagation::{Extractor, TextMapPropagator as _},
        trace::{Link, SpanKind, TraceContextExt as _, TraceId, TracerProvider as _},
    };
    use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
    use opentelemetry_sdk::{
        Resource,
        propagation::TraceContextPropagator,
        trace::{Sampler, SamplingResult, SdkTracerProvider, ShouldSample},
    };
    use tracing::{Level, Subscriber};
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;
    use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

    struct Caller<'a>(&'a str);

    impl Extractor for Caller<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            (key == "traceparent").then_some(self.0)
        }
        fn keys(&self) -> Vec<&str> {
            vec!["traceparent"]
        }
    }

    pub(super) fn below_caller(span: &Span, traceparent: &str) {
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Caller(traceparent));
        // It fails for a span that nobody watches.
        let _ = span.set_parent(context);
    }

    /// Anybody can send a `traceparent` that says "sampled". So a caller names the trace; how many are kept is our choice.
    #[derive(Debug, Clone)]
    struct OwnChoice(f64);

    impl ShouldSample for OwnChoice {
        fn should_sample(
            &self,
            parent: Option<&Context>,
            id: TraceId,
            name: &str,
            kind: &SpanKind,
            attributes: &[KeyValue],
            links: &[Link],
        ) -> SamplingResult {
            let ratio = Sampler::TraceIdRatioBased(self.0);
            let inner = parent.is_some_and(|parent| {
                let span = parent.span();
                span.span_context().is_valid() && !span.span_context().is_remote()
            });
            // A look at the queue or a heartbeat, of nobody's request.
            if !inner && name.starts_with("data.") {
                return Sampler::AlwaysOff.should_sample(parent, id, name, kind, attributes, links);
            }
            let sampler = if inner { Sampler::ParentBased(Box::new(ratio)) } else { ratio };
            sampler.should_sample(parent, id, name, kind, attributes, links)
        }
    }

    /// The layer that sends spans, and what finishes it; `None` when it is off or the address is no address.
    pub(in crate::telemetry) fn layer<S>(settings: &config::Telemetry) -> Option<(impl Layer<S> + use<S>, Traces)>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let endpoint = settings.otlp_endpoint.as_ref()?;
        let url = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
        // Its client is a blocking one in a thread of its own: it needs no runtime, and outlives ours.
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_endpoint(url);
        let exporter = match exporter.build() {
            Ok(exporter) => exporter,
            Err(error) => {
                eprintln!("weizhan: traces are off: {error}");
                return None;
            }
        };
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder_empty().with_service_name("weizhan").with_attribute(version).build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(OwnChoice(settings.otlp_sample_ratio))
            .with_resource(resource)
            .build();
        ON.store(true, Relaxed);
        let ours = filter_fn(|metadata| {
            metadata.is_span() && *metadata.level() <= Level::DEBUG && metadata.target().starts_with("weizhan")
        });
        // Neither where the code stands nor which thread ran it: they say nothing of the request.
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("weizhan"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        Some((layer.with_filter(ours), Traces { provider: Some(provider) }))
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use opentelemetry::trace::{SpanContext, SpanId, TraceFlags};
        use opentelemetry_sdk::trace::SamplingDecision;

        #[test]
        fn a_caller_cannot_have_more_traces_kept_and_children_follow_their_request() {
            let decide = |ratio: f64, remote: bool| {
                let context = SpanContext::new(
                    TraceId::from(u128::MAX),
                    SpanId::from(1_u64),
                    TraceFlags::SAMPLED,
                    remote,
                    opentelemetry::trace::TraceState::default(),
                );
                let parent = Context::new().with_remote_span_context(context);
                let id = TraceId::from(u128::MAX);
                OwnChoice(ratio).should_sample(Some(&parent), id, "n", &SpanKind::Server, &[], &[]).decision
            };
            assert_eq!(decide(0.0, true), SamplingDecision::Drop);
            assert_eq!(decide(1.0, true), SamplingDecision::RecordAndSample);
            assert_eq!(decide(0.0, false), SamplingDecision::RecordAndSample);
        }
    }
}
