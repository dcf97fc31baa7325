//! How many calls a minute each limit allows.

use super::{Caller, Limited};
use crate::config;
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Calls a minute; they may change while calls are counted. Zero is no limit.
pub(super) struct Rules {
    per_minute: [AtomicU32; 8],
    routes: RwLock<HashMap<Arc<str>, u32>>,
}

impl Rules {
    pub(super) fn new(settings: &config::Limits) -> Self {
        let rules = Self { per_minute: Default::default(), routes: RwLock::default() };
        rules.set(settings);
        rules
    }
    pub(super) fn has(&self, limited: Limited) -> bool {
        self.per_minute[limited as usize].load(Ordering::Relaxed) > 0
    }
    pub(super) fn set(&self, settings: &config::Limits) {
        let routes = settings.routes.iter().map(|one| (Arc::from(one.route.as_str()), one.per_minute));
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = routes.collect();
        for (limited, rule) in Limited::ALL.into_iter().zip(&self.per_minute) {
            let per_minute = match limited {
                Limited::Address => settings.per_ip_per_minute,
                Limited::User => settings.per_user_per_minute,
                Limited::Route => u32::from(!settings.routes.is_empty()),
                Limited::App => settings.per_app_per_minute,
                Limited::SignIn => settings.login_per_ip_per_minute,
                Limited::Order => settings.order_per_user_per_minute,
                Limited::Phone => settings.phone_per_user_per_minute,
                Limited::StaffSignIn => settings.staff_sign_in_per_ip_per_minute,
            };
            rule.store(per_minute, Ordering::Relaxed);
        }
    }
    pub(super) fn find(&self, (limited, caller): &(Limited, Caller)) -> Option<u32> {
        let per_minute = self.per_minute[*limited as usize].load(Ordering::Relaxed);
        match (limited, caller) {
            _ if per_minute == 0 => None,
            (Limited::Route, Caller::All(name)) => {
                self.routes.read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
            }
            _ => Some(per_minute),
        }
    }
}
