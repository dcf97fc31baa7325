//! Files that only the holder of a key can read, and in which every change is seen: backups.
//!
//! A file is a header and frames. The header is [`MAGIC`] and 32 random bytes; from them and the secret comes the key of this
//! file alone (HKDF-SHA256). A frame is four bytes, whose first bit says that it is the last and whose others are the length
//! of what follows: up to [`FRAME_BYTES`] sealed by AES-256-GCM, with 16 bytes of tag. The nonce counts frames and says which
//! is the last, and the header is authenticated with each: frames that are altered, missing, doubled, in another order or of
//! another file do not open, and a file that was cut off has no last frame.

use super::{Error, Reading, Writing};
use crate::config::Secret;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf,
    rand::fill,
};
use bytes::{Buf as _, BytesMut};

/// How a sealed file begins: its kind, and the number of its form.
const MAGIC: &[u8; 16] = b"weizhan sealed\0\x01";
const SALT_BYTES: usize = 32;
const HEADER_BYTES: usize = MAGIC.len() + SALT_BYTES;
/// Bytes of a frame before it is sealed.
pub const FRAME_BYTES: usize = 256 << 10;
const TAG_BYTES: usize = 16;
const LAST: u32 = 1 << 31;

/// The key of one file, and how many frames it has sealed or opened.
struct Frames {
    key: LessSafeKey,
    header: [u8; HEADER_BYTES],
    count: u64,
}

impl Frames {
    fn new(secret: &Secret, header: [u8; HEADER_BYTES]) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &header);
        let prk = salt.extract(secret.expose().as_bytes());
        let key = prk.expand(&[b"weizhan sealed file"], &AES_256_GCM).expect("a key is short");
        Self { key: LessSafeKey::new(UnboundKey::from(key)), header, count: 0 }
    }

    fn nonce(&mut self, last: bool) -> Nonce {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&self.count.to_be_bytes());
        nonce[11] = u8::from(last);
        self.count += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal(&mut self, mut frame: Vec<u8>, last: bool) -> Vec<u8> {
        let nonce = self.nonce(last);
        self.key.seal_in_place_append_tag(nonce, Aad::from(&self.header), &mut frame).expect("a frame is short");
        let length = u32::try_from(frame.len()).expect("a frame is short");
        let mark = if last { length | LAST } else { length };
        [&mark.to_be_bytes(), frame.as_slice()].concat()
    }

    fn open(&mut self, mut frame: BytesMut, last: bool) -> Option<BytesMut> {
        let nonce = self.nonce(last);
        let length = self.key.open_in_place(nonce, Aad::from(&self.header), &mut frame).ok()?.len();
        frame.truncate(length);
        Some(frame)
    }
}

/// A sealed file on its way. It is there when it is ended, and not before.
pub struct SealedWriting {
    writing: Writing,
    frames: Frames,
    buffer: Vec<u8>,
    /// Bytes that were written, sealed.
    pub bytes: u64,
}

impl std::fmt::Debug for SealedWriting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedWriting").field("writing", &self.writing).finish_non_exhaustive()
    }
}

impl SealedWriting {
    /// Begin one.
    pub async fn begin(mut writing: Writing, secret: &Secret) -> Result<Self, Error> {
        let mut header = [0; HEADER_BYTES];
        header[..MAGIC.len()].copy_from_slice(MAGIC);
        fill(&mut header[MAGIC.len()..]).expect("the system always has random bytes");
        writing.write(&header).await?;
        Ok(Self { writing, frames: Frames::new(secret, header), buffer: Vec::new(), bytes: HEADER_BYTES as u64 })
    }
    /// More of it.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            // A full frame goes when more comes: the last one is known only then.
            if self.buffer.len() == FRAME_BYTES {
                self.send(false).await?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(FRAME_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }
    /// All of it was written: it is there from now on, also after a power cut.
    pub async fn end(mut self) -> Result<u64, Error> {
        self.send(true).await?;
        self.writing.end().await.map(|()| self.bytes)
    }
    /// There will be no file, and nothing is left of it.
    pub async fn abandon(self) {
        self.writing.abandon().await;
    }

    async fn send(&mut self, last: bool) -> Result<(), Error> {
        let frame = self.frames.seal(std::mem::take(&mut self.buffer), last);
        self.bytes += frame.len() as u64;
        self.writing.write(&frame).await
    }
}

/// Why a sealed file cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum Unsealed {
    /// It could not be had.
    #[error(transparent)]
    Storage(#[from] Error),
    /// It is something else.
    #[error("this is no sealed file of weizhan, or one of a newer version")]
    Other,
    /// It does not open.
    #[error("the key is another than it was sealed with, or the file was altered")]
    Closed,
    /// It has no end.
    #[error("the file is not whole: it was cut off")]
    Cut,
}

/// A sealed file that is read.
pub struct SealedReading {
    reading: Reading,
    frames: Frames,
    /// As it came.
    sealed: BytesMut,
    /// What was opened and not taken yet.
    plain: BytesMut,
    ended: bool,
}

impl std::fmt::Debug for SealedReading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedReading").field("reading", &self.reading).finish_non_exhaustive()
    }
}

impl SealedReading {
    /// Begin to read one as a whole.
    pub async fn begin(reading: Reading, secret: &Secret) -> Result<Self, Unsealed> {
        let mut this = Self {
            reading,
            frames: Frames::new(secret, [0; HEADER_BYTES]),
            sealed: BytesMut::new(),
            plain: BytesMut::new(),
            ended: false,
        };
        let header = this.raw(HEADER_BYTES).await?.ok_or(Unsealed::Other)?;
        let header: [u8; HEADER_BYTES] = header.as_ref().try_into().map_err(|_| Unsealed::Other)?;
        if !header.starts_with(MAGIC) {
            return Err(Unsealed::Other);
        }
        this.frames = Frames::new(secret, header);
        Ok(this)
    }
    /// Exactly so many bytes; `None` if it ended before them.
    pub async fn take(&mut self, count: usize) -> Result<Option<BytesMut>, Unsealed> {
        while self.plain.len() < count {
            let Some(frame) = self.frame().await? else { return Ok(None) };
            self.plain.unsplit(frame);
        }
        Ok(Some(self.plain.split_to(count)))
    }
    /// Whether nothing follows, and nothing is missing.
    pub async fn is_over(&mut self) -> Result<bool, Unsealed> {
        while self.plain.is_empty() {
            match self.frame().await? {
                Some(frame) => self.plain.unsplit(frame),
                None => return Ok(self.raw(1).await?.is_none()),
            }
        }
        Ok(false)
    }

    async fn frame(&mut self) -> Result<Option<BytesMut>, Unsealed> {
        if self.ended {
            return Ok(None);
        }
        let mark = self.raw(4).await?.ok_or(Unsealed::Cut)?.get_u32();
        let (last, length) = (mark & LAST != 0, (mark & !LAST) as usize);
        if !(TAG_BYTES..=FRAME_BYTES + TAG_BYTES).contains(&length) {
            return Err(Unsealed::Closed);
        }
        let frame = self.raw(length).await?.ok_or(Unsealed::Cut)?;
        self.ended = last;
        self.frames.open(frame, last).map(Some).ok_or(Unsealed::Closed)
    }

    /// So many bytes as they came; `None` if there are fewer.
    async fn raw(&mut self, count: usize) -> Result<Option<BytesMut>, Error> {
        while self.sealed.len() < count {
            let Some(piece) = self.reading.next().await? else { return Ok(None) };
            self.sealed.extend_from_slice(&piece);
        }
        Ok(Some(self.sealed.split_to(count)))
    }
}
