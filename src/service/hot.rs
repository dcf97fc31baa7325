//! Forgetting hot copies together with the change that made them old.
//!
//! The writer forgets them right after its commit; that is quick and reaches every node in milliseconds. Should it die in
//! between, or Redis be away, a job of the same transaction does it: it is due a moment later and withdrawn when it was
//! not needed. Kinds that may be shown for long are counted in the database as well, and each node looks at the counts
//! every second: so several nodes need no Redis to agree, and a node that hears nothing learns of it all the same.

use crate::{
    app::App,
    cache::TABLE,
    data::{self, Session},
    model::{
        hot::Hot,
        id::JobId,
        job::{Claim, Work},
    },
    service::{Error, Fault, Never, job},
};
use std::{collections::BTreeMap, time::Duration};

/// How long the writer has before the job does its work.
const HEAD_START: Duration = Duration::from_secs(1);

/// What a change made old, and the job that will see to it.
#[derive(Debug)]
#[must_use = "call `forget` after the commit"]
pub struct Mark {
    job: JobId,
    hot: Vec<Hot>,
}

/// Say in the transaction of a change what it makes old.
pub async fn mark(app: &App, session: &mut Session, hot: Vec<Hot>) -> Result<Mark, Fault> {
    let counted =
        TABLE.iter().filter(|policy| policy.counted && hot.iter().any(|hot| hot.namespace == policy.namespace));
    for policy in counted {
        data::cache::step(session, policy.namespace).await?;
    }
    let (job, now) = (app.ids.next(JobId), app.now());
    let work = Work::ForgetCached { hot: hot.clone() };
    if !data::job::enqueue(session, job, &work, now.plus(HEAD_START), None, now).await? {
        return Err(Fault::contended("the id of a job is taken"));
    }
    Ok(Mark { job, hot })
}

/// Forget it everywhere, after the commit.
pub async fn forget(app: &App, mark: Mark) {
    if !forget_all(app, &mark.hot).await {
        return;
    }
    let withdrawn = async {
        let mut session = app.database.write().await?;
        data::job::withdraw(&mut session, mark.job).await?;
        session.commit().await
    };
    if let Err(error) = withdrawn.await {
        // Then it will run, which does no harm.
        tracing::debug!(job.id = %mark.job, %error, "a job that is not needed could not be withdrawn");
    }
}

/// The job: forget it everywhere, however late. It is tried again until Redis has heard.
pub async fn forget_late(app: &App, claim: &Claim, hot: &[Hot]) -> Result<(), Error<Never>> {
    if !forget_all(app, hot).await {
        return Err(Fault::broken("Redis did not hear what is to be forgotten").into());
    }
    job::end_alone(app, claim, &job::Next::Gone).await
}

async fn forget_all(app: &App, hot: &[Hot]) -> bool {
    let mut heard = true;
    for hot in hot {
        heard &= app.cache.forget_hot(hot).await;
    }
    heard
}

/// Look once whether what is counted was changed, here or elsewhere, since the counts in `seen`; what was is forgotten.
pub async fn look(app: &App, seen: &mut BTreeMap<String, i64>) -> Result<(), Fault> {
    let counts = data::cache::list(&mut app.database.read().await?).await?;
    for (namespace, version) in counts {
        let changed = seen.get(&namespace) != Some(&version);
        // A Redis that did not hear is told the next time again, so that nobody finds the old value when it is back.
        if changed && app.cache.forget_hot(&Hot { namespace: namespace.clone(), name: None }).await {
            seen.insert(namespace, version);
        }
    }
    Ok(())
}
