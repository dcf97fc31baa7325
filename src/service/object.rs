//! Objects of the shop: pictures, served from the storage.

use crate::{
    app::App,
    model::object::ObjectRefusal,
    service::Error,
    storage::{Object, ObjectKey},
};

/// An object by its key.
pub async fn view(app: &App, key: &str) -> Result<Object, Error<ObjectRefusal>> {
    let key = ObjectKey::parse(key).map_err(|_| ObjectRefusal::NotFound)?;
    app.storage.get(&key).await?.ok_or_else(|| ObjectRefusal::NotFound.into())
}
