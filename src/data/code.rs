//! Rows of `codes`.

use super::{Error, Session};
use crate::model::{code::Code, id::CodeId};

macro_rules! select {
    ($rest:literal) => {
        (concat!(
            "SELECT id, scene, appid, page, query, version, width, picture_url, created_ms FROM codes WHERE ",
            $rest
        ))
    };
}

statements! {
    FIND_BY_SCENE = (select!("scene = ?"));
    FIND_BY_FINGERPRINT = (select!("fingerprint = ?"));
    LIST = (select!("id < ? ORDER BY id DESC LIMIT ?"));
    INSERT = "INSERT INTO codes (id, scene, fingerprint, appid, page, query, version, width, created_ms)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    DRAW = "UPDATE codes SET picture_url = ? WHERE id = ? AND picture_url IS NULL";
}

/// The code of a scene.
pub async fn find_by_scene(session: &mut Session, scene: &str) -> Result<Option<Code>, Error> {
    session.optional(FIND_BY_SCENE, (scene,)).await
}
/// The code that was asked for in these words before.
pub async fn find_by_fingerprint(session: &mut Session, fingerprint: &str) -> Result<Option<Code>, Error> {
    session.optional(FIND_BY_FINGERPRINT, (fingerprint,)).await
}
/// All codes, latest first.
pub async fn list(session: &mut Session, before: i64, limit: i64) -> Result<Vec<Code>, Error> {
    session.all(LIST, (before, limit)).await
}
/// A new code, whose picture is not drawn yet; `false` when it is there.
pub async fn insert(session: &mut Session, row: &Code, fingerprint: &str) -> Result<bool, Error> {
    let Code { id, scene, appid, page, query, version, width, created_ms, .. } = row;
    let texts = (scene.as_str(), fingerprint, appid.as_str(), page.as_str(), query.as_str());
    let values = (*id, texts.0, texts.1, texts.2, texts.3, texts.4, *version, *width, *created_ms);
    session.insert_new(INSERT, values).await
}
/// Its picture is there; `false` when it was before.
pub async fn draw(session: &mut Session, id: CodeId, picture_url: &str) -> Result<bool, Error> {
    Ok(session.execute(DRAW, (picture_url, id)).await? == 1)
}
