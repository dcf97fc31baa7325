//! Mini-program codes: drawn by WeChat once, kept in the storage, and resolved by their scene.

use crate::{
    app::{App, random_bytes},
    data,
    model::{
        code::{Code, CodeRefusal, CodeVersion, CodeWish},
        id::CodeId,
        page::{Page, Place},
    },
    service::{Error, Fault, attempt, audit, staff::Clerk},
    storage::ObjectKey,
    wechat::UnlimitedCode,
};
use aws_lc_rs::digest;
use axum::body::Bytes;

/// A code that leads there; the same for the same wish, drawn by WeChat once.
///
/// Its scene is written down before it is drawn: no picture leads to what nobody knows. When WeChat is away, the next ask
/// has it drawn.
pub async fn create(app: &App, clerk: &Clerk, wish: &CodeWish) -> Result<Code, Error<CodeRefusal>> {
    if !app.wechat.knows_app(&wish.appid) {
        return Err(CodeRefusal::AppUnknown.into());
    }
    let code = attempt(|| find_or_insert(app, clerk, wish)).await?;
    if code.picture_url.is_some() {
        return Ok(code);
    }
    let ask = UnlimitedCode {
        scene: &code.scene,
        page: &code.page,
        check_path: code.version == CodeVersion::Release,
        env_version: code.version.word(),
        width: code.width,
    };
    let picture = app.wechat.unlimited_code(&code.appid, ask).await.map_err(|error| match error.code() {
        "41030" => Error::Refused(CodeRefusal::PageUnknown),
        _ => error.into(),
    })?;
    let ending = if picture.starts_with(b"\x89PNG") { "png" } else { "jpg" };
    let name = format!("code/{}.{ending}", code.scene);
    let key = ObjectKey::parse(&name).map_err(|_| Fault::broken(format!("{name} is no name of an object")))?;
    app.storage.put(&key, Bytes::from(picture)).await?;
    let url = format!("/objects/{name}");
    attempt(|| async {
        let mut session = app.database.write().await?;
        data::code::draw(&mut session, code.id, &url).await?;
        session.commit().await?;
        Ok(())
    })
    .await?;
    Ok(Code { picture_url: Some(url), ..code })
}

async fn find_or_insert(app: &App, clerk: &Clerk, wish: &CodeWish) -> Result<Code, Error<CodeRefusal>> {
    let mut act = audit::begin(app).await?;
    let fingerprint = fingerprint(wish);
    if let Some(known) = data::code::find_by_fingerprint(&mut act, &fingerprint).await? {
        act.unchanged().await?;
        return Ok(known);
    }
    let CodeWish { appid, page, query, version, width } = wish.clone();
    let (id, scene, created_ms) = (app.ids.next(CodeId), scene(), app.now());
    let code = Code { id, scene, appid, page, query, version, width, picture_url: None, created_ms };
    if !data::code::insert(&mut act, &code, &fingerprint).await? {
        return Err(Fault::contended("somebody else asks for the same code").into());
    }
    act.commit(app, clerk, "code.create", &format!("code:{}", code.id), wish).await?;
    Ok(code)
}

/// 80 random bits: nobody guesses that of another code.
fn scene() -> String {
    hex::encode(random_bytes::<10>())
}

/// The same for the same wish.
pub(super) fn fingerprint(wish: &impl serde::Serialize) -> String {
    let text = serde_json::to_vec(wish).unwrap_or_default();
    hex::encode(digest::digest(&digest::SHA256, &text))
}

/// What a scene stands for.
pub async fn resolve(app: &App, scene: &str) -> Result<Code, Error<CodeRefusal>> {
    let mut session = app.database.read().await?;
    Ok(data::code::find_by_scene(&mut session, scene).await?.ok_or(CodeRefusal::NotFound)?)
}

/// A page of codes, latest first, for staff.
pub async fn list(app: &App, before: Option<i64>, limit: i64) -> Result<Page<Code>, Error<CodeRefusal>> {
    let mut session = app.database.read().await?;
    let rows = data::code::list(&mut session, before.unwrap_or(i64::MAX), limit + 1).await?;
    Ok(Page::cut(rows, limit, |code| Place { value: 0, id: code.id.0 }))
}
