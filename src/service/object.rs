//! Objects of the shop: pictures, served from the storage.

pub use crate::storage::{Found, Reading};

use crate::{
    app::App,
    model::object::{ObjectRefusal, Reader},
    service::{Error, upload},
    storage::ObjectKey,
};

/// Where an object is to be had.
#[derive(Debug)]
pub enum View {
    /// From a CDN or a domain of the shop's own, at this address.
    Elsewhere(String),
    /// From us.
    Here(Found),
}

/// An object by its key, if anybody may see it; with a pass, one that is hidden too, which only we know to be lent.
pub async fn view(app: &App, key: &str, pass: Option<&str>, reader: &Reader) -> Result<View, Error<ObjectRefusal>> {
    let key = ObjectKey::parse(key).map_err(|_| ObjectRefusal::NotFound)?;
    if !upload::may_be_seen(app, &key, pass).await? {
        return Err(ObjectRefusal::NotFound.into());
    }
    if pass.is_none()
        && let Some(url) = app.storage.public_url(&key, app.now())
    {
        return Ok(View::Elsewhere(url.into()));
    }
    let found = app.storage.read(&key, reader).await?;
    found.map(View::Here).ok_or_else(|| ObjectRefusal::NotFound.into())
}
