//! Reading a file from its beginning, never past its end.

use super::Fault;

/// What has not been read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Take<'a>(pub(super) &'a [u8]);

impl<'a> Take<'a> {
    /// So many bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Fault::Broken)?;
        self.0 = rest;
        Ok(taken)
    }
    /// So many bytes, as an array.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.bytes(N)?.try_into().map_err(|_| Fault::Broken)
    }
    /// One byte.
    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.array::<1>()?[0])
    }
    /// What is left, if it begins with these bytes, after them.
    pub(super) fn expect(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.0 = self.0.strip_prefix(bytes).ok_or(Fault::Broken)?;
        Ok(())
    }
    /// The end, or bytes that have no business after it.
    pub(super) fn end(self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(Fault::Polyglot) }
    }
}
