//! Claimed: what `deploy` writes for Docker, Kubernetes, Cloud Run and systemd names settings, ports and paths that exist.

use crate::{contract::openapi::operations, support::servers::Folder};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, process::Command};
use weizhan::config::Config;

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)).expect(path)
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What is wrong with these variables, apart from files that are not here.
#[track_caller]
fn faults(variables: &[(String, String)], file: Option<&Path>) -> Vec<String> {
    let loaded = Config::load(file, variables.iter().cloned(), &[]);
    let faults = loaded.err().map(|faults| faults.0).unwrap_or_default();
    let here = |message: &str| !message.contains("cannot be read: No such file");
    faults.iter().filter(|fault| here(&fault.message)).map(ToString::to_string).collect()
}

#[test]
fn a_variable_that_no_setting_knows_would_be_seen() {
    let wrong = [("WEIZHAN__SERVER__LISTN".to_owned(), "0.0.0.0:1".to_owned())];
    assert_eq!(faults(&wrong, None).len(), 1);
}

#[test]
fn compose_runs_three_nodes_whose_settings_exist() {
    let compose = yaml("compose.yaml");
    let services = compose["services"].as_object().expect("services");
    // As deploy/README.md has it written beside.
    let folder = Folder::new("compose");
    let settings = folder.path().join("weizhan.toml");
    std::fs::write(&settings, "[[wechat.apps]]\nappid = 'wx1'\n").expect("written");
    for node in ["node0", "node1", "node2"] {
        let variables = services[node]["environment"].as_object().unwrap_or_else(|| panic!("{node}"));
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        assert!(variables.len() > 10, "{variables:?}");
        assert_eq!(faults(&variables, Some(&settings)), Vec::<String>::new());
        assert!(!variables.iter().any(|(name, _)| name.contains("NODE__ID")), "a node takes a number by itself");
        assert!(file("upstream.conf").contains(&format!("server {node}:8080 max_fails=0;")));
        assert!(file("prometheus/prometheus.yml").contains(&format!("{node}:9464")));
        let secrets = compose["secrets"].as_object().expect("secrets");
        for (_, path) in variables.iter().filter(|(name, _)| name.ends_with("_FILE")) {
            let name = path.rsplit('/').next().unwrap_or_default();
            assert!(secrets.contains_key(name), "{name}");
        }
    }
    let variables = services["node0"]["environment"].clone();
    assert_eq!(
        (text(&variables["WEIZHAN__SERVER__LISTEN"]), text(&variables["WEIZHAN__SERVER__METRICS_LISTEN"])),
        ("0.0.0.0:8080".to_owned(), "0.0.0.0:9464".to_owned())
    );
    // What is mounted is there.
    let mut mounted = 0;
    for service in services.values() {
        for volume in service["volumes"].as_array().into_iter().flatten().map(text) {
            let from = volume.split(':').next().unwrap_or_default().to_owned();
            if let Some(path) =
                from.strip_prefix("./").filter(|path| !path.starts_with("secrets/") && *path != "weizhan.toml")
            {
                mounted += 1;
                assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path).exists(), "{path}");
            }
        }
    }
    assert!(mounted >= 6, "{mounted}");
}

#[test]
fn kubernetes_asks_paths_and_names_settings_and_secrets_that_exist() {
    let list = yaml("kubernetes/kustomization.yaml");
    let names: Vec<String> = list["resources"].as_array().expect("resources").iter().map(text).collect();
    let all: BTreeMap<String, Value> =
        names.iter().map(|name| (name.clone(), yaml(&format!("kubernetes/{name}")))).collect();
    assert_eq!(all.len(), 10);
    for (name, manifest) in &all {
        assert!(manifest["kind"].is_string() && manifest["metadata"]["name"].is_string(), "{name}");
    }
    let folder = Folder::new("kubernetes");
    let settings = folder.path().join("weizhan.toml");
    std::fs::write(&settings, text(&all["config.yaml"]["data"]["weizhan.toml"])).expect("written");
    let secrets = all["secret.yaml"]["stringData"].as_object().expect("secrets");
    let paths: Vec<String> = operations().into_iter().map(|operation| operation.path).collect();
    for name in ["deployment.yaml", "migrate.yaml"] {
        let container = &all[name]["spec"]["template"]["spec"]["containers"][0];
        let variables = container["env"].as_array().expect("env").iter();
        let variables: Vec<_> = variables.map(|one| (text(&one["name"]), text(&one["value"]))).collect();
        assert_eq!(faults(&variables, Some(&settings)), Vec::<String>::new(), "{name}");
        for (_, path) in &variables {
            let key = path.rsplit('/').next().unwrap_or_default();
            assert!(secrets.contains_key(key), "{key} of {name} is in no secret");
        }
    }
    let config = Config::load(Some(&settings), std::iter::empty(), &[]).expect("settings");
    let container = &all["deployment.yaml"]["spec"]["template"]["spec"]["containers"][0];
    let ports: BTreeMap<String, u64> = container["ports"]
        .as_array()
        .expect("ports")
        .iter()
        .map(|port| (text(&port["name"]), port["containerPort"].as_u64().expect("a port")))
        .collect();
    assert_eq!(ports["http"], u64::from(config.server.listen.port()));
    assert_eq!(Some(ports["metrics"]), config.server.metrics_listen.map(|address| address.port().into()));
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let get = &container[probe]["httpGet"];
        assert!(paths.contains(&text(&get["path"])) && get["port"] == "http", "{probe}");
    }
    // A pod is given the time that a node takes to end, after its preStop.
    let grace =
        all["deployment.yaml"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64().expect("seconds");
    assert!(grace * 1000 > 5_000 + config.server.shutdown_timeout_ms);
    let minimum = all["autoscaler.yaml"]["spec"]["minReplicas"].as_u64().expect("a number");
    assert!(all["disruption.yaml"]["spec"]["minAvailable"].as_u64().expect("a number") < minimum);
    assert_eq!(all["service.yaml"]["spec"]["ports"][0]["targetPort"], "http");
    // The placeholders serve nobody.
    assert!(secrets.values().all(|value| text(value).contains("change-me")));
}

#[test]
fn cloud_run_is_given_settings_that_exist() {
    let written = file("cloudrun/container.config.json");
    let plain: Vec<&str> = written.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let config: Value = serde_json::from_str(&plain.join("\n")).expect("JSON but for its comments");
    let variables = config["envParams"].as_object().expect("variables");
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    assert_eq!(faults(&variables, None), Vec::<String>::new());
    let settings = Config::load(None, variables.into_iter(), &[]).expect("settings");
    assert!(settings.server.cloud_run);
    assert_eq!(config["containerPort"].as_u64(), Some(settings.server.listen.port().into()));
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(text(&config["dockerfilePath"])).is_file());
    let readme = file("cloudrun/README.md");
    let named = readme.split('`').filter(|word| word.starts_with("WEIZHAN__"));
    let named: Vec<_> = named.map(|name| (name.to_owned(), "x".to_owned())).collect();
    assert!(named.len() >= 9);
    let unknown: Vec<_> = faults(&named, None).into_iter().filter(|fault| fault.contains("unknown key")).collect();
    assert_eq!(unknown, Vec::<String>::new());
}

/// One node or several on a machine: apart from the port they are locked down alike.
#[test]
fn units_are_the_same_and_systemd_reads_them() {
    let (one, many) = (file("weizhan.service"), file("weizhan@.service"));
    let lines = |unit: &str| {
        let differ = ["Description", "Requires", "After=weizhan", "EnvironmentFile", "#"];
        unit.lines()
            .filter(|line| !differ.iter().any(|start| line.starts_with(start)))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(&one), lines(&many));
    assert!(
        many.contains("EnvironmentFile=-/etc/weizhan/%i.env")
            && file("weizhan@.socket").contains("ListenStream=127.0.0.1:%i")
    );
    let tool = ["/usr/bin/systemd-analyze", "/bin/systemd-analyze"].into_iter().find(|path| Path::new(path).is_file());
    let Some(tool) = tool else { return };
    let folder = Folder::new("units");
    for name in ["weizhan.service", "weizhan.socket", "weizhan@.service", "weizhan@.socket"] {
        let unit = file(name).replace("/usr/local/bin/weizhan", env!("CARGO_BIN_EXE_weizhan"));
        std::fs::write(folder.path().join(name.replace('@', "@8081")), unit).expect("written");
    }
    for name in ["weizhan.service", "weizhan@8081.service"] {
        let verified =
            Command::new(tool).args(["verify", "--man=no"]).arg(folder.path().join(name)).output().expect("it runs");
        let told = String::from_utf8_lossy(&verified.stderr).into_owned();
        // It looks at other units of the machine too; only what it says of ours counts.
        let ours: Vec<_> = told.lines().filter(|line| line.contains("weizhan")).collect();
        assert!(ours.is_empty(), "{ours:#?}");
    }
}
