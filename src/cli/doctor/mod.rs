//! `weizhan doctor`: whether everything a deployment stands on is well, and what to do about what is not.
//!
//! **How to add a finding:** a [`Finding`] in the file of its part, with a stable word, both languages and a remedy; and a
//! test that breaks the one thing and sees the one finding.

mod finding;
mod place;
mod store;
mod wechat;

use super::{
    Sources, Told,
    lang::{Lang, Said},
};
use crate::{
    app::SystemClock,
    config::{Config, DEV_MARK, Faults, Purpose},
    model::time::Clock as _,
    wechat::{Wechat, doctor::NoTokens},
};
use finding::{Finding, Level};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::{
    io::{IsTerminal as _, Write as _},
    sync::Arc,
    time::Duration,
};

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which language to print.
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    // It hides itself when nobody looks at a terminal.
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(100));
    let findings = examine(sources, |part| bar.set_message(part.show(args.lang))).await;
    bar.finish_and_clear();
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good);
    let mut out = std::io::stdout();
    if args.json {
        let told = json!({ "healthy": worst < Level::Failure, "findings": findings });
        writeln!(out, "{}", serde_json::to_string_pretty(&told)?)?;
    } else {
        let coloured = out.is_terminal();
        for finding in &findings {
            write!(out, "{}", finding.text(args.lang, coloured))?;
        }
        writeln!(out, "\n{}", summary(&findings).show(args.lang))?;
    }
    if worst == Level::Failure { Err(Told.into()) } else { Ok(()) }
}

fn summary(findings: &[Finding]) -> Said {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (good, warnings, failures) = (count(Level::Good), count(Level::Warning), count(Level::Failure));
    Said::new(
        format!("{good} 项正常，{warnings} 项注意，{failures} 项失败"),
        format!("{good} well, {warnings} to look at, {failures} failed"),
    )
}

/// Everything, one part after the other.
async fn examine(sources: &Sources, asking: impl Fn(&Said)) -> Vec<Finding> {
    asking(&Said::new("设置", "settings"));
    let (config, mut all) = settings(sources);
    let Some(config) = config else { return all };
    let now = || SystemClock.now();
    asking(&Said::new("数据库", "database"));
    all.extend(store::database(&config, now).await);
    asking(&Said::new("Redis", "Redis"));
    all.extend(store::redis(&config).await);
    asking(&Said::new("微信", "WeChat"));
    all.extend(wechat::addresses(&config, now).await);
    match Wechat::new(&config.wechat, &config.pay, Arc::new(SystemClock), Arc::new(NoTokens)) {
        Ok(client) => all.extend(wechat::keys(&config, &client, now()).await),
        Err(error) => {
            let found = (format!("密钥读不了：{error}"), format!("a key cannot be read: {error}"));
            let act = Said::new("检查该键所指的文件是否是完整的 PEM", "see that the file of this key is a whole PEM");
            all.push(Finding::failure("pay.merchant_key", found, act));
        }
    }
    asking(&Said::new("公网地址", "public address"));
    all.extend(place::notify_rules(&config.pay.notify_base_url));
    all.push(place::domains(&config.pay.notify_base_url));
    all.extend(place::public(&config.pay.notify_base_url, now()).await);
    asking(&Said::new("磁盘", "disk"));
    all.extend(place::disk(&config));
    all.extend(place::files(&config));
    all
}

/// The settings, as far as they can be read, and what is wrong with them.
fn settings(sources: &Sources) -> (Option<Config>, Vec<Finding>) {
    let lenient = sources.load(Purpose::Dev, &[]);
    let config = match lenient {
        Ok(config) if config.auth.token_key.expose().contains(DEV_MARK) => {
            let good = Finding::good(
                "settings",
                "weizhan dev 的设置：只适合这台电脑",
                "settings of weizhan dev: fit for this laptop alone",
            );
            return (Some(config), vec![good]);
        }
        Ok(config) => config,
        Err(faults) => return (None, faulty(&faults)),
    };
    match sources.load(Purpose::Serve, &[]) {
        Ok(config) => (Some(config), vec![Finding::good("settings", "可以上线", "fit to serve")]),
        Err(faults) => (Some(config), faulty(&faults)),
    }
}

fn faulty(faults: &Faults) -> Vec<Finding> {
    let one = |fault: &crate::config::Fault| {
        let act = Said::new(
            format!("改正 {}；config/default.toml 说明了每个键", fault.key),
            format!("correct {}; config/default.toml explains every key", fault.key),
        );
        Finding::failure("settings", (fault.to_string(), fault.to_string()), act)
    };
    faults.0.iter().map(one).collect()
}
