//! Claims about the layers and the rules, as tables over [`Config::load_for`].

use super::*;
use std::path::{Path, PathBuf};

type Spoil = fn(&mut Config);

fn load(file: Option<&Path>, variables: &[(&str, &str)], options: &[(&str, &str)]) -> Result<Config, Faults> {
    let environment = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let options: Vec<_> = options.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    Config::load(file, environment, &options)
}

fn written(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Settings of a real shop, with keys that nobody uses.
fn shop() -> Config {
    let mut config = load(None, &[], &[]).unwrap();
    config.database.url = Secret::new("mysql://shop:Gk2m@db/shop");
    config.auth.token_key = Secret::new("n7Qd0aVw3xKf9sLzR5tYb1HcU8eJm4Pg");
    config.privacy.data_key = Secret::new("Zr6Xo2Ti8Wu4Ny0Ek5Bv9Cq1Ld3Sf7Ha");
    config.wechat.apps = vec![App {
        appid: "wx0123456789abcdef".into(),
        secret: Secret::new("0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
        ..App::default()
    }];
    config.pay.notify_base_url = "https://shop.weizhan.test".parse().unwrap();
    config.pay.mchid = "1712345678".into();
    config.pay.merchant_serial = "5F3A9C".into();
    config.pay.merchant_key = Secret::new("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n");
    config.pay.api_v3_key = Secret::new("aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zC");
    config.pay.public_key_id = "PUB_KEY_ID_01".into();
    config.pay.public_key = Secret::new("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n");
    config
}

fn faults_of(config: &Config, purpose: Purpose) -> Vec<String> {
    config.check(purpose).err().into_iter().flat_map(|faults| faults.0).map(|fault| fault.key).collect()
}

#[test]
fn a_later_layer_wins() {
    let directory = tempfile::tempdir().unwrap();
    let file = written(directory.path(), "shop.toml", "[node]\nid = 1\n[jobs]\nworkers = 7\npoll_ms = 70\n");
    let variables = [("WEIZHAN__NODE__ID", "2"), ("WEIZHAN__JOBS__WORKERS", "8"), ("PATH", "/bin")];
    let config = load(Some(&file), &variables, &[("node.id", "3")]).unwrap();
    assert_eq!((config.node.id, config.jobs.workers, config.jobs.poll_ms, config.jobs.keep_days), (Some(3), 8, 70, 14));
}

#[test]
fn a_node_has_a_number_of_its_own_or_takes_one() {
    let id = |text: &str| load(None, &[("WEIZHAN__NODE__ID", text)], &[]).map(|config| config.node.id);
    assert_eq!((id("auto"), id("0"), id("31")), (Ok(None), Ok(Some(0)), Ok(Some(31))));
    for text in ["32", "-1", "1.5", "one", ""] {
        assert!(id(text).is_err_and(|faults| faults.0[0].key == "node.id"), "{text}");
    }
    let shown = |id| {
        let mut config = shop();
        config.node.id = id;
        config.redacted()
    };
    assert!(shown(None).contains("id = \"auto\"") && shown(Some(4)).contains("id = 4"));
}

#[test]
fn a_variable_is_text_where_text_is_wanted() {
    let variables = [
        ("WEIZHAN__PAY__MCHID", "1900000109"),
        ("WEIZHAN__LOG__FORMAT", "pretty"),
        ("WEIZHAN__SERVER__LISTEN", "[::]:80"),
        ("WEIZHAN__SERVER__TRUSTED_PROXIES", "[\"10.0.0.1\"]"),
        ("WEIZHAN__DATABASE__ALLOW_UNSAFE", "true"),
        ("WEIZHAN__WECHAT__APPS__0__APPID", "1"),
        ("WEIZHAN__WECHAT__APPS__0__SECRET", "12345678"),
    ];
    let config = load(None, &variables, &[]).unwrap();
    assert_eq!(config.pay.mchid, "1900000109");
    assert_eq!(config.log.format, LogFormat::Pretty);
    assert_eq!(config.server.listen.to_string(), "[::]:80");
    assert!(
        config.server.trusted_proxies.contains(&[10, 0, 0, 1].into())
            && !config.server.trusted_proxies.contains(&[127, 0, 0, 1].into())
    );
    assert!(config.database.allow_unsafe);
    assert_eq!(config.wechat.apps[0].appid, "1");
    assert_eq!(config.wechat.apps[0].secret.expose(), "12345678");
}

#[test]
fn all_faults_are_told_at_once_each_with_its_place_and_key() {
    let directory = tempfile::tempdir().unwrap();
    let text = "zone = 1\n[node]\nid = 300\n\n[databse]\nurl = 'x'\n[server]\nlisten = 8080\nlisten_port = 1\n\
                [auth]\ntoken_key = 424242\n[[wechat.apps]]\nappid = 'a'\nsecrt = 'b'\n[[wechat.apps]]\nsecret = 'c'\n";
    let file = written(directory.path(), "shop.toml", text);
    let variables = [("WEIZHAN__JOBS__WORKERS", "many"), ("WEIZHAN__JOBS__WORKER", "1"), ("WEIZHAN__JOBS", "1")];
    let faults = load(Some(&file), &variables, &[("node.id", "x")]).unwrap_err();
    let told = faults.to_string().replace(directory.path().to_str().unwrap(), "");
    let expected = [
        ("/shop.toml:1: zone: ", "unknown key"),
        ("/shop.toml:3: node.id: ", "300"),
        ("/shop.toml:5: databse: ", "`database`"),
        ("/shop.toml:8: server.listen: ", "8080"),
        ("/shop.toml:9: server.listen_port: ", "`server.listen`"),
        ("/shop.toml:11: auth.token_key: ", "text is expected"),
        ("/shop.toml:12: wechat.apps[1]: ", "missing field `appid`"),
        ("/shop.toml:14: wechat.apps.0.secrt: ", "`wechat.apps.secret`"),
        ("environment WEIZHAN__JOBS: jobs: ", "section"),
        ("environment WEIZHAN__JOBS__WORKER: jobs.worker: ", "`jobs.workers`"),
        ("environment WEIZHAN__JOBS__WORKERS: jobs.workers: ", "many"),
        ("option: node.id: ", "neither `auto` nor 0 to 31"),
    ];
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{told}");
    for (start, part) in expected {
        assert!(lines.iter().any(|line| line.starts_with(start) && line.contains(part)), "{start}…{part} in\n{told}");
    }
    assert!(!told.contains("424242"), "a secret is not quoted");
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_without_its_text() {
    let directory = tempfile::tempdir().unwrap();
    let missing = load(Some(&directory.path().join("none.toml")), &[], &[]).unwrap_err().to_string();
    assert!(missing.contains("none.toml: cannot be read"), "{missing}");
    let file = written(directory.path(), "bad.toml", "[auth]\ntoken_key = 'hidden\n");
    let broken = load(Some(&file), &[], &[]).unwrap_err().to_string();
    assert!(broken.contains("bad.toml:2: ") && !broken.contains("hidden"), "{broken}");
}

#[test]
fn a_secret_comes_from_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| written(directory.path(), name, text).to_str().unwrap().to_owned();
    let (plain, windows) = (path("plain", "one\n\n"), path("windows", "two\r\n"));
    let file = format!("[auth]\ntoken_key_file = '{plain}'\n[[wechat.apps]]\nappid = 'a'\nsecret_file = '{windows}'\n");
    let file = written(directory.path(), "shop.toml", &file);
    let config = load(Some(&file), &[("WEIZHAN__PRIVACY__DATA_KEY_FILE", &plain)], &[]).unwrap();
    assert_eq!(config.auth.token_key.expose(), "one\n");
    assert_eq!(config.privacy.data_key.expose(), "one\n");
    assert_eq!(config.wechat.apps[0].secret.expose(), "two");

    let variables = [("WEIZHAN__AUTH__TOKEN_KEY", "three"), ("WEIZHAN__WECHAT__APPS__0__SECRET", "four")];
    let config = load(Some(&file), &variables, &[]).unwrap();
    assert_eq!(config.auth.token_key.expose(), "three", "a higher layer wins over a file of a lower one");
    assert_eq!(config.wechat.apps[0].secret.expose(), "four");

    let none = directory.path().join("none").to_str().unwrap().to_owned();
    let empty = path("empty", "\n");
    let variables = [
        ("WEIZHAN__AUTH__TOKEN_KEY", "three"),
        ("WEIZHAN__AUTH__TOKEN_KEY_FILE", plain.as_str()),
        ("WEIZHAN__PRIVACY__DATA_KEY_FILE", none.as_str()),
        ("WEIZHAN__DATABASE__URL_FILE", empty.as_str()),
    ];
    let faults = load(None, &variables, &[]).unwrap_err();
    let keys: Vec<&str> = faults.0.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["database.url_file", "auth.token_key_file", "privacy.data_key_file"], "{faults}");
}

#[test]
fn the_defaults_serve_nobody_and_the_example_neither() {
    let defaults = load(None, &[], &[]).unwrap();
    assert_eq!(faults_of(&defaults, Purpose::Dev), [""; 0]);
    let refused = faults_of(&defaults, Purpose::Serve);
    for key in ["database.url", "auth.token_key", "privacy.data_key", "wechat.apps", "pay.mchid", "pay.merchant_key"] {
        assert!(refused.iter().any(|refused| refused == key), "{key} is missing in {refused:?}");
    }

    let directory = tempfile::tempdir().unwrap();
    let file = written(directory.path(), "example.toml", EXAMPLE);
    let faults = Config::load_for(Purpose::Serve, Some(&file), std::iter::empty(), &[]).unwrap_err();
    let told: Vec<&str> = faults.0.iter().map(|fault| fault.key.as_str()).collect();
    let values = EXAMPLE.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')).count();
    for key in [
        "database.url",
        "cache.redis_url",
        "auth.token_key",
        "privacy.data_key",
        "wechat.apps.0.appid",
        "wechat.apps.0.secret",
        "pay.notify_base_url",
        "pay.mchid",
        "pay.merchant_serial",
        "pay.merchant_key_file",
        "pay.api_v3_key",
        "pay.public_key_id",
        "pay.public_key_file",
    ] {
        assert!(told.contains(&key), "{key} is accepted: {faults}");
    }
    assert_eq!(told.len(), values - 1, "all but storage.directory is told, each once: {faults}");
}

#[test]
fn a_real_server_refuses_what_is_unfit() {
    assert_eq!(shop().check(Purpose::Serve), Ok(()));
    let cases: [(&str, Spoil); 27] = [
        ("pay.query_every_seconds", |c| c.pay.query_every_seconds = 0),
        ("pay.query_every_seconds", |c| c.pay.query_every_seconds = 61),
        ("node.lease_ms", |c| c.node.lease_ms = 999),
        ("log.filter", |c| c.log.filter = "weizhan=loud".into()),
        ("server.body_timeout_ms", |c| c.server.body_timeout_ms = 0),
        ("server.shutdown_timeout_ms", |c| c.server.shutdown_timeout_ms = 1),
        ("order.quantity_max", |c| c.order.quantity_max = -1),
        ("order.freight_fen", |c| c.order.freight_fen = -1),
        ("database.url", |c| c.database.url = Secret::new("postgres://db/shop")),
        ("cache.redis_url", |c| c.cache.redis_url = Secret::new("http://redis")),
        ("auth.token_key", |c| c.auth.token_key = Secret::new("n7Qd0aVw3xKf9sLzR5tYb1HcU8eJm4P")),
        ("auth.previous_token_key", |c| c.auth.previous_token_key = Secret::new("a".repeat(64))),
        ("privacy.data_key", |c| c.privacy.data_key = c.auth.token_key.clone()),
        ("wechat.apps", |c| c.wechat.apps.clear()),
        ("wechat.apps.0.appid", |c| c.wechat.apps[0].appid = "wx1".into()),
        ("wechat.apps.1.appid", |c| c.wechat.apps.push(c.wechat.apps[0].clone())),
        ("wechat.apps.0.push_token", |c| c.wechat.apps[0].push_token = Secret::new("t k")),
        ("wechat.apps.0.push_token", |c| {
            c.wechat.apps[0].push_aes_key = Secret::new("kQ3vX8mB1nZ6cR5tY7uW2eP9aS4dF0gHjLkMoIpUqTz");
        }),
        ("wechat.apps.0.push_aes_key", |c| {
            c.wechat.apps[0].push_token = Secret::new("q7Rw2Tz9");
            c.wechat.apps[0].push_aes_key = Secret::new("kQ3vX8mB1nZ6cR5tY7uW2eP9aS4dF0gHjLkMoIpUqT");
        }),
        ("wechat.base_url", |c| c.wechat.base_url = "http://api.weixin.qq.com".parse().unwrap()),
        ("pay.notify_base_url", |c| c.pay.notify_base_url = "http://shop.weizhan.test".parse().unwrap()),
        ("pay.notify_base_url", |c| c.pay.notify_base_url = "https://shop.weizhan.test/?a=1".parse().unwrap()),
        ("pay.mchid", |c| c.pay.mchid = "17a".into()),
        ("pay.merchant_key", |c| c.pay.merchant_key = c.pay.public_key.clone()),
        ("pay.api_v3_key", |c| c.pay.api_v3_key = Secret::new("aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zCd")),
        ("pay.public_key_id", |c| c.pay.public_key_id.clear()),
        ("pay.public_key", |c| {
            c.pay.public_key_id.clear();
            c.pay.public_key = Secret::default();
        }),
    ];
    for (key, spoil) in cases {
        let mut config = shop();
        spoil(&mut config);
        assert_eq!(faults_of(&config, Purpose::Serve), [key]);
    }
    let mut config = shop();
    config.auth.token_key = Secret::new(format!("{DEV_MARK}-n7Qd0aVw3xKf9sLzR5tYb1HcU8eJm4Pg"));
    assert_eq!(faults_of(&config, Purpose::Serve), ["auth.token_key"], "a secret of `weizhan dev`");
    assert_eq!(faults_of(&config, Purpose::Dev), [""; 0]);
}

#[test]
fn a_bucket_that_is_used_is_checked() {
    let bucket = |config: &mut Config| {
        config.storage.kind = StorageKind::Cos;
        config.cos.bucket = "shop-1250000000".into();
        config.cos.region = "ap-guangzhou".into();
        config.cos.secret_id = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhE".into();
        config.cos.secret_key = Secret::new("Gu5t9xGARNpq86cd98joQYCN3Cozk1qA");
        config.cos.public_base_url = Some("https://pictures.weizhan.test".parse().unwrap());
        config.cos.cdn_key = Secret::new("dim4tm5evg");
    };
    let mut config = shop();
    config.cos.region = "?".into();
    assert_eq!(config.check(Purpose::Serve), Ok(()), "a folder needs no bucket");
    bucket(&mut config);
    assert_eq!(config.check(Purpose::Serve), Ok(()));
    let cases: [(&str, Spoil); 10] = [
        ("cos.bucket", |c| c.cos.bucket = "shop".into()),
        ("cos.bucket", |c| c.cos.bucket = "Shop-1250000000".into()),
        ("cos.bucket", |c| c.cos.bucket = "-1250000000".into()),
        ("cos.region", |c| c.cos.region.clear()),
        ("cos.secret_id", |c| c.cos.secret_id = "change-me".into()),
        ("cos.secret_key", |c| c.cos.secret_key = Secret::default()),
        ("cos.cdn_key", |c| c.cos.cdn_key = Secret::new("short")),
        ("cos.cdn_key", |c| c.cos.public_base_url = None),
        ("cos.base_url", |c| c.cos.base_url = Some("http://shop.weizhan.test".parse().unwrap())),
        ("cos.sts_base_url", |c| c.cos.sts_base_url = "https://sts.weizhan.test/?a=1".parse().unwrap()),
    ];
    for (key, spoil) in cases {
        let mut config = shop();
        bucket(&mut config);
        spoil(&mut config);
        assert_eq!(faults_of(&config, Purpose::Serve), [key]);
    }
}

#[test]
fn either_way_of_verifying_will_do_and_loopback_needs_no_tls() {
    let mut config = shop();
    config.pay.public_key_id.clear();
    config.pay.public_key = Secret::default();
    config.pay.platform_certificates = true;
    config.pay.notify_base_url = "http://127.0.0.1:8080".parse().unwrap();
    config.wechat.base_url = "http://localhost:9000".parse().unwrap();
    assert_eq!(config.check(Purpose::Serve), Ok(()));
}

#[test]
fn nothing_shows_a_secret() {
    let config = shop();
    let shown = format!("{}{config:?}", config.redacted());
    for secret in ["Gk2m", "n7Qd0aVw", "Zr6Xo2Ti", "0f1e2d3c", "BEGIN", "aB3dE5gH"] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
    assert!(shown.contains("token_key = \"(set)\"") && shown.contains("redis_url = \"(unset)\""), "{shown}");
    assert!(shown.contains("mchid = \"1712345678\""));
}
