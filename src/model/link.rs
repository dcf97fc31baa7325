//! Links from outside into a mini-program: from a text message, a mail or a web page.

use crate::model::{code::CodeVersion, id::LinkId, time::Timestamp};

/// Most days for which WeChat makes a link.
pub const DAYS_MAX: i64 = 30;

word_enum! {
    /// What sort of link.
    pub enum LinkKind {
        /// `https://…`, which any browser opens (URL Link).
        Link = "link",
        /// `weixin://…`, which a phone with WeChat opens (URL Scheme).
        Scheme = "scheme",
    }
}

/// What a link is to lead to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LinkWish {
    /// What sort of link.
    pub kind: LinkKind,
    /// Into which mini-program.
    pub appid: String,
    /// The path of a page, without `/` before it and without a query.
    pub page: String,
    /// What the page is given.
    pub query: String,
    /// Into which version of the mini-program.
    pub version: CodeVersion,
    /// For how many days: 1 to 30.
    pub days: i64,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Link {
    /// Which.
    pub id: LinkId,
    /// What sort.
    pub kind: LinkKind,
    /// Into which mini-program.
    pub appid: String,
    /// To which page.
    pub page: String,
    /// What the page is given.
    pub query: String,
    /// Into which version.
    pub version: CodeVersion,
    /// The link itself.
    pub url: String,
    /// Until when it opens.
    pub expires_ms: Timestamp,
    /// When it was made.
    pub created_ms: Timestamp,
}

refusals! {
    /// Why there is no link.
    pub enum LinkRefusal {
        /// The mini-program is none of ours.
        AppUnknown = Invalid, "link.app_unknown", "no such mini-program here";
        /// WeChat does not find the page in that version of the mini-program.
        PageUnknown = Invalid, "link.page_unknown", "the mini-program has no such page in that version";
        /// WeChat makes no more links today.
        QuotaUsed = TooMany, "link.quota_used", "all links of the day are made";
    }
}
plain_refusal!(LinkRefusal);
