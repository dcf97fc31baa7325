//! The secrets and the files they may come from.

use super::{Config, Faults, Secret};
use std::path::PathBuf;

/// One secret of the settings.
struct Place<'a> {
    key: String,
    secret: &'a mut Secret,
    file: &'a Option<PathBuf>,
}

impl Config {
    /// Fill every secret whose file is named.
    pub(super) fn read_secrets(&mut self, faults: &mut Faults) {
        for Place { key, secret, file } in self.secrets() {
            let Some(path) = file else { continue };
            let name = format!("{key}_file");
            if !secret.is_empty() {
                faults.add("", &name, format!("`{key}` is set beside it; set one of the two"));
                continue;
            }
            match std::fs::read_to_string(path) {
                Ok(text) => {
                    let text = text.strip_suffix('\n').unwrap_or(&text);
                    let text = text.strip_suffix('\r').unwrap_or(text);
                    if text.is_empty() {
                        faults.add("", &name, format!("{} is empty", path.display()));
                    }
                    *secret = Secret::new(text);
                }
                Err(error) => faults.add("", &name, format!("{} cannot be read: {error}", path.display())),
            }
        }
    }

    fn secrets(&mut self) -> Vec<Place<'_>> {
        let Self { database, cache, storage, cos, auth, privacy, wechat, pay, .. } = self;
        let mut all = Vec::new();
        let mut place = |key: &str, secret, file| all.push(Place { key: key.to_owned(), secret, file });
        place("database.url", &mut database.url, &database.url_file);
        place("cache.redis_url", &mut cache.redis_url, &cache.redis_url_file);
        place("storage.backup_key", &mut storage.backup_key, &storage.backup_key_file);
        place("cos.secret_key", &mut cos.secret_key, &cos.secret_key_file);
        place("cos.cdn_key", &mut cos.cdn_key, &cos.cdn_key_file);
        place("auth.token_key", &mut auth.token_key, &auth.token_key_file);
        place("auth.previous_token_key", &mut auth.previous_token_key, &auth.previous_token_key_file);
        place("privacy.data_key", &mut privacy.data_key, &privacy.data_key_file);
        for (position, app) in wechat.apps.iter_mut().enumerate() {
            let key = |name: &str| format!("wechat.apps.{position}.{name}");
            place(&key("secret"), &mut app.secret, &app.secret_file);
            place(&key("push_token"), &mut app.push_token, &app.push_token_file);
            place(&key("push_aes_key"), &mut app.push_aes_key, &app.push_aes_key_file);
        }
        place("pay.merchant_key", &mut pay.merchant_key, &pay.merchant_key_file);
        place("pay.api_v3_key", &mut pay.api_v3_key, &pay.api_v3_key_file);
        place("pay.previous_api_v3_key", &mut pay.previous_api_v3_key, &pay.previous_api_v3_key_file);
        place("pay.public_key", &mut pay.public_key, &pay.public_key_file);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::key;

    #[test]
    fn every_file_key_is_listed_here() {
        let mut config: Config = key::defaults().try_into().unwrap();
        let listed: Vec<String> = config.secrets().into_iter().map(|place| place.key).collect();
        let defaults = key::defaults();
        let written = defaults.iter().flat_map(|(section, content)| {
            content.as_table().unwrap().keys().map(move |key| format!("{section}.{key}"))
        });
        let written: Vec<String> = written.filter(|key| key::is_secret(key)).collect();
        assert_eq!(written.len(), listed.len());
        assert!(written.iter().all(|key| listed.contains(key)), "{written:?} {listed:?}");
    }
}
