//! Reading the layers.

use super::{Config, Faults, Purpose, key};
use std::{collections::BTreeSet, path::Path};
use toml::{Table, Value, de::DeTable};

/// What starts the name of a variable of ours.
const PREFIX: &str = "WEIZHAN__";

impl Config {
    /// Read all layers: the defaults, this file, these variables (those that start with `WEIZHAN__`), these options
    /// (`("server.listen", "0.0.0.0:80")`). Files of secrets are read too.
    ///
    /// It tells every fault at once; whether the values make sense together is [`Config::check`]'s to say.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        overrides: &[(&str, String)],
    ) -> Result<Self, Faults> {
        let (config, faults) = read(file, environment, overrides);
        faults.or(config)
    }

    /// [`Config::load`] and [`Config::check`] in one, so that also the faults of both are told at once.
    pub fn load_for(
        purpose: Purpose,
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        overrides: &[(&str, String)],
    ) -> Result<Self, Faults> {
        let (config, mut faults) = read(file, environment, overrides);
        if let Err(more) = config.check(purpose) {
            // A value that was not accepted leaves its key at the default: no second complaint about that.
            let told: BTreeSet<String> = faults.0.iter().map(|fault| fault.key.clone()).collect();
            let new = |key: &str| !told.contains(key) && !told.contains(&format!("{key}_file"));
            faults.0.extend(more.0.into_iter().filter(|fault| new(&fault.key)));
        }
        faults.or(config)
    }
}

fn read(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    overrides: &[(&str, String)],
) -> (Config, Faults) {
    let mut layers = Layers { table: Value::Table(key::defaults()), layer: BTreeSet::new(), faults: Faults::default() };
    if let Some(file) = file {
        layers.add_file(file);
    }
    layers.layer.clear();
    let mut variables: Vec<_> = environment.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    variables.sort();
    for (name, text) in variables {
        let path = name[PREFIX.len()..].split("__").map(str::to_ascii_lowercase).collect();
        layers.set(&format!("environment {name}"), path, readings(&text));
    }
    layers.layer.clear();
    for (name, text) in overrides {
        layers.set("option", name.split('.').map(str::to_owned).collect(), readings(text));
    }
    let mut config: Config = layers.table.try_into().expect("every step to it was tried");
    config.read_secrets(&mut layers.faults);
    (config, layers.faults)
}

/// A text as it stands, then as a number, boolean or list: the merchant number "1900000109" stays text where text is
/// wanted.
fn readings(text: &str) -> Vec<Value> {
    let parsed = format!("value = {text}").parse::<Table>().ok().filter(|table| table.len() == 1);
    let parsed = parsed.and_then(|mut table| table.remove("value")).filter(|value| !value.is_str());
    std::iter::once(Value::String(text.to_owned())).chain(parsed).collect()
}

struct Layers {
    /// What holds so far; it always loads.
    table: Value,
    /// Keys that the present layer has set.
    layer: BTreeSet<String>,
    faults: Faults,
}

impl Layers {
    fn add_file(&mut self, file: &Path) {
        let name = file.display().to_string();
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => return self.faults.add(&name, "", format!("cannot be read: {error}")),
        };
        let line = |offset: usize| text[..offset].matches('\n').count() + 1;
        let (located, values) = match (DeTable::parse(&text), text.parse::<Table>()) {
            (Ok(located), Ok(values)) => (located, values),
            (Err(error), _) | (_, Err(error)) => {
                // Only the message: the rest of it quotes the line, and the line may hold a secret.
                let origin = error.span().map_or(name.clone(), |span| format!("{name}:{}", line(span.start)));
                return self.faults.add(&origin, "", error.message().to_owned());
            }
        };
        let mut found = Vec::new();
        walk(located.get_ref(), &values, &[], &mut found);
        found.sort_by_key(|(offset, ..)| *offset);
        for (offset, path, value) in found {
            let origin = format!("{name}:{}", line(offset));
            match value {
                Some(value) => self.set(&origin, path, vec![value]),
                None => self.faults.add(&origin, &path.join("."), key::unknown(&key::name(&path))),
            }
        }
    }

    /// Try the readings of one value in turn; what does not load is told and left out.
    fn set(&mut self, origin: &str, path: Vec<String>, readings: Vec<Value>) {
        let (key, written) = (key::name(&path), path.join("."));
        if !key::exists(&key) {
            return self.faults.add(origin, &written, key::unknown(&key));
        }
        let mut reason = (written.clone(), String::new());
        for value in readings {
            let mut tried = self.table.clone();
            if let Err(message) = key::put(&mut tried, &path, value) {
                reason.1 = message;
                continue;
            }
            match serde_path_to_error::deserialize::<_, Config>(tried.clone()) {
                Ok(_) => {
                    self.table = tried;
                    return self.outrank_twin(&key, path);
                }
                Err(error) => {
                    let at = error.path().to_string();
                    let deeper = at.len() > written.len();
                    reason = (if deeper { at } else { written.clone() }, error.inner().message().to_owned());
                }
            }
        }
        let (at, message) = reason;
        // The reason quotes the value.
        let secret =
            key::is_secret(&key) || [".secret", ".push_token", ".push_aes_key"].iter().any(|end| at.ends_with(end));
        self.faults.add(origin, &at, if secret { "text is expected".to_owned() } else { message });
    }

    /// A secret of this layer wins over the file that a lower layer named for it, and the reverse.
    fn outrank_twin(&mut self, key: &str, mut path: Vec<String>) {
        self.layer.insert(path.join("."));
        let Some(twin) = key::twin(key) else { return };
        if let (Some(last), Some((_, name))) = (path.last_mut(), twin.rsplit_once('.')) {
            name.clone_into(last);
        }
        if !self.layer.contains(&path.join(".")) {
            key::put(&mut self.table, &path, Value::String(String::new())).expect("its twin was put there");
        }
    }
}

/// The keys of a file with their places; `None` for one that does not exist.
fn walk(located: &DeTable<'_>, values: &Table, above: &[String], found: &mut Vec<(usize, Vec<String>, Option<Value>)>) {
    for (name, content) in located {
        let path: Vec<String> = above.iter().cloned().chain([name.get_ref().to_string()]).collect();
        let mut value = values[name.get_ref().as_ref()].clone();
        let key = key::name(&path);
        let inner = content.get_ref();
        if let (Some(inner), Value::Table(table), true) = (inner.as_table(), &value, key::is_section(&key)) {
            walk(inner, table, &path, found);
            continue;
        }
        if let (Some(inner), Value::Array(entries)) = (inner.as_array(), &mut value) {
            for (position, (inner, entry)) in inner.iter().zip(entries).enumerate() {
                let (Some(inner), Value::Table(entry)) = (inner.get_ref().as_table(), entry) else { continue };
                for name in inner.keys() {
                    let known = key::exists(&format!("{key}.{}", name.get_ref()));
                    if !known && entry.remove(name.get_ref().as_ref()).is_some() {
                        let place = [position.to_string(), name.get_ref().to_string()];
                        found.push((name.span().start, path.iter().cloned().chain(place).collect(), None));
                    }
                }
            }
        }
        found.push((name.span().start, path, Some(value).filter(|_| key::exists(&key))));
    }
}
