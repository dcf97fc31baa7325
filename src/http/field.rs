//! Naming the fields that are wrong.

use super::problem::{FieldError, Problem};
use serde_path_to_error::{Path, Segment};
use std::fmt::Display;

/// Fields whose values break their rules. `prefix` is `/` for a body and nothing for a query.
pub(super) fn wrong(report: &garde::Report, prefix: &str) -> Problem {
    let one = |(path, error): &(garde::Path, garde::Error)| {
        let path = path.to_string().replace(['.', '['], "/").replace(']', "");
        FieldError { pointer: format!("{prefix}{path}"), detail: error.to_string() }
    };
    Problem::invalid(report.iter().map(one).collect())
}

/// The one field at which reading stopped: of another type, missing, or unknown.
pub(super) fn unread(path: &Path, error: &impl Display, prefix: &str) -> Problem {
    // The position means nothing to whoever wrote the object in code.
    let text = error.to_string();
    let detail = text.split(" at line ").next().unwrap_or_default();
    let mut steps: Vec<_> = path.iter().filter_map(step).collect();
    // The path of a missing field ends at the object that lacks it; that of an unknown or a repeated one may, too.
    let named =
        ["missing field `", "unknown field `", "duplicate field `"].iter().find_map(|start| detail.strip_prefix(start));
    if let Some((name, _)) = named.and_then(|rest| rest.split_once('`'))
        && steps.last().is_none_or(|last| *last != name)
    {
        steps.push(name.to_owned());
    }
    let steps: Vec<_> = steps.iter().map(|step| step.replace('~', "~0").replace('/', "~1")).collect();
    let pointer = if steps.is_empty() { String::new() } else { format!("{prefix}{}", steps.join("/")) };
    Problem::invalid_field(pointer, detail)
}

fn step(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}
