//! What a temporary credential may do (official pages: 访问策略语言概述, 生效条件说明).

use super::request::{Asked, CosOperation};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A policy as it is asked for. What is not understood allows nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Policy {
    statement: Vec<Statement>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Statement {
    effect: String,
    #[serde(deserialize_with = "some")]
    action: Vec<String>,
    #[serde(deserialize_with = "some")]
    resource: Vec<String>,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, Value>>,
}

/// What somebody is about to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Act<'a> {
    pub(super) operation: CosOperation,
    /// The object, or the prefix of a list.
    pub(super) key: &'a str,
    pub(super) bucket: &'a str,
    pub(super) region: &'a str,
    pub(super) asked: &'a Asked,
}

/// One text or many.
fn some<'de, D: serde::Deserializer<'de>>(texts: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Some {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Some::deserialize(texts)? {
        Some::One(text) => vec![text],
        Some::Many(texts) => texts,
    })
}

impl Policy {
    /// Reads a policy; `None` if it is none that COS would take.
    pub(super) fn read(text: &str) -> Option<Self> {
        let policy: Self = serde_json::from_str(text).ok()?;
        let known = |statement: &Statement| matches!(statement.effect.as_str(), "allow" | "deny");
        (!policy.statement.is_empty() && policy.statement.iter().all(known)).then_some(policy)
    }

    pub(super) fn allows(&self, act: &Act<'_>) -> bool {
        let says = |effect: &str| {
            let mut of = self.statement.iter().filter(|statement| statement.effect == effect);
            of.any(|statement| statement.means(act))
        };
        says("allow") && !says("deny")
    }
}

impl Statement {
    fn means(&self, act: &Act<'_>) -> bool {
        let name = format!("{:?}", act.operation);
        let action = self.action.iter().any(|action| {
            let action = action.strip_prefix("name/").unwrap_or(action);
            action == "*" || action.strip_prefix("cos:").is_some_and(|pattern| fits(pattern, &name))
        });
        let account = act.bucket.rsplit('-').next().unwrap_or_default();
        let short = act.bucket.strip_suffix(account).unwrap_or_default().trim_end_matches('-');
        let home = format!("qcs::cos:{}:uid/{account}:", act.region);
        let resources =
            [format!("{home}{}/{}", act.bucket, act.key), format!("{home}prefix//{account}/{short}/{}", act.key)];
        let resource =
            self.resource.iter().any(|pattern| pattern == "*" || resources.iter().any(|name| fits(pattern, name)));
        action && resource && self.condition.iter().all(|(operator, keys)| holds(operator, keys, act))
    }
}

fn holds(operator: &str, keys: &BTreeMap<String, Value>, act: &Act<'_>) -> bool {
    let (operator, optional) = match operator.strip_suffix("_if_exist") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    keys.iter().all(|(key, wanted)| {
        let Some(given) = key.strip_prefix("cos:").and_then(|name| value(name, act)) else { return optional };
        let wanted: Vec<&Value> = wanted.as_array().map_or_else(|| vec![wanted], |many| many.iter().collect());
        let text = |wanted: &Value| wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
        wanted.into_iter().any(|wanted| match operator {
            "string_equal" => text(wanted) == given,
            "string_not_equal" => text(wanted) != given,
            "string_like" => fits(&text(wanted), &given),
            "string_not_like" => !fits(&text(wanted), &given),
            _ => match (operator.strip_prefix("numeric_"), text(wanted).parse::<i64>(), given.parse::<i64>()) {
                (Some("equal"), Ok(wanted), Ok(given)) => given == wanted,
                (Some("less_than_equal"), Ok(wanted), Ok(given)) => given <= wanted,
                (Some("less_than"), Ok(wanted), Ok(given)) => given < wanted,
                (Some("greater_than_equal"), Ok(wanted), Ok(given)) => given >= wanted,
                (Some("greater_than"), Ok(wanted), Ok(given)) => given > wanted,
                _ => false,
            },
        })
    })
}

fn value(name: &str, act: &Act<'_>) -> Option<String> {
    match name {
        "prefix" | "delimiter" | "marker" | "max-keys" => act.asked.param(name).map(str::to_owned),
        _ => act.asked.header(name),
    }
}

/// Whether a text is like a pattern, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = rest.split('*').collect();
    let (last, middle) = parts.split_last().expect("a split gives one part at least");
    for part in middle {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "a", true),
            ("a/*", "a", false),
            ("a/*", "a/b/c", true),
            ("image/*", "text/html", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c--b", false),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
