//! Links from outside into a mini-program: made by WeChat, kept, and given again while they are good for long.

use crate::{
    app::App,
    data,
    model::{
        id::LinkId,
        link::{Link, LinkKind, LinkRefusal, LinkWish},
        page::{Page, Place},
        time::{Day, days},
    },
    service::{Error, attempt, audit, code::fingerprint, staff::Clerk},
    wechat::{self, LinkTarget},
};
use std::time::Duration;

/// A link is given again while it opens for so long.
const GOOD_FOR: Duration = days(1);

/// A link that leads there. One that was made in the same words before is given again while it opens for a day and more;
/// what WeChat makes in a day is counted, and no more is asked for.
pub async fn create(app: &App, clerk: &Clerk, wish: &LinkWish) -> Result<Link, Error<LinkRefusal>> {
    if !app.wechat.knows_app(&wish.appid) {
        return Err(LinkRefusal::AppUnknown.into());
    }
    let (fingerprint, now) = (fingerprint(wish), app.now());
    let mut session = app.database.read().await?;
    if let Some(known) = data::link::find(&mut session, &fingerprint, now.plus(GOOD_FOR)).await? {
        return Ok(known);
    }
    let made = data::link::count(&mut session, &wish.appid, Day(now.day()).start()).await?;
    drop(session);
    let most = i64::from(app.config.wechat.links_per_day);
    if made >= most {
        return Err(LinkRefusal::QuotaUsed.into());
    }
    if (made + 1) * 10 > most * 9 {
        tracing::error!(appid = wish.appid, made, most, "the links of the day run out");
    }
    let url = ask(app, wish).await.map_err(|error| match error.code() {
        "40165" => Error::Refused(LinkRefusal::PageUnknown),
        "44993" => Error::Refused(LinkRefusal::QuotaUsed),
        _ => error.into(),
    })?;
    let LinkWish { kind, appid, page, query, version, days: count } = wish.clone();
    let expires_ms = now.plus(days(u64::try_from(count).unwrap_or(1)));
    let link = Link { id: app.ids.next(LinkId), kind, appid, page, query, version, url, expires_ms, created_ms: now };
    attempt(|| async {
        let mut act = audit::begin(app).await?;
        data::link::insert(&mut act, &link, &fingerprint).await?;
        act.commit(app, clerk, "link.create", &format!("link:{}", link.id), wish).await
    })
    .await?;
    Ok(link)
}

async fn ask(app: &App, wish: &LinkWish) -> Result<String, wechat::Error> {
    let target = LinkTarget { path: &wish.page, query: &wish.query, env_version: wish.version.word() };
    match wish.kind {
        LinkKind::Link => app.wechat.url_link(&wish.appid, target, wish.days).await,
        LinkKind::Scheme => app.wechat.url_scheme(&wish.appid, target, wish.days).await,
    }
}

/// A page of links, latest first, for staff.
pub async fn list(app: &App, before: Option<i64>, limit: i64) -> Result<Page<Link>, Error<LinkRefusal>> {
    let mut session = app.database.read().await?;
    let rows = data::link::list(&mut session, before.unwrap_or(i64::MAX), limit + 1).await?;
    Ok(Page::cut(rows, limit, |link| Place { value: 0, id: link.id.0 }))
}
