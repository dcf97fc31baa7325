//! stub
/// E
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct Error;
/// S
#[derive(Debug)]
pub struct Storage;
impl Storage {
    /// o
    pub async fn open(_: &crate::config::Storage) -> Result<Self, Error> {
        Ok(Self)
    }
}
