//! A file that comes by way of us, piece by piece.

use super::{existing, key_of};
use crate::{
    app::App,
    model::{
        id::UploadId,
        time::Timestamp,
        upload::{Owner, UploadRefusal, UploadState},
    },
    service::Error,
    storage::Writing,
};

/// A file on its way. Dropped before its end it leaves nothing that the sweep would not find.
#[derive(Debug)]
pub struct Receiving {
    writing: Writing,
    /// What is still allowed.
    left: u64,
    is_empty: bool,
    expires_ms: Timestamp,
}

/// Begin to take the file of an upload.
pub async fn receive(app: &App, owner: Owner, id: UploadId) -> Result<Receiving, Error<UploadRefusal>> {
    let upload = existing(&mut app.database.read().await?, owner, id).await?;
    if upload.state != UploadState::Pending {
        return Err(UploadRefusal::Confirmed.into());
    }
    if upload.expires_ms < app.now() {
        return Err(UploadRefusal::NotFound.into());
    }
    let writing = app.storage.write(&key_of(&upload.draft_key)?).await?;
    let left = u64::try_from(upload.bytes).unwrap_or(0);
    Ok(Receiving { writing, left, is_empty: true, expires_ms: upload.expires_ms })
}

impl Receiving {
    /// The next piece; refused as soon as there are too many bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error<UploadRefusal>> {
        let left = self.left.checked_sub(bytes.len() as u64).ok_or(UploadRefusal::TooLarge)?;
        (self.left, self.is_empty) = (left, self.is_empty && bytes.is_empty());
        Ok(self.writing.write(bytes).await?)
    }
    /// All of it came.
    pub async fn end(self, app: &App) -> Result<(), Error<UploadRefusal>> {
        let late = self.expires_ms < app.now();
        if self.is_empty || late {
            self.abandon().await;
            return Err(if late { UploadRefusal::NotFound } else { UploadRefusal::TooLarge }.into());
        }
        Ok(self.writing.end().await?)
    }
    /// It is not going to be all of it.
    pub async fn abandon(self) {
        self.writing.abandon().await;
    }
}
