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
#[derive(Debug)]
pub struct Object {
    pub bytes: bytes::Bytes,
    pub content_type: &'static str,
}
#[derive(Debug)]
pub struct ObjectKey;
impl ObjectKey {
    pub fn parse(_: &str) -> Result<Self, Error> {
        Err(Error)
    }
}
impl Storage {
    pub async fn get(&self, _: &ObjectKey) -> Result<Option<Object>, Error> {
        Ok(None)
    }
}
