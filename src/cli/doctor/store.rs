//! The database and Redis.

use super::finding::Finding;
use crate::{
    cache,
    cli::lang::Said,
    config::Config,
    data::{Database, Guards, Vitals},
    model::time::Timestamp,
};
use std::{path::Path, time::Duration};

/// How long the database may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// From here on clocks differ more than a network explains.
const SKEW_WARN_MS: u64 = 2_000;
/// From here on leases and tokens are at risk.
const SKEW_FAIL_MS: u64 = 60_000;

/// How the database of the settings is.
pub(super) async fn database(config: &Config, now: impl Fn() -> Timestamp) -> Vec<Finding> {
    let url = config.database.url.expose();
    let file = url.strip_prefix("sqlite:").map(|path| path.split('?').next().unwrap_or_default());
    let file = file.map(|path| percent_decoded(path.trim_start_matches("//")));
    if let Some(path) = file.filter(|path| !Path::new(path).exists()) {
        let found = (format!("{path} 还不存在"), format!("{path} is not there yet"));
        let act = Said::new(
            "首次启动时自动创建；若不是新店，检查 database.url",
            "it is made at the first start; if the shop is not new check database.url",
        );
        return vec![Finding::warning("database.reach", found, act)];
    }
    let asked = async {
        let database = Database::connect(&config.database, Guards::default()).await?;
        let vitals = database.vitals().await;
        database.close().await;
        vitals
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(vitals)) => judge(config, &vitals, now()),
        Ok(Err(error)) => vec![unreachable(&chain(&error))],
        Err(_) => vec![unreachable(&format!("no answer within {} s", PATIENCE.as_secs()))],
    }
}

fn percent_decoded(path: &str) -> String {
    path.replace("%3F", "?").replace("%23", "#").replace("%25", "%")
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

fn unreachable(why: &str) -> Finding {
    let found = (format!("数据库连不上：{why}"), format!("the database cannot be reached: {why}"));
    let act = Said::new(
        "检查 database.url 的主机、端口、用户、密码和库名，数据库是否在运行、是否允许本机连接",
        "check host, port, user, password and name in database.url, and that the server runs and lets this machine in",
    );
    Finding::failure("database.reach", found, act)
}

fn judge(config: &Config, vitals: &Vitals, now: Timestamp) -> Vec<Finding> {
    let mut all = vec![version(&vitals.version, vitals.connections.is_some())];
    all.extend(vitals.symptoms.iter().map(|symptom| {
        let found =
            (format!("{} 为 {}", symptom.setting, symptom.found), format!("{} is {}", symptom.setting, symptom.found));
        let act = Said::new(format!("改数据库设置 {}，否则断电会丢已确认的支付", symptom.setting), symptom.wanted);
        Finding::failure("database.durable", found, act)
    }));
    if vitals.symptoms.is_empty() {
        all.push(Finding::good("database.durable", "提交即落盘", "a commit is on the disk"));
    }
    if let Some(collation) = &vitals.collation {
        all.push(if collation.starts_with("utf8mb4") {
            Finding::good("database.collation", collation, collation)
        } else {
            let found =
                (format!("库的字符集排序是 {collation}"), format!("the collation of the database is {collation}"));
            let act = Said::new(
                "ALTER DATABASE … CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                "ALTER DATABASE … CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            );
            Finding::warning("database.collation", found, act)
        });
    }
    all.extend(vitals.connections.map(|(most, used)| room(config, most, used)));
    all.push(schema(vitals.pending));
    all.push(clock("clock.database", ("数据库", "the database"), now, vitals.now));
    all
}

/// Whether the server is one that the statements were run on.
fn version(text: &str, is_server: bool) -> Finding {
    let mut numbers = text.split(|symbol: char| !symbol.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (name, old) = match (is_server, text.contains("MariaDB")) {
        (false, _) => ("SQLite", false),
        (true, true) => ("MariaDB", (major, minor) < (10, 6)),
        (true, false) => ("MySQL", major < 8),
    };
    if old {
        let act = Said::new("升级到 MySQL 8.0 或 MariaDB 10.6 以上", "upgrade to MySQL 8.0 or MariaDB 10.6 at least");
        return Finding::failure(
            "database.version",
            (format!("{name} {text} 过旧"), format!("{name} {text} is too old")),
            act,
        );
    }
    Finding::good("database.version", format!("{name} {text}"), format!("{name} {text}"))
}

/// Whether the server has connections for this node and a second one beside it.
fn room(config: &Config, most: u32, used: u32) -> Finding {
    let each = config.database.connections_max + config.database.callback_connections;
    let nodes = most / each.max(1);
    let figures = (
        format!("max_connections {most}，已用 {used}，每节点 {each}：最多 {nodes} 个节点"),
        format!("max_connections {most}, used {used}, {each} a node: room for {nodes} nodes"),
    );
    let act = || {
        Said::new(
            "提高 max_connections，或降低 database.connections_max；滚动升级时新旧进程同时在",
            "raise max_connections or lower database.connections_max; while nodes are restarted old and new run together",
        )
    };
    match nodes {
        0 => Finding::failure("database.connections", figures, act()),
        1 => Finding::warning("database.connections", figures, act()),
        _ => Finding::good("database.connections", figures.0, figures.1),
    }
}

fn schema(pending: usize) -> Finding {
    if pending == 0 {
        return Finding::good("database.schema", "表结构是最新的", "the schema is that of this binary");
    }
    let found = (format!("有 {pending} 个迁移未执行"), format!("{pending} migrations have not run"));
    Finding::warning(
        "database.schema",
        found,
        Said::new("先备份，再运行 weizhan migrate", "back up, then run weizhan migrate"),
    )
}

/// How far two clocks are apart.
pub(super) fn clock(check: &'static str, other: (&str, &str), here: Timestamp, there: Timestamp) -> Finding {
    let apart = here.0.abs_diff(there.0);
    let seconds = format!("{}.{:03}", apart / 1000, apart % 1000);
    let found = (
        format!("本机与{}的时钟相差 {seconds} 秒", other.0),
        format!("this clock and that of {} are {seconds} s apart", other.1),
    );
    let act = || {
        Said::new(
            "用 NTP（chrony）校准；相差 5 分钟微信支付就拒绝签名",
            "keep it by NTP (chrony); five minutes apart WeChat Pay refuses every signature",
        )
    };
    match apart {
        SKEW_FAIL_MS.. => Finding::failure(check, found, act()),
        SKEW_WARN_MS.. => Finding::warning(check, found, act()),
        _ => Finding::good(check, found.0, found.1),
    }
}

/// How the Redis of the settings is.
pub(super) async fn redis(config: &Config) -> Vec<Finding> {
    let url = &config.cache.redis_url;
    if url.is_empty() {
        let zh = "没有 Redis：单节点只用内存即可";
        return vec![Finding::good("redis.reach", zh, "no Redis: memory alone is right for one node")];
    }
    match cache::doctor::examine(url).await {
        Ok(vitals) => judge_redis(&vitals),
        Err(why) => {
            let found = (format!("Redis 连不上：{why}"), format!("Redis cannot be reached: {why}"));
            let act = Said::new(
                "检查 cache.redis_url 的主机、端口、密码；没有 Redis 也能服务，只是慢，限流只按单节点算",
                "check host, port and password in cache.redis_url; the shop serves without it, slower, and limits count per node",
            );
            vec![Finding::failure("redis.reach", found, act)]
        }
    }
}

fn judge_redis(vitals: &cache::doctor::Vitals) -> Vec<Finding> {
    let version = &vitals.version;
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap_or(0);
    let mut all = vec![if major < 6 {
        let act = Said::new("升级到 Redis 6 以上（RESP3）", "upgrade to Redis 6 at least (RESP3)");
        Finding::failure("redis.version", (format!("Redis {version} 过旧"), format!("Redis {version} is too old")), act)
    } else {
        Finding::good("redis.version", format!("Redis {version}"), format!("Redis {version}"))
    }];
    let policy = &vitals.maxmemory_policy;
    all.push(if vitals.maxmemory_bytes > 0 && policy == "noeviction" {
        let found = (
            format!("内存上限 {} 字节，满了就报错（noeviction）", vitals.maxmemory_bytes),
            format!("full memory ({} bytes) is an error (noeviction)", vitals.maxmemory_bytes),
        );
        Finding::warning(
            "redis.memory",
            found,
            Said::new("设 maxmemory-policy allkeys-lru", "set maxmemory-policy allkeys-lru"),
        )
    } else {
        Finding::good("redis.memory", format!("maxmemory-policy {policy}"), format!("maxmemory-policy {policy}"))
    });
    if vitals.persists {
        let found = ("Redis 在写盘", "Redis writes to disk");
        let act = Said::new(
            "这里只有热数据，可关闭 save 与 appendonly",
            "there are only copies in it: save and appendonly may be off",
        );
        all.push(Finding::warning("redis.persistence", found, act));
    }
    all.push(if vitals.tracks {
        Finding::good("redis.tracking", "支持失效通知", "it tells of changed keys")
    } else {
        let found = ("CLIENT TRACKING 被拒绝", "CLIENT TRACKING is refused");
        let act = Said::new(
            "给账号 +client 权限；代理型 Redis 常不支持，失效改走较慢的路",
            "give the account +client; behind a proxy it is often missing, and changes arrive a slower way",
        );
        Finding::warning("redis.tracking", found, act)
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::doctor::finding::Level, config::Purpose, data::Symptom};

    fn levels(findings: &[Finding]) -> Vec<(&'static str, Level)> {
        let bad = findings.iter().filter(|finding| finding.level != Level::Good);
        bad.map(|finding| (finding.check, finding.level)).collect()
    }

    fn config() -> Config {
        Config::load_for(Purpose::Dev, None, std::iter::empty(), &[]).expect("defaults")
    }

    #[test]
    fn each_broken_thing_of_a_database_is_found_alone() {
        let now = Timestamp(1_795_000_000_000);
        let well = Vitals {
            version: "8.4.2".to_owned(),
            now,
            collation: Some("utf8mb4_bin".to_owned()),
            connections: Some((200, 10)),
            symptoms: vec![],
            pending: 0,
        };
        let config = config();
        let found = |vitals: Vitals| levels(&judge(&config, &vitals, now));
        assert_eq!(found(well.clone()), []);
        let symptom = Symptom { setting: "sync_binlog", found: "0".to_owned(), wanted: "1" };
        assert_eq!(found(Vitals { symptoms: vec![symptom], ..well.clone() }), [("database.durable", Level::Failure)]);
        let old = |version: &str| found(Vitals { version: version.to_owned(), ..well.clone() });
        assert_eq!((old("5.7.44"), old("10.11.6-MariaDB")), (vec![("database.version", Level::Failure)], vec![]));
        assert_eq!(old("10.3.39-MariaDB"), [("database.version", Level::Failure)]);
        let latin = Some("latin1_swedish_ci".to_owned());
        assert_eq!(found(Vitals { collation: latin, ..well.clone() }), [("database.collation", Level::Warning)]);
        let room = |most| found(Vitals { connections: Some((most, 1)), ..well.clone() });
        assert_eq!(
            (room(20), room(30)),
            (vec![("database.connections", Level::Failure)], vec![("database.connections", Level::Warning)])
        );
        assert_eq!(found(Vitals { pending: 2, ..well.clone() }), [("database.schema", Level::Warning)]);
        let skew = |ms| found(Vitals { now: Timestamp(now.0 + ms), ..well.clone() });
        assert_eq!(
            (skew(-3_000), skew(61_000)),
            (vec![("clock.database", Level::Warning)], vec![("clock.database", Level::Failure)])
        );
    }

    #[test]
    fn each_broken_thing_of_a_redis_is_found_alone() {
        let well = cache::doctor::Vitals {
            version: "7.2.4".to_owned(),
            maxmemory_policy: "allkeys-lru".to_owned(),
            maxmemory_bytes: 1 << 28,
            persists: false,
            tracks: true,
        };
        let found = |vitals: cache::doctor::Vitals| levels(&judge_redis(&vitals));
        assert_eq!(found(well.clone()), []);
        assert_eq!(
            found(cache::doctor::Vitals { version: "5.0.1".to_owned(), ..well.clone() }),
            [("redis.version", Level::Failure)]
        );
        let full = cache::doctor::Vitals { maxmemory_policy: "noeviction".to_owned(), ..well.clone() };
        assert_eq!(found(full), [("redis.memory", Level::Warning)]);
        assert_eq!(
            found(cache::doctor::Vitals { persists: true, ..well.clone() }),
            [("redis.persistence", Level::Warning)]
        );
        assert_eq!(found(cache::doctor::Vitals { tracks: false, ..well }), [("redis.tracking", Level::Warning)]);
    }
}
