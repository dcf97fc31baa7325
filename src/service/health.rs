//! How a node is.

use crate::{
    app::App,
    service::{Error, Never},
};

/// Whether the database answers, without which nothing can be served.
pub async fn ready(app: &App) -> Result<(), Error<Never>> {
    Ok(app.database.ping().await?)
}
