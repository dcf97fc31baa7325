//! Which values make sense, and which are fit for a real server.

use super::{App, Config, DEFAULT, EXAMPLE, Faults, Order, Pay, Secret, StorageKind};
use crate::model::{binding::is_queue, money::Fen};
use std::{collections::BTreeSet, fmt::Display, sync::LazyLock};
use url::{Host, Url};

/// Secrets that `weizhan dev` makes up contain this, so that no real server runs with them.
pub const DEV_MARK: &str = "weizhan-dev";

/// The same for secrets that take letters and digits only.
pub const DEV_MARK_PLAIN: &str = "weizhandev";

/// What the settings are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A server that people reach: every secret is there and none is a sample; WeChat is fully set up.
    Serve,
    /// `weizhan dev`, which fills in secrets of its own and talks to the simulator.
    Dev,
}

/// All texts of the published files that could be copied for a secret.
static SAMPLES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    fn collect(value: &toml::Value, into: &mut BTreeSet<String>) {
        match value {
            toml::Value::String(text) if !text.is_empty() => drop(into.insert(text.clone())),
            toml::Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
            toml::Value::Table(table) => table.values().for_each(|value| collect(value, into)),
            _ => {}
        }
    }
    let mut samples = BTreeSet::new();
    for text in [DEFAULT, EXAMPLE] {
        let table = text.parse().expect("both files are built in and tested");
        collect(&toml::Value::Table(table), &mut samples);
    }
    samples
});

pub(super) fn is_sample(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    SAMPLES.contains(text) || ["change-me", "example", DEV_MARK, DEV_MARK_PLAIN].iter().any(|mark| lower.contains(mark))
}

impl Config {
    /// Whether the settings make sense, and for [`Purpose::Serve`] whether they are fit for real money. All faults at
    /// once; no fault quotes a secret.
    pub fn check(&self, purpose: Purpose) -> Result<(), Faults> {
        let mut check = Check { faults: Faults::default() };
        check.numbers(self);
        check.addresses(self);
        check.moderation(self);
        check.messages(self);
        if purpose == Purpose::Serve {
            check.keys(self);
            check.apps(&self.wechat.apps);
            check.merchant(&self.pay);
            if self.storage.kind == StorageKind::Cos {
                check.bucket(&self.cos);
            }
            for (key, url) in [("wechat.base_url", &self.wechat.base_url), ("pay.base_url", &self.pay.base_url)] {
                check.https(key, url);
            }
        }
        check.faults.or(())
    }
}

pub(super) struct Check {
    faults: Faults,
}

impl Check {
    pub(super) fn demand(&mut self, holds: bool, key: &str, message: impl Display) {
        if !holds {
            self.faults.add("", key, message.to_string());
        }
    }

    fn numbers(&mut self, config: &Config) {
        let Config { node, server, limits, overload, database, cache, auth, order, jobs, figures, wechat, pay, .. } =
            config;
        let beats = (1_000..=60_000).contains(&node.lease_ms);
        self.demand(beats, "node.lease_ms", "1000 to 60000 is expected");
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let positive = [
            ("server.connections_max", wide(server.connections_max)),
            ("server.header_timeout_ms", server.header_timeout_ms),
            ("server.body_timeout_ms", server.body_timeout_ms),
            ("server.handler_timeout_ms", server.handler_timeout_ms),
            ("server.body_bytes_max", wide(server.body_bytes_max)),
            ("server.connections_per_ip_max", wide(server.connections_per_ip_max)),
            ("limits.per_ip_per_minute", limits.per_ip_per_minute.into()),
            ("limits.per_user_per_minute", limits.per_user_per_minute.into()),
            ("limits.login_per_ip_per_minute", limits.login_per_ip_per_minute.into()),
            ("limits.order_per_user_per_minute", limits.order_per_user_per_minute.into()),
            ("limits.phone_per_user_per_minute", limits.phone_per_user_per_minute.into()),
            ("limits.staff_sign_in_per_ip_per_minute", limits.staff_sign_in_per_ip_per_minute.into()),
            ("limits.redis_timeout_ms", limits.redis_timeout_ms),
            ("overload.requests_per_connection", overload.requests_per_connection.into()),
            ("overload.target_ms", overload.target_ms),
            ("overload.queue_ms", overload.queue_ms),
            ("database.connections_max", database.connections_max.into()),
            ("database.callback_connections", database.callback_connections.into()),
            ("database.acquire_timeout_ms", database.acquire_timeout_ms),
            ("database.lock_wait_seconds", database.lock_wait_seconds.into()),
            ("cache.timeout_ms", cache.timeout_ms),
            ("auth.access_minutes", auth.access_minutes),
            ("auth.staff_minutes", auth.staff_minutes),
            ("auth.refresh_days", auth.refresh_days),
            ("jobs.poll_ms", jobs.poll_ms),
            ("jobs.lease_seconds", jobs.lease_seconds),
            ("figures.minute_days", figures.minute_days),
            ("wechat.timeout_ms", wechat.timeout_ms),
            ("pay.timeout_ms", pay.timeout_ms),
        ];
        for (key, number) in positive {
            self.demand(number > 0, key, "more than 0 is expected");
        }
        for (position, one) in limits.routes.iter().enumerate() {
            let key = format!("limits.routes.{position}");
            self.demand(one.per_minute > 0, &format!("{key}.per_minute"), "more than 0 is expected");
            let form = one.route.split_once(' ').is_some_and(|(method, path)| {
                ["GET", "PUT", "POST", "DELETE"].contains(&method) && path.starts_with('/')
            });
            self.demand(form, &format!("{key}.route"), "a method and a path are expected, as in \"POST /v1/orders\"");
        }
        let often = (1..=60).contains(&pay.query_every_seconds);
        self.demand(often, "pay.query_every_seconds", "1 to 60 is expected");
        // Longer than an event may be late.
        let events = &config.events;
        self.demand((8..=3_650).contains(&events.retain_days), "events.retain_days", "8 to 3650 is expected");
        let room = (100..=1_000_000).contains(&events.waiting_max);
        self.demand(room, "events.waiting_max", "100 to 1000000 is expected");
        let ratio = (0.0..=1.0).contains(&config.telemetry.otlp_sample_ratio);
        self.demand(ratio, "telemetry.otlp_sample_ratio", "0 to 1 is expected");
        let apart = server.metrics_listen.is_none_or(|address| address.port() == 0 || address != server.listen);
        self.demand(apart, "server.metrics_listen", "another address than server.listen is expected");
        self.order(order);
        let named = jobs.queues.iter().all(|queue| is_queue(queue));
        self.demand(named, "jobs.queues", "names of up to 16 lower-case letters, digits, - and _ are expected");
        let ends = server.drain_ms < server.shutdown_timeout_ms;
        self.demand(ends, "server.shutdown_timeout_ms", "more than server.drain_ms is expected");
    }

    /// Bounds on both sides: a running shop changes these, and a slip must not reach the buyers.
    fn order(&mut self, order: &Order) {
        let Order { unpaid_minutes, lines_max, quantity_max, freight_fen, free_freight_from_fen, auto_receive_days } =
            order;
        // WeChat keeps a payment open for seven days at most.
        self.demand((1..=10_080).contains(unpaid_minutes), "order.unpaid_minutes", "1 to 10080 is expected");
        self.demand((1..=200).contains(lines_max), "order.lines_max", "1 to 200 is expected");
        self.demand((1..=100_000).contains(quantity_max), "order.quantity_max", "1 to 100000 is expected");
        let most = Fen::ORDER_MAX.0;
        for (key, fen) in [("order.freight_fen", freight_fen), ("order.free_freight_from_fen", free_freight_from_fen)] {
            self.demand((0..=most).contains(fen), key, format!("0 to {most} is expected"));
        }
        self.demand(*auto_receive_days <= 365, "order.auto_receive_days", "0 to 365 is expected");
    }

    fn addresses(&mut self, config: &Config) {
        let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter);
        self.demand(filter.is_ok(), "log.filter", "directives as in \"info,weizhan=debug\" are expected");
        let url = config.database.url.expose();
        let known = url.is_empty() || ["mysql://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme));
        self.demand(known, "database.url", "mysql://… or sqlite:… is expected");
        let url = config.cache.redis_url.expose();
        let known = url.is_empty() || ["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme));
        self.demand(known, "cache.redis_url", "redis://… or rediss://… is expected");
        self.demand(!config.storage.directory.as_os_str().is_empty(), "storage.directory", "a folder is expected");
        let traces = config.telemetry.otlp_endpoint.as_ref().map(|url| ("telemetry.otlp_endpoint", url));
        self.demand(config.cos.timeout_ms > 0, "cos.timeout_ms", "a positive number is expected");
        let others = [
            ("wechat.base_url", &config.wechat.base_url),
            ("pay.base_url", &config.pay.base_url),
            ("pay.notify_base_url", &config.pay.notify_base_url),
            ("cos.sts_base_url", &config.cos.sts_base_url),
        ];
        let bucket = config.cos.base_url.as_ref().map(|url| ("cos.base_url", url));
        let public = config.cos.public_base_url.as_ref().map(|url| ("cos.public_base_url", url));
        for (key, url) in others.into_iter().chain(traces).chain(bucket).chain(public) {
            let plain = url.query().is_none() && url.fragment().is_none() && matches!(url.scheme(), "http" | "https");
            self.demand(plain, key, "an http(s) address without ? and # is expected");
        }
    }

    fn keys(&mut self, config: &Config) {
        let Config { database, cache, storage, auth, privacy, .. } = config;
        self.demand(!database.url.is_empty(), "database.url", "is not set (nor database.url_file)");
        for (key, url) in [("database.url", &database.url), ("cache.redis_url", &cache.redis_url)] {
            // Not `is_sample`: a host or a database may well be called "example".
            let sample = SAMPLES.contains(url.expose()) || url.expose().contains("change-me");
            self.demand(!sample, key, "is the sample; put in the real password");
        }
        self.strong("auth.token_key", &auth.token_key);
        self.strong("privacy.data_key", &privacy.data_key);
        let apart = auth.token_key.is_empty() || auth.token_key != privacy.data_key;
        self.demand(apart, "privacy.data_key", "differs from auth.token_key, so that losing one does not lose both");
        if !storage.backup_key.is_empty() {
            self.strong("storage.backup_key", &storage.backup_key);
        }
        if !auth.previous_token_key.is_empty() {
            self.strong("auth.previous_token_key", &auth.previous_token_key);
        }
    }

    fn apps(&mut self, apps: &[App]) {
        self.demand(!apps.is_empty(), "wechat.apps", "at least one mini-program is expected");
        let mut seen = BTreeSet::new();
        for (position, app) in apps.iter().enumerate() {
            let key = format!("wechat.apps.{position}.appid");
            let form = app.appid.len() == 18 && app.appid.starts_with("wx");
            let form = form && app.appid.bytes().all(|byte| byte.is_ascii_alphanumeric());
            self.demand(form, &key, "wx and 16 letters and digits are expected");
            self.demand(seen.insert(&app.appid), &key, "is listed twice");
            self.strong(&format!("wechat.apps.{position}.secret"), &app.secret);
            self.push(&format!("wechat.apps.{position}"), app);
        }
    }

    /// What the console demands of the two keys of message push.
    fn push(&mut self, app_key: &str, app: &App) {
        let plain = |secret: &Secret| secret.expose().bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (token, aes) = (&app.push_token, &app.push_aes_key);
        let key = format!("{app_key}.push_token");
        let form = plain(token) && (3..=32).contains(&token.expose().len());
        self.demand(token.is_empty() || form, &key, "3 to 32 letters and digits are expected");
        self.demand(!token.is_empty() || aes.is_empty(), &key, "is not set beside push_aes_key");
        self.demand(token.is_empty() || !is_sample(token.expose()), &key, "is a sample; make one of your own");
        let key = format!("{app_key}.push_aes_key");
        let form = plain(aes) && aes.expose().len() == 43;
        self.demand(aes.is_empty() || form, &key, "the 43 letters and digits of EncodingAESKey are expected");
        if form {
            self.strong(&key, aes);
        }
    }

    fn merchant(&mut self, pay: &Pay) {
        let digits = !pay.mchid.is_empty() && pay.mchid.bytes().all(|byte| byte.is_ascii_digit());
        self.demand(digits, "pay.mchid", "the digits of the merchant number are expected");
        self.demand(!SAMPLES.contains(&pay.mchid), "pay.mchid", "is the sample");
        let hex = !pay.merchant_serial.is_empty() && pay.merchant_serial.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.demand(hex, "pay.merchant_serial", "the hexadecimal serial number of the certificate is expected");
        self.pem("pay.merchant_key", &pay.merchant_key, "PRIVATE KEY");
        for (key, secret) in
            [("pay.api_v3_key", &pay.api_v3_key), ("pay.previous_api_v3_key", &pay.previous_api_v3_key)]
        {
            if key == "pay.api_v3_key" || !secret.is_empty() {
                let exact = secret.expose().len() == 32 && secret.expose().is_ascii();
                self.demand(secret.is_empty() || exact, key, "exactly 32 ASCII characters are expected");
                self.strong(key, secret);
            }
        }
        let (id, public) = (&pay.public_key_id, &pay.public_key);
        if id.is_empty() && public.is_empty() {
            let message =
                "is not set and pay.platform_certificates is false; WeChat Pay's answers could not be verified";
            self.demand(pay.platform_certificates, "pay.public_key", message);
        } else {
            let form = id.starts_with("PUB_KEY_ID_") && !is_sample(id);
            self.demand(form, "pay.public_key_id", "PUB_KEY_ID_… of pay.public_key is expected");
            self.pem("pay.public_key", public, "PUBLIC KEY");
        }
        self.https("pay.notify_base_url", &pay.notify_base_url);
        self.demand(!is_sample(pay.notify_base_url.as_str()), "pay.notify_base_url", "is the sample");
    }

    /// A secret that was made by a machine and is published nowhere.
    pub(super) fn strong(&mut self, key: &str, secret: &Secret) {
        let text = secret.expose();
        let kinds = text.bytes().collect::<BTreeSet<_>>().len();
        let message = match text {
            "" => format!("is not set (nor {key}_file)"),
            _ if is_sample(text) => "is a sample; make one of your own".to_owned(),
            _ if text.len() < 32 => "32 bytes or more are expected".to_owned(),
            _ if kinds < 8 => "is not random".to_owned(),
            _ => return,
        };
        self.faults.add("", key, message);
    }

    /// The label alone; whether the key inside is good, the code that uses it says at start.
    fn pem(&mut self, key: &str, secret: &Secret, label: &str) {
        let text = secret.expose().trim();
        let framed = text.starts_with(&format!("-----BEGIN {label}-----"));
        let framed = framed && text.ends_with(&format!("-----END {label}-----"));
        let message = if text.is_empty() { format!("is not set (nor {key}_file)") } else { String::new() };
        self.demand(message.is_empty(), key, message);
        self.demand(text.is_empty() || framed, key, format!("PEM with the label {label} is expected"));
    }

    pub(super) fn https(&mut self, key: &str, url: &Url) {
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        self.demand(loopback || url.scheme() == "https", key, "https is expected");
    }
}
