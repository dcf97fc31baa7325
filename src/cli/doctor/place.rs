//! Where the shop stands: its public address, certificate and domains, the disk, the files it may open.

use super::finding::Finding;
use crate::{cli::lang::Said, config::Config, model::time::Timestamp};
use reqwest::tls::TlsInfo;
use std::{path::Path, time::Duration};
use url::{Host, Url};

/// How long the public address may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// A certificate that ends sooner is warned about, and failed when it is over.
const END_WARN_DAYS: i64 = 21;
/// A disk with less is full.
const DISK_FAIL_BYTES: u64 = 100 << 20;
/// A disk with less will soon be.
const DISK_WARN_BYTES: u64 = 1 << 30;
/// Files beside connections: the database, WeChat, logs.
const FILES_BESIDE: u64 = 256;

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// What WeChat demands of the address that it calls. Official page: 支付通知 (`notify_url`).
pub(super) fn notify_rules(url: &Url) -> Vec<Finding> {
    const CHECK: &str = "notify.address";
    if is_loopback(url) {
        let zh = format!("{url} 是本机：只有模拟微信能回调");
        return vec![Finding::good(CHECK, zh, format!("{url} is this machine: only the simulator can call"))];
    }
    let mut all = Vec::new();
    let mut fail = |zh: &str, en: &str, act: Said| {
        all.push(Finding::failure(CHECK, (format!("{url} {zh}"), format!("{url} {en}")), act));
    };
    if url.scheme() != "https" {
        fail("不是 https", "is not https", Said::new("微信只回调 https", "WeChat calls https alone"));
    }
    if !matches!(url.host(), Some(Host::Domain(_))) {
        fail(
            "不是域名",
            "is no domain",
            Said::new("用备案过的域名，不能用 IP", "use a registered domain, not an address"),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        fail("带有参数", "has a query", Said::new("notify_url 不能带参数", "a notify_url has no query"));
    }
    if url.port().is_some() {
        let found = (format!("{url} 带端口"), format!("{url} names a port"));
        let act = Said::new(
            "用默认的 443 端口：小程序合法域名与回调都更稳",
            "use port 443: domains of a mini-program and callbacks expect it",
        );
        all.push(Finding::warning(CHECK, found, act));
    }
    if all.is_empty() {
        all.push(Finding::good(CHECK, url.as_str(), url.as_str()));
    }
    all
}

/// What to enter in the mini-program's console.
pub(super) fn domains(url: &Url) -> Finding {
    const CHECK: &str = "notify.domains";
    let Some(Host::Domain(host)) = url.host().filter(|_| !is_loopback(url)) else {
        let zh = "本机地址不能登记为合法域名：开发者工具里勾选“不校验合法域名”";
        return Finding::good(
            CHECK,
            zh,
            "this machine cannot be registered: tick 不校验合法域名 in the developer tools",
        );
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let list = format!(
        "request https://{host}{port} · uploadFile https://{host}{port} · downloadFile https://{host}{port} · socket wss://{host}{port}"
    );
    Finding::good(
        CHECK,
        format!("在小程序后台 → 开发管理 → 服务器域名 登记（需备案）：{list}"),
        format!("enter in the mini-program's console under 服务器域名: {list}"),
    )
}

/// Whether the public address answers with a certificate that phones trust, and until when.
pub(super) async fn public(url: &Url, now: Timestamp) -> Vec<Finding> {
    const CHECK: &str = "notify.reach";
    let asked = url.join("/healthz").unwrap_or_else(|_| url.clone());
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).tls_info(true);
    let answer = match client.build() {
        Ok(client) => client.get(asked).send().await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) => {
            let status = answer.status();
            let mut all = vec![if status.is_success() {
                Finding::good(CHECK, format!("{url} 有应答"), format!("{url} answers"))
            } else {
                let found = (format!("{url}healthz 回答 {status}"), format!("{url}healthz answers {status}"));
                let act = Said::new(
                    "检查 nginx 的 server_name 与 upstream，节点是否在运行",
                    "check server_name and upstream of nginx, and that the nodes run",
                );
                Finding::warning(CHECK, found, act)
            }];
            let certificate = answer.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
            let parsed = certificate.and_then(|der| x509_parser::parse_x509_certificate(der).ok());
            all.extend(parsed.map(|(_, certificate)| {
                let end = Timestamp::from_seconds(certificate.validity().not_after.timestamp());
                ending("notify.certificate", url.host_str().unwrap_or_default(), end, now)
            }));
            all
        }
        Err(error) => {
            let why = causes(&error);
            let found = (format!("{url} 从本机访问失败：{why}"), format!("{url} cannot be reached from here: {why}"));
            let act = Said::new(
                "检查域名解析、443 端口、证书链是否完整有效；若只是本机绕不回公网，可在外网测试",
                "check the name, port 443, and that the certificate is valid with its whole chain; if only this machine cannot come back to itself, try from outside",
            );
            vec![if is_loopback(url) {
                Finding::warning(CHECK, found, act)
            } else {
                Finding::failure(CHECK, found, act)
            }]
        }
    }
}

/// The causes below a failed request; its own line only repeats the address.
fn causes(error: &reqwest::Error) -> String {
    let mut parts = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        parts.push(source.to_string());
        next = source.source();
    }
    parts.dedup();
    if parts.is_empty() { "no answer".to_owned() } else { parts.join(": ") }
}

/// When a certificate ends.
pub(super) fn ending(check: &'static str, name: &str, end: Timestamp, now: Timestamp) -> Finding {
    let days = (end.0 - now.0).div_euclid(86_400_000);
    let date = end.rfc3339();
    let act = || {
        Said::new(
            "换新证书（平台证书由微信自动更换，确认 pay.platform_certificates 能下载）",
            "renew it (WeChat renews platform certificates by itself: see that they can be fetched)",
        )
    };
    match days {
        ..0 => Finding::failure(
            check,
            (format!("{name} 的证书已于 {date} 到期"), format!("the certificate of {name} ended at {date}")),
            act(),
        ),
        0..END_WARN_DAYS => Finding::warning(
            check,
            (format!("{name} 的证书 {days} 天后到期"), format!("the certificate of {name} ends in {days} days")),
            act(),
        ),
        _ => Finding::good(
            check,
            format!("{name} 的证书有效到 {date}"),
            format!("the certificate of {name} is valid until {date}"),
        ),
    }
}

/// The folder of objects: whether it can be written to, and how much room there is.
pub(super) fn disk(config: &Config) -> Vec<Finding> {
    let folder = &config.storage.directory;
    // What is not there yet will be made below the first folder that is.
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let mut all = vec![match tempfile::tempfile_in(there) {
        Ok(_) => Finding::good(
            "disk.writable",
            format!("{} 可写", folder.display()),
            format!("{} can be written to", folder.display()),
        ),
        Err(error) => {
            let found = (
                format!("{} 写不进去：{error}", there.display()),
                format!("{} cannot be written to: {error}", there.display()),
            );
            let act = Said::new("把目录交给运行 weizhan 的用户", "give the folder to the user that runs weizhan");
            Finding::failure("disk.writable", found, act)
        }
    }];
    #[cfg(unix)]
    if let Ok(disk) = rustix::fs::statvfs(there) {
        all.push(room(disk.f_bavail.saturating_mul(disk.f_frsize)));
    }
    all
}

fn room(bytes: u64) -> Finding {
    let text = format!("{}.{} GiB", bytes >> 30, ((bytes & ((1 << 30) - 1)) * 10) >> 30);
    let found = (format!("磁盘剩余 {text}"), format!("{text} of the disk are free"));
    let act =
        || Said::new("清理或扩容；磁盘满了数据库也会停", "free some or enlarge it; a full disk stops the database too");
    match bytes {
        ..DISK_FAIL_BYTES => Finding::failure("disk.room", found, act()),
        DISK_FAIL_BYTES..DISK_WARN_BYTES => Finding::warning("disk.room", found, act()),
        _ => Finding::good("disk.room", found.0, found.1),
    }
}

/// How many files this process may open; nothing where that is not known.
pub(super) fn files(config: &Config) -> Option<Finding> {
    let limit = open_files()?;
    Some(enough_files(
        (limit < u64::MAX).then_some(limit),
        u64::try_from(config.server.connections_max).unwrap_or(u64::MAX),
    ))
}

/// The limit, the largest number when there is none; `None` on systems that have no such thing.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there is nothing to tell")]
fn open_files() -> Option<u64> {
    Some(rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX))
}
#[cfg(not(unix))]
fn open_files() -> Option<u64> {
    None
}

fn enough_files(limit: Option<u64>, connections: u64) -> Finding {
    let wanted = connections.saturating_add(FILES_BESIDE);
    let shown = limit.map_or_else(|| "∞".to_owned(), |limit| limit.to_string());
    let found =
        (format!("可打开文件 {shown}，需要 {wanted}"), format!("{shown} files may be open, {wanted} are needed"));
    if limit.is_some_and(|limit| limit < wanted) {
        let act = Said::new(
            "systemd 用 LimitNOFILE=65536，容器用 ulimits，或降低 server.connections_max",
            "LimitNOFILE=65536 in systemd, ulimits in a container, or a lower server.connections_max",
        );
        return Finding::warning("process.files", found, act);
    }
    Finding::good("process.files", found.0, found.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Level;

    #[test]
    fn an_address_that_wechat_would_not_call_is_named() {
        let levels =
            |url: &str| notify_rules(&url.parse().expect("url")).iter().map(|one| one.level).collect::<Vec<_>>();
        assert_eq!(levels("https://shop.test"), [Level::Good]);
        assert_eq!(levels("http://shop.test"), [Level::Failure]);
        assert_eq!(levels("https://203.0.113.7"), [Level::Failure]);
        assert_eq!(levels("https://shop.test/?a=1"), [Level::Failure]);
        assert_eq!(levels("https://shop.test:8443"), [Level::Warning]);
        assert_eq!(levels("http://127.0.0.1:8080"), [Level::Good]);
        let told = domains(&"https://shop.test".parse().expect("url")).found;
        assert!(told.zh.contains("wss://shop.test") && told.en.contains("uploadFile https://shop.test"), "{told}");
    }

    #[test]
    fn ends_rooms_and_files_are_judged() {
        let now = Timestamp(1_795_000_000_000);
        let after = |days: i64| ending("a.b", "x", Timestamp(now.0 + days * 86_400_000), now).level;
        assert_eq!(
            [after(-1), after(0), after(20), after(21)],
            [Level::Failure, Level::Warning, Level::Warning, Level::Good]
        );
        assert_eq!(
            [room(1 << 20).level, room(1 << 29).level, room(1 << 31).level],
            [Level::Failure, Level::Warning, Level::Good]
        );
        let files = |limit| enough_files(limit, 10_000).level;
        assert_eq!([files(Some(1024)), files(Some(65_536)), files(None)], [Level::Warning, Level::Good, Level::Good]);
    }
}
