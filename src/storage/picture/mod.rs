//! Pictures of strangers: looked at, and made into pictures that may be shown.
//!
//! A file is taken apart before anything decodes it. Only the parts that make the picture are kept, so that what a camera
//! notes (place, time, serial number) and what somebody hid beside the pixels is gone. The size stands in the header and is
//! bounded there. What is left is decoded within a bound of memory: that proves that it is whole, and gives the small
//! picture. Everything here takes processor time and waits for nothing: call it off the threads that answer.
//!
//! **How to add a type:** a file that takes it apart into `Parts`, a variant of [`Kind`], its magic bytes in
//! [`Kind::of`], the `image` feature that decodes it, and its cases in `tests/it/upload/refused.rs`.

mod draw;
mod gif;
mod jpeg;
mod marker;
mod png;
mod take;
#[cfg(test)]
mod tests;
mod webp;

use bytes::Bytes;
use image::metadata::Orientation;
use take::Take;

/// Most pixels on a side.
pub const SIDE_MAX: u32 = 10_000;
/// Most pixels of a picture; of one that moves, of all its frames.
pub const PIXELS_MAX: u64 = 40_000_000;
/// Longest side of a small picture, in pixels.
pub const SMALL_SIDE: u32 = 400;

/// Types of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JPEG, not arithmetic and not lossless.
    Jpeg,
    /// PNG.
    Png,
    /// GIF, also one that moves.
    Gif,
    /// WebP that stands still.
    Webp,
}

impl Kind {
    /// What a file says it is by its first bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }
}

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It does not begin like any of the types: SVG and HTML are here.
    #[error("not a picture of a known type")]
    Unknown,
    /// It begins like another type than was declared.
    #[error("a picture of another type")]
    OtherType,
    /// More pixels, frames or scans than are taken.
    #[error("too many pixels")]
    TooLarge,
    /// It does not hold together.
    #[error("damaged")]
    Broken,
    /// It carries something else: bytes after its end, or what a browser, a server or an archiver would run or open.
    #[error("more than a picture")]
    Polyglot,
}

/// What may be shown.
#[derive(Debug, Clone)]
pub struct Cleaned {
    /// The picture, of the type it was.
    pub whole: Bytes,
    /// The same, at most [`SMALL_SIDE`] on a side, as a JPEG.
    pub small: Bytes,
    /// In pixels, as it is shown.
    pub width: u32,
    /// In pixels, as it is shown.
    pub height: u32,
}

/// The parts of a file that make its picture.
struct Parts {
    bytes: Vec<u8>,
    width: u32,
    height: u32,
    frames: u64,
    /// How it is to be turned, which was noted among what is not kept.
    orientation: Orientation,
}

/// Make a picture of a file that was declared to be of this type.
pub fn clean(bytes: &[u8], declared: Kind) -> Result<Cleaned, Fault> {
    match Kind::of(bytes) {
        None => return Err(Fault::Unknown),
        Some(kind) if kind != declared => return Err(Fault::OtherType),
        Some(_) => {}
    }
    let parts = match declared {
        Kind::Jpeg => jpeg::parts(Take(bytes)),
        Kind::Png => png::parts(Take(bytes)),
        Kind::Gif => gif::parts(Take(bytes)),
        Kind::Webp => webp::parts(Take(bytes)),
    }?;
    if !fits(parts.width, parts.height, parts.frames) {
        return Err(Fault::TooLarge);
    }
    if parts.width == 0 || parts.height == 0 {
        return Err(Fault::Broken);
    }
    if marker::is_in(bytes) {
        return Err(Fault::Polyglot);
    }
    draw::draw(parts, declared)
}

/// Whether a picture of this size, with so many frames, is not too large.
fn fits(width: u32, height: u32, frames: u64) -> bool {
    let pixels = (u64::from(width) * u64::from(height)).checked_mul(frames);
    width.max(height) <= SIDE_MAX && pixels.is_some_and(|pixels| pixels <= PIXELS_MAX)
}
