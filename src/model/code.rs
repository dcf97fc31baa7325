//! Mini-program codes (小程序码): a picture that leads to a page, and the short scene in it that stands for the page's
//! full query.

use crate::model::{id::CodeId, time::Timestamp};

/// Most characters of the path of a page.
pub const PAGE_CHARS_MAX: usize = 128;
/// Most characters of a query.
pub const QUERY_CHARS_MAX: usize = 1_024;

word_enum! {
    /// Which version of the mini-program a code opens (`env_version`).
    pub enum CodeVersion {
        /// The released one; the page must be in it.
        Release = "release",
        /// The one being tried.
        Trial = "trial",
        /// The developers'.
        Develop = "develop",
    }
}

/// What a code is to lead to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CodeWish {
    /// Of which mini-program.
    pub appid: String,
    /// The path of a page, without `/` before it and without a query.
    pub page: String,
    /// What the page is given, such as `id=7&from=poster`; longer than the 32 characters that a code can hold.
    pub query: String,
    /// Which version of the mini-program.
    pub version: CodeVersion,
    /// Of the picture, in pixels: 280 to 1280.
    pub width: i64,
}

/// A code.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Code {
    /// Which.
    pub id: CodeId,
    /// What stands in the picture: 20 hexadecimal digits.
    pub scene: String,
    /// Of which mini-program.
    pub appid: String,
    /// To which page it leads.
    pub page: String,
    /// What the page is given.
    pub query: String,
    /// In which version.
    pub version: CodeVersion,
    /// Of the picture, in pixels.
    pub width: i64,
    /// The address of the picture, `/objects/…`; absent until WeChat has drawn it.
    pub picture_url: Option<String>,
    /// When it was asked for.
    pub created_ms: Timestamp,
}

refusals! {
    /// Why there is no such code.
    pub enum CodeRefusal {
        /// The scene is of no code of ours.
        NotFound = Missing, "code.not_found", "no such code";
        /// The mini-program is none of ours.
        AppUnknown = Invalid, "code.app_unknown", "no such mini-program here";
        /// WeChat does not find the page in that version of the mini-program.
        PageUnknown = Invalid, "code.page_unknown", "the mini-program has no such page in that version";
    }
}
plain_refusal!(CodeRefusal);
