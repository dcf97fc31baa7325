//! Claimed: `weizhan doctor` finds nothing wrong with what is well, and whatever is broken, that and no other.

use crate::support::{
    Backend,
    app::APPS,
    backend,
    node::Deployment,
    servers::{Folder, process::free_port},
};
use serde_json::Value;
use std::{collections::BTreeMap, process::Command};

/// The levels of all findings by name, the worse of several; and whether the command failed.
async fn examine(deployment: &Deployment, changes: &[(&str, &str)]) -> (BTreeMap<String, String>, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weizhan"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIZHAN__")) {
        command.env_remove(name);
    }
    let changes = changes.iter().map(|(key, value)| (*key, (*value).to_owned()));
    for (key, value) in deployment.settings.iter().cloned().chain(changes) {
        command.env(format!("WEIZHAN__{}", key.replace('.', "__").to_ascii_uppercase()), value);
    }
    command.args(["doctor", "--json"]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("ended").expect("our own program");
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let mut levels = BTreeMap::new();
    for finding in told["findings"].as_array().expect("findings") {
        let level = finding["level"].as_str().expect("a level").to_owned();
        let has_remedy = finding["remedy"]["zh"].is_string() && finding["remedy"]["en"].is_string();
        assert_eq!(has_remedy, level != "good", "{finding}");
        let entry: &mut String = levels.entry(finding["check"].as_str().expect("a name").to_owned()).or_default();
        let rank = |level: &str| ["good", "warning", "failure"].iter().position(|known| *known == level);
        if rank(&level) > rank(entry) {
            *entry = level;
        }
    }
    assert_eq!(told["healthy"], output.status.success());
    (levels, !output.status.success())
}

/// What differs from a shop that is well: findings and their levels.
fn worse(well: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Vec<String> {
    let differs = found.iter().filter(|(check, level)| *level != "good" && well.get(*check) != Some(level));
    differs.map(|(check, level)| format!("{check} {level}")).collect()
}

#[tokio::test]
async fn each_broken_thing_is_found_and_nothing_else() {
    let deployment = Deployment::new().await;
    let node = deployment.serve();
    let (well, failed) = examine(&deployment, &[]).await;
    let bad: Vec<_> = well.iter().filter(|(_, level)| *level != "good").collect();
    assert!(!failed && bad.is_empty(), "{bad:?}");
    for check in [
        "database.durable",
        "database.schema",
        "clock.wechat",
        "wechat.secret",
        "pay.merchant_key",
        "pay.api_v3_key",
        "pay.public_key",
        "pay.certificate",
        "notify.reach",
        "disk.writable",
    ] {
        assert_eq!(well.get(check).map(String::as_str), Some("good"), "{check}: {well:?}");
    }
    let (nowhere, folder) = (format!("http://127.0.0.1:{}", free_port()), Folder::new("doctor"));
    let another = rsa_key();
    let apps = |secret: &str| format!("[{{ appid = '{}', secret = '{secret}' }}]", APPS[0].0);
    let file = folder.path().join("a file");
    std::fs::write(&file, "").expect("written");
    let below_a_file = file.join("objects").display().to_string();
    for (key, value, expected) in [
        ("wechat.apps", apps("another-secret-of-this-mini-program").as_str(), "wechat.secret failure"),
        ("pay.merchant_serial", "00AA", "pay.merchant_key failure"),
        ("pay.merchant_key", another.0.as_str(), "pay.merchant_key failure"),
        ("pay.api_v3_key", "vutsrqponmlkjihgfedcba9876543210", "pay.api_v3_key failure"),
        ("pay.public_key", another.1.as_str(), "pay.public_key failure"),
        ("pay.public_key_id", "PUB_KEY_ID_9999", "pay.public_key failure"),
        ("pay.notify_base_url", "https://shop.invalid", "notify.reach failure"),
        (
            "pay.notify_base_url",
            "http://shop.invalid",
            "notify.address failure, notify.reach failure, settings failure",
        ),
        ("log.filter", "=", "settings failure"),
        ("pay.base_url", nowhere.as_str(), "pay.merchant_key failure, pay.reach failure"),
        ("wechat.base_url", nowhere.as_str(), "wechat.reach failure, wechat.secret failure"),
        ("storage.directory", below_a_file.as_str(), "disk.writable failure"),
        ("server.connections_max", "100000000", "process.files warning"),
        ("cache.redis_url", "redis://:secret-of-redis@127.0.0.1:1/0", "redis.reach failure"),
        ("database.url", "mysql://nobody:secret-of-database@127.0.0.1:1/none", "database.reach failure"),
    ] {
        let (found, failed) = examine(&deployment, &[(key, value)]).await;
        assert_eq!(worse(&well, &found).join(", "), expected, "{key}");
        assert_eq!(failed, expected.contains("failure"), "{key}");
    }
    drop(node);
}

#[tokio::test]
async fn a_laptop_that_is_well_is_told_so_in_the_language_that_is_asked_for() {
    if backend() != Backend::Sqlite {
        return;
    }
    let folder = Folder::new("laptop");
    let shop = crate::support::servers::ServerProcess::weizhan(&["dev", "--port", "0"], &[], folder.path());
    let mut shop = shop;
    let ready = shop_is_open(&mut shop);
    assert!(ready, "{}", shop.log());
    let run = |arguments: &'static [&'static str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_weizhan"))
            .args(["--config", ".weizhan/config.toml", "doctor"])
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .expect("our own program");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (well, both) = run(&[]);
    assert!(well && both.contains("0 项失败") && both.contains("0 failed") && !both.contains('\u{1b}'), "{both}");
    let (_, en) = run(&["--lang", "en"]);
    assert!(en.contains("0 failed") && !en.contains("项失败"), "{en}");
}

fn shop_is_open(shop: &mut crate::support::servers::ServerProcess) -> bool {
    let log = |shop: &crate::support::servers::ServerProcess| shop.log().contains("开店了");
    let started = std::time::Instant::now();
    while !log(shop) && shop.has_ended().is_none() && started.elapsed() < std::time::Duration::from_mins(1) {
        std::thread::yield_now();
    }
    log(shop)
}

/// A private key of somebody else, and its public half.
fn rsa_key() -> (String, String) {
    let (key, pem) = weizhan::wechat::pay::sign::PrivateKey::generate().expect("a key");
    (pem, key.public_key_pem())
}
