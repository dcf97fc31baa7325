//! The settings of subscribe messages.

use super::{Config, check::Check};
use crate::model::message::{Kind, Occasion, ProgramState, TEMPLATE_ID_MAX, fill};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Places a template of WeChat has at most.
const PLACES_MAX: usize = 5;
/// Most characters of a page's path.
const PAGE_MAX: usize = 255;

/// What users are told by subscribe messages (订阅消息).
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    /// Which version of the mini-program a tap opens.
    pub version: ProgramState,
    /// By which template what is told.
    pub templates: Vec<Template>,
}

/// One template of one mini-program.
///
/// All keys default here, empty, so that they can be set one by one from the environment; a template that lacks one is
/// refused when the settings are checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Template {
    /// Of which mini-program.
    pub appid: String,
    /// What it tells of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occasion: Option<Occasion>,
    /// Its id (`priTmplId`).
    pub template_id: String,
    /// Where a tap leads, with a query or not; empty: nowhere.
    pub page: String,
    /// The text of each of its places.
    pub data: BTreeMap<String, String>,
}

impl Template {
    /// The keys of an entry, for whoever must know them without one.
    pub(super) const KEYS: [&str; 5] = ["appid", "occasion", "template_id", "page", "data"];
}

impl Messages {
    /// The template of a mini-program for what happened.
    pub fn template(&self, appid: &str, occasion: Occasion) -> Option<&Template> {
        self.templates.iter().find(|template| template.appid == appid && template.occasion == Some(occasion))
    }
}

impl Check {
    pub(super) fn messages(&mut self, config: &Config) {
        let mut seen = BTreeSet::new();
        for (position, template) in config.messages.templates.iter().enumerate() {
            let key = |name: &str| format!("messages.templates.{position}.{name}");
            let known = config.wechat.apps.iter().any(|app| app.appid == template.appid);
            self.demand(known, &key("appid"), "one of wechat.apps is expected");
            let form = (1..=TEMPLATE_ID_MAX).contains(&template.template_id.len())
                && template.template_id.bytes().all(|byte| byte.is_ascii_graphic());
            self.demand(form, &key("template_id"), "the id of a template is expected, 1 to 64 characters");
            let path = !template.page.starts_with('/') && template.page.chars().count() <= PAGE_MAX;
            self.demand(path, &key("page"), "a path without / before it is expected, up to 255 characters");
            let Some(occasion) = template.occasion else {
                let all: Vec<_> = Occasion::ALL.iter().map(|occasion| occasion.word()).collect();
                self.demand(false, &key("occasion"), format!("one of {} is expected", all.join(", ")));
                continue;
            };
            self.demand(seen.insert((&template.appid, occasion.word())), &key("occasion"), "is listed twice");
            let places = (1..=PLACES_MAX).contains(&template.data.len());
            self.demand(places, &key("data"), "1 to 5 places are expected");
            let word = |name: &str| occasion.words().contains(&name).then(String::new);
            let known = format!("the words of {occasion} are {{{}}}", occasion.words().join("}, {"));
            self.demand(fill(&template.page, word).is_ok(), &key("page"), &known);
            for (place, text) in &template.data {
                let named = Kind::of(place).is_some();
                self.demand(
                    named,
                    &key(&format!("data.{place}")),
                    "a place as WeChat names it is expected, such as thing1",
                );
                self.demand(fill(text, word).is_ok(), &key(&format!("data.{place}")), &known);
            }
        }
    }
}
