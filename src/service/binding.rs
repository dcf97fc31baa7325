//! Which queue takes which jobs, changed at the command line. Every node follows within two seconds, this one at once.

use crate::{
    app::{App, Settings},
    data,
    model::binding::{Binding, BindingRefusal, is_pattern, is_queue},
    service::{Error, attempt},
};

/// All bindings.
pub async fn list(app: &App) -> Result<Vec<Binding>, Error<BindingRefusal>> {
    Ok(data::binding::list(&mut app.database.read().await?).await?)
}

/// Bind a pattern to a queue, in the place of what bound the two before. Jobs that wait stay where they are.
pub async fn put(app: &App, row: &Binding) -> Result<(), Error<BindingRefusal>> {
    if !is_pattern(&row.pattern) {
        return Err(BindingRefusal::PatternInvalid.into());
    }
    if !is_queue(&row.queue) || row.gray_queue.as_deref().is_some_and(|gray| !is_queue(gray)) {
        return Err(BindingRefusal::QueueInvalid.into());
    }
    if !(0..=100).contains(&row.gray_percent) || (row.gray_queue.is_none() && row.gray_percent > 0) {
        return Err(BindingRefusal::ShareInvalid.into());
    }
    attempt(|| async {
        let mut session = app.database.write().await?;
        data::setting::step(&mut session).await?;
        data::binding::remove(&mut session, &row.pattern, &row.queue).await?;
        data::binding::insert(&mut session, row).await?;
        Ok(session.commit().await?)
    })
    .await?;
    told(app).await
}

/// Take a binding away.
pub async fn remove(app: &App, pattern: &str, queue: &str) -> Result<(), Error<BindingRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        data::setting::step(&mut session).await?;
        if !data::binding::remove(&mut session, pattern, queue).await? {
            return Err(BindingRefusal::NotFound.into());
        }
        Ok(session.commit().await?)
    })
    .await?;
    told(app).await
}

async fn told(app: &App) -> Result<(), Error<BindingRefusal>> {
    app.refresh_settings().await?;
    app.cache.tell(Settings::CHANGED).await;
    Ok(())
}
