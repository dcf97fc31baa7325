//! Whether the database is set up so that an acknowledged write survives.

use super::{clock, error::Error, migrate, session::Database, statement::Sql};
use crate::model::time::Timestamp;
use std::fmt;

/// A setting that breaks a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptom {
    /// The setting.
    pub setting: &'static str,
    /// What it is.
    pub found: String,
    /// What it must be, and why.
    pub wanted: &'static str,
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}; {}", self.setting, self.found, self.wanted)
    }
}

const VARIABLES: Sql = Sql {
    name: "data::doctor::VARIABLES",
    mysql: "SHOW VARIABLES WHERE Variable_name IN
            ('innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog', 'sql_mode', 'wsrep_on')",
    sqlite: "SELECT 'journal_mode', journal_mode FROM pragma_journal_mode",
};

/// Ask the database for its settings and name each that breaks a promise.
pub(super) async fn examine(database: &Database) -> Result<Vec<Symptom>, Error> {
    let mut session = database.read().await?;
    let variables = session.all::<(String, String)>(VARIABLES, ()).await?;
    Ok(judge(&variables))
}

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vitals {
    /// As it writes it: `8.4.2`, `10.11.6-MariaDB`, `3.51.3`.
    pub version: String,
    /// Its time.
    pub now: Timestamp,
    /// Collation of a new table; SQLite has none.
    pub collation: Option<String>,
    /// Connections it allows and connections it has; SQLite counts none.
    pub connections: Option<(u32, u32)>,
    /// Settings that break a promise.
    pub symptoms: Vec<Symptom>,
    /// Migrations that have not run yet.
    pub pending: usize,
}

const VITALS: Sql = Sql {
    name: "data::doctor::VITALS",
    mysql: "SHOW VARIABLES WHERE Variable_name IN ('version', 'collation_database', 'max_connections')",
    sqlite: "SELECT 'version', sqlite_version()",
};
const CONNECTED: Sql = Sql {
    name: "data::doctor::CONNECTED",
    mysql: "SHOW STATUS WHERE Variable_name = 'Threads_connected'",
    sqlite: "SELECT 'Threads_connected', '' WHERE 1 = 0",
};
impl Database {
    /// Ask the database how it is; nothing is changed.
    pub async fn vitals(&self) -> Result<Vitals, Error> {
        let mut session = self.read().await?;
        let mut variables = session.all::<(String, String)>(VITALS, ()).await?;
        variables.extend(session.all::<(String, String)>(CONNECTED, ()).await?);
        let now = clock::now(&mut session).await?;
        drop(session);
        let find = |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let number = |name: &str| find(name).and_then(|text| text.parse().ok());
        Ok(Vitals {
            version: find("version").unwrap_or_default(),
            now,
            collation: find("collation_database"),
            connections: number("max_connections").zip(number("Threads_connected")),
            symptoms: examine(self).await?,
            pending: migrate::pending(self).await?,
        })
    }
}

/// One entry a setting: its name, whether a value is right, and what it must be.
type Rule = (&'static str, fn(&str) -> bool, &'static str);

const RULES: [Rule; 5] = [
    (
        "innodb_flush_log_at_trx_commit",
        |value| matches!(value, "1" | "3"),
        "it must be 1, or a power loss takes acknowledged payments",
    ),
    ("sync_binlog", |value| value == "1", "with log_bin on it must be 1, or replicas may lose acknowledged payments"),
    ("sql_mode", |value| value.contains("STRICT_"), "it must be strict, or values are cut silently"),
    ("wsrep_on", |value| value.eq_ignore_ascii_case("off"), "Galera may lose committed transactions"),
    ("journal_mode", |value| value == "wal", "SQLite must run in WAL mode"),
];

fn judge(variables: &[(String, String)]) -> Vec<Symptom> {
    let log_bin = variables.iter().any(|(name, value)| name == "log_bin" && value.eq_ignore_ascii_case("on"));
    variables
        .iter()
        .filter_map(|(name, found)| {
            let (setting, right, wanted) = RULES.iter().find(|(setting, ..)| setting == name)?;
            let asked = *setting != "sync_binlog" || log_bin;
            (asked && !right(found)).then(|| Symptom { setting, found: found.clone(), wanted })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_settings_are_named() {
        let settings = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            judge(&pairs).iter().map(|symptom| symptom.setting).collect::<Vec<_>>()
        };
        let strict = ("sql_mode", "STRICT_TRANS_TABLES");
        assert!(
            settings(&[("innodb_flush_log_at_trx_commit", "1"), ("log_bin", "OFF"), ("sync_binlog", "0"), strict])
                .is_empty()
        );
        assert_eq!(settings(&[("innodb_flush_log_at_trx_commit", "2")]), ["innodb_flush_log_at_trx_commit"]);
        assert_eq!(settings(&[("log_bin", "ON"), ("sync_binlog", "0")]), ["sync_binlog"]);
        assert_eq!(settings(&[("sql_mode", "ANSI"), ("wsrep_on", "ON")]), ["sql_mode", "wsrep_on"]);
        assert_eq!(settings(&[("journal_mode", "delete")]), ["journal_mode"]);
    }
}
