//! Running a unit of work again when a race was lost.

use super::Error;
use crate::{app::random_number, model::refusal::Refusal};
use std::{future::Future, time::Duration};

/// How often a unit is run again.
const AGAIN_MAX: u32 = 3;

/// Run a unit of work; when another writer was in the way, the whole of it again, up to three times, after 5 to 50 ms.
///
/// A unit must do nothing before its commit that cannot be undone: it is run from its beginning.
pub async fn attempt<T, R: Refusal, Fut>(unit: impl Fn() -> Fut) -> Result<T, Error<R>>
where
    Fut: Future<Output = Result<T, Error<R>>>,
{
    let mut again = 0;
    loop {
        match unit().await {
            Err(error) if error.is_contended() && again < AGAIN_MAX => {
                again += 1;
                tracing::debug!(%error, again, "a race was lost");
                tokio::time::sleep(Duration::from_millis(5 + random_number(45))).await;
            }
            outcome => return outcome,
        }
    }
}
