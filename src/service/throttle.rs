//! Kinds and queues of jobs that are held back, changed at the command line. The next claim of any node goes by it.

use crate::{
    app::App,
    data,
    model::throttle::{Scope, Throttle, ThrottleRefusal},
    service::{Error, attempt},
};

/// All that are held back.
pub async fn list(app: &App) -> Result<Vec<Throttle>, Error<ThrottleRefusal>> {
    Ok(data::throttle::list(&mut app.database.read().await?).await?)
}

/// Pause a kind or a queue, or let it go on; its limits stay. What runs already is finished.
pub async fn pause(app: &App, scope: Scope, name: &str, paused: bool) -> Result<Throttle, Error<ThrottleRefusal>> {
    change(app, scope, name, |throttle| throttle.paused = paused).await
}

/// Limit how many run at a time, and how many begin in any minute, over all nodes; `None`: no limit.
pub async fn limit(
    app: &App,
    scope: Scope,
    name: &str,
    running_max: Option<i64>,
    per_minute: Option<i64>,
) -> Result<Throttle, Error<ThrottleRefusal>> {
    let fits = [running_max, per_minute].iter().flatten().all(|limit| *limit >= 1);
    if !fits || (scope == Scope::Queue && per_minute.is_some()) {
        return Err(ThrottleRefusal::LimitInvalid.into());
    }
    change(app, scope, name, |throttle| (throttle.running_max, throttle.per_minute) = (running_max, per_minute)).await
}

async fn change(
    app: &App,
    scope: Scope,
    name: &str,
    by: impl Fn(&mut Throttle),
) -> Result<Throttle, Error<ThrottleRefusal>> {
    let by = &by;
    let throttle = attempt(|| async move {
        let mut session = app.database.write().await?;
        let all = data::throttle::list_held(&mut session).await?;
        let found = all.into_iter().find(|one| one.scope == scope && one.name == name);
        let mut throttle = found.unwrap_or_else(|| Throttle::none(scope, name));
        by(&mut throttle);
        data::throttle::put(&mut session, &throttle).await?;
        session.commit().await?;
        Ok(throttle)
    })
    .await?;
    tracing::info!(scope = %scope, name, ?throttle, "what holds jobs back was changed");
    app.jobs_due.notify_one();
    Ok(throttle)
}
