//! Objects of the shop: pictures, served from the storage.

use crate::{
    app::App,
    model::object::ObjectRefusal,
    service::{Error, upload},
    storage::{Object, ObjectKey},
};

/// An object by its key, if anybody may see it; with a pass, one that is hidden too.
pub async fn view(app: &App, key: &str, pass: Option<&str>) -> Result<Object, Error<ObjectRefusal>> {
    let key = ObjectKey::parse(key).map_err(|_| ObjectRefusal::NotFound)?;
    if !upload::may_be_seen(app, &key, pass).await? {
        return Err(ObjectRefusal::NotFound.into());
    }
    app.storage.get(&key).await?.ok_or_else(|| ObjectRefusal::NotFound.into())
}
