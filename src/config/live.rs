//! The settings that a running shop changes: those without secrets that a use case reads each time it runs.
//!
//! What the file says is where they begin; what staff change stands in the database, goes to every node within two
//! seconds, and passes the same rules as at start.
//!
//! **How to add one:** its name in [`Live::NAMES`]; its section in [`Live`] if it is a new one; and whoever reads it takes
//! it from the snapshot (`app.settings.now()`) and no more from `app.config`.

use super::{Config, Fault, Limits, Order, Purpose};
use crate::model::payment::LatePolicy;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The part of the settings that a running shop changes.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Live {
    /// How often callers may call.
    pub limits: Limits,
    /// Rules of an order.
    pub order: Order,
    /// Of payments.
    pub pay: LivePay,
    /// Of the log.
    pub log: LiveLog,
}

/// Of the settings of payments those that a running shop changes.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LivePay {
    /// What becomes of money that arrives for an order which closed unpaid.
    pub late_payment: LatePolicy,
}

/// Of the settings of the log those that a running shop changes.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LiveLog {
    /// Directives of tracing's `EnvFilter`.
    pub filter: String,
}

impl Live {
    /// Every name, in the order of `config/default.toml`.
    pub const NAMES: &[&str] = &[
        "limits.per_ip_per_minute",
        "limits.per_user_per_minute",
        "limits.login_per_ip_per_minute",
        "limits.order_per_user_per_minute",
        "limits.phone_per_user_per_minute",
        "limits.staff_sign_in_per_ip_per_minute",
        "limits.per_app_per_minute",
        "limits.routes",
        "log.filter",
        "order.unpaid_minutes",
        "order.lines_max",
        "order.quantity_max",
        "order.freight_fen",
        "order.free_freight_from_fen",
        "order.auto_receive_days",
        "pay.late_payment",
    ];

    /// What the files say.
    pub fn of(config: &Config) -> Self {
        Self {
            limits: config.limits.clone(),
            order: config.order.clone(),
            pay: LivePay { late_payment: config.pay.late_payment },
            log: LiveLog { filter: config.log.filter.clone() },
        }
    }

    /// The value of a setting; `None` when a running shop does not change it.
    pub fn value(&self, name: &str) -> Option<Value> {
        let (section, key) = split(name)?;
        serde_json::to_value(self).ok()?.get(section)?.get(key).cloned()
    }

    /// The same with another value of one setting, if the rules allow it beside the others and beside `config`.
    pub fn with(&self, config: &Config, name: &str, value: &Value) -> Result<Self, Fault> {
        let fault = |message: String| Fault { origin: String::new(), key: name.to_owned(), message };
        let (section, key) = split(name).ok_or_else(|| fault("no running shop changes this".to_owned()))?;
        let mut tree = serde_json::to_value(self).map_err(|error| fault(error.to_string()))?;
        if let Some(place) = tree.get_mut(section).and_then(|section| section.get_mut(key)) {
            *place = value.clone();
        }
        let live: Self = serde_json::from_value(tree).map_err(|error| fault(error.to_string()))?;
        // Nothing that a running shop changes is among the keys that only a real server must have.
        match live.over(config).check(Purpose::Dev) {
            Ok(()) => Ok(live),
            Err(faults) => Err(faults.0.into_iter().next().unwrap_or_else(|| fault("is refused".to_owned()))),
        }
    }

    fn over(&self, config: &Config) -> Config {
        let mut config = config.clone();
        config.limits = self.limits.clone();
        config.order = self.order.clone();
        config.pay.late_payment = self.pay.late_payment;
        config.log.filter.clone_from(&self.log.filter);
        config
    }
}

fn split(name: &str) -> Option<(&str, &str)> {
    Live::NAMES.contains(&name).then(|| name.split_once('.')).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn defaults() -> Config {
        Config::load(None, std::iter::empty(), &[]).expect("the defaults load")
    }

    #[test]
    fn every_name_has_a_value_and_takes_it_again() {
        let config = defaults();
        let live = Live::of(&config);
        for name in Live::NAMES {
            let value = live.value(name).expect("a value");
            let same = live.with(&config, name, &value).expect("its own value is allowed");
            assert_eq!(same.value(name), Some(value), "{name}");
        }
        assert_eq!(live.value("auth.token_key"), None);
    }

    #[test]
    fn the_rules_are_those_of_the_start_and_name_the_key() {
        let config = defaults();
        let live = Live::of(&config);
        let changed = live.with(&config, "order.unpaid_minutes", &json!(5)).expect("allowed");
        assert_eq!((changed.order.unpaid_minutes, changed.order.lines_max), (5, live.order.lines_max));
        for (name, value) in [
            ("limits.per_user_per_minute", json!(0)),
            ("limits.routes", json!([{ "route": "GET /nowhere" }])),
            ("order.unpaid_minutes", json!(0)),
            ("order.unpaid_minutes", json!(u64::MAX)),
            ("order.unpaid_minutes", json!("5")),
            ("order.unpaid_minutes", json!(1.5)),
            ("order.unpaid_minutes", json!(null)),
            ("order.freight_fen", json!(-1)),
            ("order.freight_fen", json!(i64::MAX)),
            ("order.auto_receive_days", json!(100_000)),
            ("pay.late_payment", json!("keep")),
            ("log.filter", json!("weizhan=loud")),
            ("auth.token_key", json!("x")),
            ("order", json!({})),
            ("order.unknown", json!(1)),
        ] {
            let fault = live.with(&config, name, &value).expect_err(name);
            assert_eq!(fault.key, name, "{value}");
        }
    }
}
