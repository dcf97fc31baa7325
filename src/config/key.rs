//! Which keys there are, as `config/default.toml` says.

use super::{App, DEFAULT, RouteLimit, Template};
use std::{collections::BTreeSet, sync::LazyLock};
use toml::{Table, Value};

/// The lists of tables, with the keys of an entry: `config/default.toml` has no place for those.
const LISTS: [(&str, &[&str]); 3] =
    [("limits.routes", &RouteLimit::KEYS), ("wechat.apps", &App::KEYS), ("messages.templates", &Template::KEYS)];

static KEYS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut keys = BTreeSet::new();
    for (section, content) in defaults() {
        let content = content.as_table().cloned().expect("default.toml has sections only");
        keys.extend(content.keys().map(|key| format!("{section}.{key}")));
    }
    keys.extend(LISTS.iter().flat_map(|(list, entry)| entry.iter().map(move |key| format!("{list}.{key}"))));
    keys
});

/// The lowest layer.
pub(super) fn defaults() -> Table {
    DEFAULT.parse().expect("default.toml is built in and tested")
}

/// `section.key`; positions in a list are left out.
pub(super) fn name(path: &[String]) -> String {
    let words: Vec<&str> = path.iter().map(String::as_str).filter(|step| step.parse::<usize>().is_err()).collect();
    words.join(".")
}

pub(super) fn exists(key: &str) -> bool {
    KEYS.contains(key)
}

/// Whether this is the name of a section; a list of tables is a key.
pub(super) fn is_section(key: &str) -> bool {
    !exists(key) && KEYS.iter().any(|known| known.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

/// The other key that fills the same secret: `url` for `url_file` and the reverse.
pub(super) fn twin(key: &str) -> Option<String> {
    let twin = key.strip_suffix("_file").map_or_else(|| format!("{key}_file"), str::to_owned);
    Some(twin).filter(|twin| exists(twin))
}

/// Whether the value of this key must not be shown.
pub(super) fn is_secret(key: &str) -> bool {
    !key.ends_with("_file") && twin(key).is_some()
}

/// What to say of a key that does not exist.
pub(super) fn unknown(key: &str) -> String {
    if is_section(key) {
        return "is a section; its keys are set one by one".to_owned();
    }
    let sections = KEYS.iter().filter_map(|known| known.split_once('.')).map(|(section, _)| section);
    let known = KEYS.iter().map(String::as_str).chain(sections);
    let nearest = known.min_by_key(|known| strsim::damerau_levenshtein(known, key)).unwrap_or_default();
    format!("unknown key; the nearest known one is `{nearest}`")
}

/// Set the value at a path. In a list a step is a position: of an entry that is there or one after the last.
pub(super) fn put(place: &mut Value, path: &[String], value: Value) -> Result<(), String> {
    match (path, place) {
        ([], place) => *place = value,
        ([step, rest @ ..], Value::Table(table)) => {
            let next = table.entry(step.clone()).or_insert_with(|| Value::Table(Table::new()));
            put(next, rest, value)?;
        }
        ([step, rest @ ..], Value::Array(entries)) => {
            let position: usize = step.parse().map_err(|_| "a position in the list is expected".to_owned())?;
            if position == entries.len() {
                entries.push(Value::Table(Table::new()));
            }
            let count = entries.len();
            let gap = || format!("the list has {count} entries; a position after them leaves a gap");
            put(entries.get_mut(position).ok_or_else(gap)?, rest, value)?;
        }
        ([step, ..], _) => return Err(format!("no `{step}` can stand below a plain value")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn is_of_entry(key: &str) -> bool {
        LISTS.iter().any(|(list, _)| key.strip_prefix(list).is_some_and(|rest| rest.starts_with('.')))
    }

    #[test]
    fn every_key_has_a_comment_above_it() {
        let mut above = "";
        let mut seen = 0;
        for line in DEFAULT.lines() {
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(above.starts_with("# ") && above.len() > 10, "no meaning above `{line}`");
                seen += 1;
            }
            above = line;
        }
        assert_eq!(seen, KEYS.iter().filter(|key| !is_of_entry(key)).count());
    }

    /// With `deny_unknown_fields` on every section, a file that loads has no key too many; that it stops loading
    /// when any one is taken out shows that the structs know no other and hold no defaults of their own.
    #[test]
    fn the_structs_and_default_toml_have_the_same_keys() {
        let whole = defaults();
        whole.clone().try_into::<Config>().expect("default.toml loads");
        for key in KEYS.iter().filter(|key| !is_of_entry(key)) {
            let (section, name) = key.split_once('.').unwrap();
            let mut less = whole.clone();
            less[section].as_table_mut().unwrap().remove(name);
            let fault = less.try_into::<Config>().expect_err(key).to_string();
            assert!(fault.contains(&format!("missing field `{name}`")), "{key}: {fault}");
        }
    }

    #[test]
    fn the_keys_of_an_entry_are_those_of_its_struct() {
        let told = |fault: toml::de::Error| {
            let text = fault.to_string();
            text.split('`').skip(1).step_by(2).filter(|word| *word != "zzz").map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(told(toml::from_str::<App>("appid = ''\nzzz = 1").unwrap_err()), App::KEYS);
        assert_eq!(told(toml::from_str::<RouteLimit>("zzz = 1").unwrap_err()), RouteLimit::KEYS);
        assert_eq!(told(toml::from_str::<Template>("zzz = 1").unwrap_err()), Template::KEYS);
    }

    #[test]
    fn an_unknown_key_is_told_the_nearest() {
        for (typed, meant) in [
            ("database.urll", "database.url"),
            ("databse", "database"),
            ("server.listen_address", "server.listen"),
            ("wechat.apps.app_id", "wechat.apps.appid"),
        ] {
            assert!(unknown(typed).ends_with(&format!("`{meant}`")), "{typed}: {}", unknown(typed));
        }
    }
}
