//! Taking the steps of a tour and writing down each.

use super::{
    TourTarget,
    ask::{Answer, Ask},
};
use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// The width of a step's name on the screen.
const NAME_WIDTH: usize = 30;
/// Characters of a text that are shown.
const TEXT_SHOWN: usize = 28;
/// Characters of a body that are shown.
const BODY_SHOWN: usize = 240;
/// Names that are shown first, since a line has no room for all.
const FIRST: [&str; 15] = [
    "code",
    "id",
    "number",
    "state",
    "status",
    "total_fen",
    "refunded_fen",
    "left_qty",
    "callbacks",
    "refunds",
    "payments",
    "skus",
    "items",
    "attempts",
    "title",
];
/// Names whose values are never shown, not even their beginning.
const HIDDEN: [&str; 3] = ["password", "access_token", "refresh_token"];

/// A tour under way.
pub(super) struct Tour<'a> {
    pub(super) target: &'a TourTarget,
    http: reqwest::Client,
    out: &'a mut (dyn Write + Send),
    steps: Vec<(&'static str, Duration)>,
}

impl<'a> Tour<'a> {
    pub(super) fn new(target: &'a TourTarget, out: &'a mut (dyn Write + Send)) -> anyhow::Result<Self> {
        // Redirects are none of a shop's business, and loopback must not go through a proxy of the environment.
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("weizhan-tour/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { target, http, out, steps: Vec::new() })
    }

    /// Each step with the time it took.
    pub(super) fn steps(&self) -> &[(&'static str, Duration)] {
        &self.steps
    }

    /// A line of its own.
    pub(super) fn say(&mut self, line: &str) -> anyhow::Result<()> {
        Ok(writeln!(self.out, "{line}")?)
    }

    /// Ask, and hold the answer against what it must be.
    pub(super) async fn step<T>(
        &mut self,
        name: &'static str,
        ask: Ask,
        check: impl Fn(&Value) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let began = Instant::now();
        let (answer, outcome) = match ask.send(&self.http, self.target).await {
            Ok(answer) => {
                let outcome = judge(&answer, &check);
                (Some(answer), outcome)
            }
            Err(error) => (None, Err(error.into())),
        };
        self.note(name, &ask, answer.as_ref(), outcome.as_ref().err(), began.elapsed())?;
        outcome.with_context(|| format!("step {:02} {name}", self.steps.len()))
    }

    /// Ask until the answer is what is waited for: things that WeChat or a job does on its own.
    pub(super) async fn until<T>(
        &mut self,
        name: &'static str,
        ask: Ask,
        check: impl Fn(&Value) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(50);
        let (answer, outcome) = loop {
            let answer = ask.send(&self.http, self.target).await?;
            match judge(&answer, &check) {
                Ok(Some(found)) => break (answer, Ok(found)),
                Ok(None) if began.elapsed() < self.target.patience => {}
                Ok(None) => break (answer, Err(anyhow!("it did not happen within {:?}", self.target.patience))),
                Err(error) => break (answer, Err(error)),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_secs(2));
        };
        self.note(name, &ask, Some(&answer), outcome.as_ref().err(), began.elapsed())?;
        outcome.with_context(|| format!("step {:02} {name}", self.steps.len()))
    }

    fn note(
        &mut self,
        name: &'static str,
        ask: &Ask,
        answer: Option<&Answer>,
        problem: Option<&anyhow::Error>,
        took: Duration,
    ) -> anyhow::Result<()> {
        self.steps.push((name, took));
        let mark = if problem.is_none() { "✓" } else { "✗" };
        let padding = " ".repeat(NAME_WIDTH.saturating_sub(width(name)));
        let status = answer.map_or_else(|| "—".to_owned(), |answer| answer.status.as_u16().to_string());
        let again = answer.filter(|answer| answer.tries > 1).map(|answer| format!(" · {} tries", answer.tries));
        let (number, method, path) = (self.steps.len(), &ask.method, &ask.path);
        let (took, again) = (took.as_millis(), again.unwrap_or_default());
        writeln!(self.out, "{mark} {number:02} {name}{padding} {method} {path} → {status} · {took} ms{again}")?;
        if let Some(body) = &ask.body {
            writeln!(self.out, "       → {}", brief(body))?;
        }
        if let Some(answer) = answer.filter(|answer| !answer.body.is_null()) {
            writeln!(self.out, "       ← {}", brief(&answer.body))?;
        }
        if let Some(problem) = problem {
            writeln!(self.out, "       ! {problem:#}")?;
        }
        Ok(())
    }
}

fn judge<T>(answer: &Answer, check: impl Fn(&Value) -> anyhow::Result<T>) -> anyhow::Result<T> {
    if !answer.status.is_success() {
        let words = |body: &Value, names: &[&str]| {
            let words = names.iter().filter_map(|name| body[*name].as_str());
            words.collect::<Vec<_>>().join(": ")
        };
        let fields = answer.body["errors"].as_array().into_iter().flatten();
        let fields: Vec<_> = fields.map(|field| words(field, &["pointer", "detail"])).collect();
        bail!("{} {} {}", answer.status, words(&answer.body, &["code", "detail", "message"]), fields.join("; "));
    }
    check(&answer.body)
}

/// What must be true of an answer.
pub(super) fn demand(holds: bool, problem: impl FnOnce() -> String) -> anyhow::Result<()> {
    if holds { Ok(()) } else { Err(anyhow!(problem())) }
}

/// The text at a place of an answer.
pub(super) fn text(body: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.map(str::to_owned).with_context(|| format!("{pointer} is not a text"))
}

/// The number at a place of an answer.
pub(super) fn number(body: &Value, pointer: &str) -> anyhow::Result<i64> {
    body.pointer(pointer).and_then(Value::as_i64).with_context(|| format!("{pointer} is not a whole number"))
}

/// The list at a place of an answer.
pub(super) fn list<'v>(body: &'v Value, pointer: &str) -> anyhow::Result<&'v Vec<Value>> {
    body.pointer(pointer).and_then(Value::as_array).with_context(|| format!("{pointer} is not a list"))
}

/// Columns on a terminal: CJK characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if c >= '\u{2e80}' { 2 } else { 1 }).sum()
}

/// A body on one line, without secrets.
fn brief(body: &Value) -> String {
    let mut line = String::new();
    write_brief(body, &mut line);
    cut(&line, BODY_SHOWN)
}

fn write_brief(value: &Value, line: &mut String) {
    match value {
        Value::String(text) => line.push_str(&Value::from(cut(text, TEXT_SHOWN)).to_string()),
        Value::Array(entries) => {
            line.push('[');
            entries.iter().take(1).for_each(|entry| write_brief(entry, line));
            if entries.len() > 1 {
                line.extend([", … ", &(entries.len() - 1).to_string(), " more"]);
            }
            line.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
            line.push('{');
            for (position, (name, value)) in fields.into_iter().enumerate() {
                line.extend([if position > 0 { ", " } else { "" }, name, ": "]);
                let hidden = HIDDEN.contains(&name.as_str()) && value.is_string();
                if hidden { line.push_str("***") } else { write_brief(value, line) }
            }
            line.push('}');
        }
        plain => line.push_str(&plain.to_string()),
    }
}

fn cut(text: &str, shown: usize) -> String {
    match text.char_indices().nth(shown) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_is_short_and_shows_no_secret() {
        let long = "微".repeat(100);
        let body = json!({ "access_token": "eyJhbGci", "items": [1, 2, 3], "title": long, "code": "cart.full" });
        let shown = brief(&body);
        assert!(!shown.contains("eyJ") && shown.contains("access_token: ***"), "{shown}");
        assert!(
            shown.contains("[1, … 2 more]") && shown.contains("微…") && shown.starts_with("{code: \"cart.full\""),
            "{shown}"
        );
        assert!(brief(&json!(vec![long; 1])).chars().count() <= BODY_SHOWN);
        assert_eq!((width("登录 log in"), width("pay")), (11, 3));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let body = json!({ "id": "1", "empty": "", "list": [] });
        assert_eq!(text(&body, "/id").expect("text"), "1");
        assert!(text(&body, "/empty").is_err() && list(&body, "/list").is_ok());
        assert!(number(&body, "/id").expect_err("text").to_string().contains("/id"));
    }
}
