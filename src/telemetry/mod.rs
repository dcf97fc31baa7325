//! What the process says about itself: log lines on standard error, figures, traces, the id of a request, and what must
//! never be said.
//!
//! It may use `config` alone; everybody may count with [`meter`]. A line is one line whatever a caller put into a header: control characters are escaped
//! by the writer, after all formatting, so no field can forget it. Secrets are kept out where they would come in:
//! addresses and headers are logged through [`redact_url`] and [`redact_headers`].

pub mod exposition;
pub mod meter;
pub mod trace;

use crate::config::{Config, Log, LogFormat};
use axum::http::HeaderMap;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{borrow::Cow, cell::RefCell, fmt, io, sync::OnceLock};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, fmt::MakeWriter, layer::SubscriberExt as _, registry::LookupSpan, reload,
    util::SubscriberInitExt as _,
};

/// Names of query parameters and headers whose values open doors: WeChat's own, COS's and ours. Lower case.
const SECRET_NAMES: [&str; 17] = [
    "access_token",
    "api_key",
    "appsecret",
    "authorization",
    "code",
    "cookie",
    "js_code",
    "password",
    "proxy-authorization",
    "q-signature",
    "refresh_token",
    "secret",
    "session_key",
    "set-cookie",
    "signature",
    "token",
    "x-cos-security-token",
];

/// What stands in place of a secret.
const REDACTED: &str = "***";

/// Puts another filter into the subscriber of this process.
type FilterHandle = Box<dyn Fn(EnvFilter) + Send + Sync>;
static FILTER: OnceLock<FilterHandle> = OnceLock::new();

/// Log from now on as these settings say. A second call changes nothing, so tests may call it as they like.
pub fn init(log: &Log) {
    let _ = tracing_subscriber::registry().with(changeable(log)).with(lines(log, io::stderr)).try_init();
}

/// Log, and send traces if the settings say where to; for a process that serves.
pub fn init_serving(config: &Config) -> trace::Traces {
    #[cfg(feature = "otlp")]
    if let Some((layer, traces)) = trace::otlp::layer(&config.telemetry) {
        let lines = lines(&config.log, io::stderr).with_filter(changeable(&config.log));
        let _ = tracing_subscriber::registry().with(lines).with(layer).try_init();
        return traces;
    }
    init(&config.log);
    if config.telemetry.otlp_endpoint.is_some() && !trace::is_on() {
        tracing::warn!("telemetry.otlp_endpoint is set and this binary sends no traces");
    }
    trace::Traces::default()
}

/// Log from now on what these directives say; what cannot be read changes nothing.
pub fn set_filter(directives: &str) {
    if let (Some(put), Ok(filter)) = (FILTER.get(), EnvFilter::try_new(directives)) {
        put(filter);
    }
}

/// The filter of the settings, which [`set_filter`] replaces.
fn changeable<S: Subscriber>(log: &Log) -> reload::Layer<EnvFilter, S> {
    let (layer, handle) = reload::Layer::new(filter(log));
    let _ = FILTER.set(Box::new(move |filter| drop(handle.reload(filter))));
    layer
}

/// `Config::check` has refused a filter that cannot be read; a log that says too much beats none.
fn filter(log: &Log) -> EnvFilter {
    EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"))
}

#[cfg(test)]
fn subscriber<W>(log: &Log, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::registry().with(filter(log)).with(lines(log, writer))
}

fn lines<S, W>(log: &Log, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(OneLine(writer)).with_ansi(false);
    match log.format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
        LogFormat::Pretty => lines.boxed(),
    }
}

/// Makes writers that keep each event on one line.
struct OneLine<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = OneLineWriter<W::Writer>;
    fn make_writer(&'a self) -> Self::Writer {
        OneLineWriter(self.0.make_writer())
    }
}

/// Escapes what it is given; the formatter hands over each event whole, ended by a newline.
struct OneLineWriter<W>(W);

impl<W: io::Write> io::Write for OneLineWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        self.0.write_all(format!("{}\n", escape(line)).as_bytes())?;
        Ok(event.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Text without control characters, line separators and marks that turn the direction of writing: each becomes
/// `\u001b`, a form that JSON reads back.
fn escape(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if harmful(c) {
            escaped.extend(format!("\\u{:04x}", u32::from(c)).chars());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Names one request in the log, in the answer's `X-Request-Id` and in a Problem: 16 url-safe characters, random, so
/// that it tells nothing of how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; ID_CHARS]);

/// 96 bits in base64.
const ID_CHARS: usize = 16;
const ID_BYTES: usize = 12;

thread_local! {
    /// Random bytes in stock and how many of them are used: one call for many ids costs little more than one for one.
    static STOCK: RefCell<([u8; ID_BYTES * 256], usize)> = const { RefCell::new(([0; ID_BYTES * 256], ID_BYTES * 256)) };
}

impl RequestId {
    /// A new one: 96 random bits.
    pub fn random() -> Self {
        STOCK.with_borrow_mut(|(stock, used)| {
            if *used == stock.len() {
                aws_lc_rs::rand::fill(stock).expect("the system gives random bytes or the library aborts");
                *used = 0;
            }
            let mut text = [b'-'; ID_CHARS];
            // It fits: 12 bytes are 16 characters without padding.
            drop(URL_SAFE_NO_PAD.encode_slice(&stock[*used..*used + ID_BYTES], &mut text));
            *used += ID_BYTES;
            Self(text)
        })
    }
    /// The 16 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_secret(name: &str) -> bool {
    SECRET_NAMES.contains(&name.to_ascii_lowercase().as_str())
}

/// An address, whole or from its path on, fit for the log: `/v1/x?js_code=***&page=2`. A password before the host
/// and the fragment go too.
pub fn redact_url(url: &str) -> String {
    let url = url.split_once('#').map_or(url, |(before, _)| before);
    let (place, query) = url.split_once('?').map_or((url, None), |(place, query)| (place, Some(query)));
    let mut shown = match place.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match host.rsplit_once('@') {
                Some((_, host)) => format!("{scheme}://{REDACTED}@{host}{path}"),
                None => place.to_owned(),
            }
        }
        None => place.to_owned(),
    };
    for (position, pair) in query.iter().flat_map(|query| query.split('&')).enumerate() {
        shown.push(if position == 0 { '?' } else { '&' });
        // The name is compared as the receiver would read it: `access%5Ftoken` is `access_token`.
        let name = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name);
        if name.is_some_and(|name| is_secret(&name)) {
            let raw = pair.split_once('=').map_or(pair, |(raw, _)| raw);
            shown.extend([raw, "=", REDACTED]);
        } else {
            shown.push_str(pair);
        }
    }
    shown
}

/// The headers of a request or an answer, fit for the log: `host: shop, authorization: ***`.
pub fn redact_headers(headers: &HeaderMap) -> String {
    let shown = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = if is_secret(name.as_str()) { REDACTED.into() } else { value };
        format!("{name}: {value}")
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RequestLog;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str, say: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = Log { format, filter: filter.into(), requests: RequestLog::All };
        tracing::subscriber::with_default(subscriber(&log, move || writer.clone()), say);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn no_caller_can_forge_a_line() {
        let evil = "a\nINFO paid\r\u{1b}[2J\u{9b}1m\u{202e}\u{2028}微栈";
        let say = || tracing::info!(agent = evil, shown = %evil, "{evil}");
        for format in [LogFormat::Json, LogFormat::Pretty] {
            let text = logged(format, "info", say);
            assert_eq!(text.matches('\n').count(), 1, "{text}");
            assert!(text.ends_with('\n') && text.contains("微栈"));
            assert!(!text.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}' || c == '\u{2028}'));
        }
        let json: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json, "info", say)).unwrap();
        assert_eq!(json["agent"], evil);
        assert_eq!(json["message"], evil);
    }

    #[test]
    fn the_filter_decides() {
        let say = || {
            tracing::debug!("fine");
            tracing::info!("plain");
        };
        for (filter, lines) in [("info", 1), ("debug", 2), ("off", 0), ("info,weizhan::telemetry=debug", 2)] {
            assert_eq!(logged(LogFormat::Pretty, filter, say).lines().count(), lines, "{filter}");
        }
    }

    #[test]
    fn request_ids_differ_and_fit_a_header() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| RequestId::random()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            assert_eq!(id.as_str().len(), 16);
            assert!(id.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{id}");
        }
    }

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        for (url, shown) in [
            ("/v1/orders?page=2", "/v1/orders?page=2"),
            ("/v1/x?js_code=0a1&page=2", "/v1/x?js_code=***&page=2"),
            ("https://w.test/sns?appid=wx1&SECRET=s&js_code=c", "https://w.test/sns?appid=wx1&SECRET=***&js_code=***"),
            ("https://w.test/a?access%5Ftoken=abc#access_token=d", "https://w.test/a?access%5Ftoken=***"),
            ("mysql://root:pass@word@db:3306/shop", "mysql://***@db:3306/shop"),
            ("https://w.test", "https://w.test"),
            ("/?secret", "/?secret=***"),
            ("/?", "/?"),
        ] {
            assert_eq!(redact_url(url), shown);
        }
    }

    #[test]
    fn secrets_of_headers_are_not_shown() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("host", "shop"), ("authorization", "Bearer x.y"), ("cookie", "a=b"), ("x-trace", "1")] {
            headers.insert(name, value.parse().unwrap());
        }
        assert_eq!(redact_headers(&headers), "host: shop, authorization: ***, cookie: ***, x-trace: 1");
    }
}
