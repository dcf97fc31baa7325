//! What a line shows of a body.

use serde_json::Value;

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

/// Columns on a terminal: CJK characters take two.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| if c >= '\u{2e80}' { 2 } else { 1 }).sum()
}

/// A body on one line, without secrets.
pub(super) fn brief(body: &Value) -> String {
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
}
