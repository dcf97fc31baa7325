//! Looks at what other nodes changed, because nobody may be there to tell.

use crate::{app::App, service};
use std::{collections::BTreeMap, time::Duration};

/// How long a change may stay unseen here when nothing was heard of it.
const LOOK: Duration = Duration::from_secs(1);

/// Look each second until the application stops.
pub async fn keep(app: App) {
    let (stopping, mut seen, mut failing) = (app.stopping(), BTreeMap::new(), false);
    while !stopping.is_cancelled() {
        let looked = service::hot::look(&app, &mut seen).await;
        if let (Err(fault), false) = (&looked, failing) {
            tracing::warn!(error = fault.chain(), "what other nodes changed could not be looked at");
        }
        failing = looked.is_err();
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
