//! The house is in order: who may use whom, how long a file may be, what no file may contain.

use super::source::{Source, Steps, files, module_of, paths, tokens};

/// What each module may use besides itself. `a::b` means that part only.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("planted", &["model::money"]),
    ("config", &["model"]),
    ("telemetry", &["config"]),
    ("data", &["model", "config", "telemetry::meter"]),
    ("cache", &["model", "config", "telemetry::meter"]),
    ("storage", &["model", "config", "telemetry::meter"]),
    ("wechat", &["config", "model::time", "model::money", "planted", "telemetry::meter"]),
    ("app", &["model", "config", "data", "cache", "storage", "wechat", "telemetry::meter"]),
    (
        "service",
        &["app", "model", "data", "cache", "storage", "wechat", "planted", "telemetry::meter", "telemetry::exposition"],
    ),
    ("coordination", &["app", "model", "data::lease", "data::record", "data::Error", "data::Session"]),
    ("event_log", &["app", "model", "data::event", "data::Error"]),
    ("queue", &["app", "config", "model", "data::job", "data::Error"]),
    (
        "compute",
        &["app", "coordination", "model", "service", "data::job", "data::lease", "data::Error", "data::Session"],
    ),
    ("http", &["app", "model", "service", "config", "telemetry", "planted"]),
    (
        "simulator",
        &[
            "config",
            "model::time",
            "model::money",
            "storage::cos::CRC64",
            "storage::cos::sign",
            "storage::cos::tc3",
            "storage::cos::xml",
            "wechat::encrypted",
            "wechat::pay::sign",
            "wechat::push::packet",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "cache",
            "compute",
            "config",
            "data",
            "http",
            "model",
            "planted",
            "service",
            "simulator",
            "storage",
            "telemetry",
            "wechat",
        ],
    ),
];

/// Macros stand at the root of the crate wherever they are written.
const MACROS: &[(&str, &str)] =
    &[("statements", "data"), ("refusals", "model"), ("plain_refusal", "model"), ("word_enum", "model")];

/// The longest file.
const LINES_MAX: usize = 500;
/// From here on a file is long.
const LINES_LONG: usize = 300;

fn may_use(user: &str, path: &Steps) -> bool {
    let top = MACROS.iter().find(|(name, _)| *name == path[0]).map_or(path[0].as_str(), |(_, home)| home);
    if top == user {
        return true;
    }
    let Some((_, allowed)) = MAY_USE.iter().find(|(module, _)| *module == user) else { return false };
    allowed.iter().any(|allowed| {
        let allowed: Vec<_> = allowed.split("::").collect();
        // `use crate::data;` alone decides nothing: what is named through it is looked at by itself.
        let shared = allowed.len().min(path.len());
        top == allowed[0] && path[1..shared].iter().zip(&allowed[1..shared]).all(|(step, allowed)| step == allowed)
    })
}

#[test]
fn arrows_only_point_down() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for file in files("src") {
        let Some(module) = module_of(&file.path).first().cloned() else { continue };
        for path in paths(&file).iter().filter(|path| !path.is_empty()) {
            seen += 1;
            if !may_use(&module, path) {
                wrong.push(format!("{} uses {}", file.path, path.join("::")));
            }
        }
    }
    assert!(seen > 500, "only {seen} paths were read");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_rules_forbid_what_they_name() {
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Steps>();
    for (user, used, may) in [
        ("http", "data::order::find", false),
        ("http", "data", false),
        ("http", "service::order::place", true),
        ("wechat", "model::time::Clock", true),
        ("wechat", "model::order::Order", false),
        ("wechat", "app::App", false),
        ("simulator", "wechat::pay::sign::random_text", true),
        ("simulator", "wechat::pay::client", false),
        ("service", "simulator::Simulator", false),
        ("compute", "data::job::claim", true),
        ("compute", "data::order::find", false),
        ("model", "statements", false),
        ("data", "statements", true),
        ("unknown", "model::id::OrderId", false),
    ] {
        assert_eq!(may_use(user, &path(used)), may, "{user} uses {used}");
    }
}

/// The application carries its four ways out as fields; a handler that reached for one would have gone around the rules.
#[test]
fn no_handler_goes_around_the_service() {
    for file in files("src/http") {
        let tokens = tokens(&file.text);
        let reached = tokens.windows(3).find(|part| {
            part[0] == "app" && part[1] == "." && matches!(part[2], "database" | "cache" | "storage" | "wechat")
        });
        assert_eq!(reached, None, "{}", file.path);
    }
}

#[test]
fn no_file_is_too_long() {
    let all: Vec<_> = ["src", "tests", "benches"].into_iter().flat_map(files).collect();
    let mut long: Vec<_> = all.iter().map(|file| (file.text.lines().count(), &file.path)).collect();
    long.retain(|(lines, _)| *lines > LINES_LONG);
    for (lines, path) in &long {
        println!("long: {path} has {lines} lines");
    }
    long.retain(|(lines, _)| *lines > LINES_MAX);
    assert!(long.is_empty(), "too long: {long:?}");
}

/// Whether a file has one of these, said with a break in it so that this file does not.
fn forbidden(file: &Source) -> Vec<&'static str> {
    let words = [concat!("todo", "!"), concat!("unimplemented", "!"), concat!("FIX", "ME"), concat!("#[", "allow(")];
    let more = [concat!("#![", "allow("), concat!("TO", "DO:")];
    words.into_iter().chain(more).filter(|word| file.text.contains(word)).collect()
}

#[test]
fn nothing_is_left_for_later() {
    for file in ["src", "tests", "benches"].into_iter().flat_map(files) {
        assert_eq!(forbidden(&file), Vec::<&str>::new(), "{}", file.path);
    }
}

#[test]
fn no_module_is_named_after_nothing() {
    for file in ["src", "tests", "benches"].into_iter().flat_map(files) {
        let steps = file.path.trim_end_matches(".rs").split('/');
        let vague = ["util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"];
        let named: Vec<_> = steps.filter(|step| vague.contains(step)).collect();
        assert!(named.is_empty(), "{}: {named:?}", file.path);
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for file in ["src", "tests"].into_iter().flat_map(files) {
        assert!(file.text.starts_with("//!"), "{} does not begin with what it is for", file.path);
    }
}
