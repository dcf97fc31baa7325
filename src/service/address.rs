//! A buyer's addresses.

use crate::{
    app::App,
    data,
    model::{
        address::{ADDRESSES_MAX, Address, AddressRefusal, StoredAddress},
        id::{AddressId, UserId},
    },
    service::{Error, Fault, attempt},
};

/// An address with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub id: AddressId,
    /// Where.
    pub address: Address,
    /// Whether it is offered first.
    pub is_default: bool,
}

fn place(id: AddressId) -> String {
    format!("addresses.sealed:{id}")
}

/// Open a stored address.
pub fn open(app: &App, stored: &StoredAddress) -> Result<Entry, Fault> {
    let address = unseal(app, &place(stored.id), &stored.sealed)?;
    Ok(Entry { id: stored.id, address, is_default: stored.is_default })
}

/// Open an address that was sealed for `place`.
pub fn unseal(app: &App, place: &str, sealed: &[u8]) -> Result<Address, Fault> {
    let plain = app.vault.open(place, sealed);
    plain
        .and_then(|plain| serde_json::from_slice(&plain).ok())
        .ok_or_else(|| Fault::broken(format!("{place} does not open with privacy.data_key")))
}

/// Seal an address for `place`.
pub fn seal(app: &App, place: &str, address: &Address) -> Vec<u8> {
    app.vault.seal(place, &serde_json::to_vec(address).unwrap_or_default())
}

/// All of a buyer's, the default one first.
pub async fn list(app: &App, user: UserId) -> Result<Vec<Entry>, Error<AddressRefusal>> {
    let rows = data::address::list(&mut app.database.read().await?, user).await?;
    Ok(rows.iter().map(|row| open(app, row)).collect::<Result<_, _>>()?)
}

/// A new one.
pub async fn add(app: &App, user: UserId, address: &Address, is_default: bool) -> Result<Entry, Error<AddressRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        if !data::address::hold(&mut session, user).await? {
            return Err(AddressRefusal::NotFound.into());
        }
        let count = data::address::count(&mut session, user).await?;
        if count >= ADDRESSES_MAX {
            return Err(AddressRefusal::TooMany.into());
        }
        let id = app.ids.next(AddressId);
        let sealed = seal(app, &place(id), address);
        // The first one is the default whatever was said.
        let row = StoredAddress { id, sealed, is_default: is_default || count == 0, created_ms: app.now() };
        data::address::insert(&mut session, user, &row).await?;
        if row.is_default {
            data::address::clear_default(&mut session, user, id).await?;
        }
        session.commit().await?;
        Ok(Entry { id, address: address.clone(), is_default: row.is_default })
    })
    .await
}

/// Change one.
pub async fn change(
    app: &App,
    user: UserId,
    id: AddressId,
    address: &Address,
    is_default: bool,
) -> Result<Entry, Error<AddressRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        if !data::address::hold(&mut session, user).await? {
            return Err(AddressRefusal::NotFound.into());
        }
        let stored = data::address::find(&mut session, user, id).await?.ok_or(AddressRefusal::NotFound)?;
        let row = StoredAddress { sealed: seal(app, &place(id), address), is_default, ..stored };
        if !data::address::update(&mut session, user, &row, app.now()).await? {
            return Err(AddressRefusal::NotFound.into());
        }
        if is_default {
            data::address::clear_default(&mut session, user, id).await?;
        }
        session.commit().await?;
        Ok(Entry { id, address: address.clone(), is_default })
    })
    .await
}

/// Forget one.
pub async fn remove(app: &App, user: UserId, id: AddressId) -> Result<(), Error<AddressRefusal>> {
    attempt(|| async {
        let mut session = app.database.write().await?;
        if !data::address::remove(&mut session, user, id).await? {
            return Err(AddressRefusal::NotFound.into());
        }
        session.commit().await?;
        Ok(())
    })
    .await
}
