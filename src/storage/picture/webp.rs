//! WebP (RFC 9649): a RIFF file of chunks, each with a name and a length.

use super::{Fault, Parts, Take};
use image::metadata::Orientation;

/// `VP8X`: the picture has transparency.
const ALPHA: u8 = 0x10;
/// `VP8X`: the picture moves.
const MOVES: u8 = 0x02;

/// Take it apart. Kept are header, transparency and pixels. One that moves is no known type.
pub(super) fn parts(mut take: Take<'_>) -> Result<Parts, Fault> {
    take.bytes(4)?;
    let length = usize::try_from(u32::from_le_bytes(take.array()?)).map_err(|_| Fault::Broken)?;
    let mut inner = Take(take.bytes(length)?);
    take.end()?;
    inner.expect(b"WEBP")?;
    let mut bytes = b"WEBP".to_vec();
    let (mut canvas, mut size, mut orientation) = (None, None, Orientation::NoTransforms);
    while !inner.0.is_empty() {
        let name = inner.array::<4>()?;
        let length = u32::from_le_bytes(inner.array()?);
        let body = inner.bytes(usize::try_from(length).map_err(|_| Fault::Broken)?)?;
        if length % 2 == 1 {
            inner.expect(&[0])?;
        }
        match &name {
            b"VP8X" if canvas.is_none() && size.is_none() => {
                let (flags, found) = extended(body)?;
                canvas = Some(found);
                keep(&mut bytes, name, &[&[flags, 0, 0, 0], &body[4..]].concat());
            }
            b"ALPH" if canvas.is_some() && size.is_none() => keep(&mut bytes, name, body),
            b"VP8 " | b"VP8L" if size.is_none() => {
                size = Some(if &name == b"VP8 " { lossy(body)? } else { lossless(body)? });
                keep(&mut bytes, name, body);
            }
            b"VP8X" | b"ALPH" | b"VP8 " | b"VP8L" => return Err(Fault::Broken),
            b"EXIF" => {
                let noted = body.strip_prefix(b"Exif\0\0").unwrap_or(body);
                orientation = Orientation::from_exif_chunk(noted).unwrap_or(orientation);
            }
            _ => {}
        }
    }
    let (width, height) = size.ok_or(Fault::Broken)?;
    if canvas.is_some_and(|canvas| canvas != (width, height)) {
        return Err(Fault::Broken);
    }
    let length = u32::try_from(bytes.len()).map_err(|_| Fault::Broken)?;
    let bytes = [b"RIFF".as_slice(), &length.to_le_bytes(), &bytes].concat();
    Ok(Parts { bytes, width, height, frames: 1, orientation })
}

fn keep(bytes: &mut Vec<u8>, name: [u8; 4], body: &[u8]) {
    bytes.extend(name);
    bytes.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(body);
    if body.len() % 2 == 1 {
        bytes.push(0);
    }
}

/// What is left of the flags, and the canvas.
fn extended(body: &[u8]) -> Result<(u8, (u32, u32)), Fault> {
    let [flags, _, _, _, w0, w1, w2, h0, h1, h2] = *body else { return Err(Fault::Broken) };
    if flags & MOVES != 0 {
        return Err(Fault::Unknown);
    }
    let side = |bytes: [u8; 3]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) + 1;
    Ok((flags & ALPHA, (side([w0, w1, w2]), side([h0, h1, h2]))))
}

/// The size in a key frame of VP8 (RFC 6386, 9.1).
fn lossy(body: &[u8]) -> Result<(u32, u32), Fault> {
    let mut take = Take(body);
    take.bytes(3)?;
    take.expect(&[0x9d, 0x01, 0x2a])?;
    let mut side = || Ok(u32::from(u16::from_le_bytes(take.array()?) & 0x3fff));
    Ok((side()?, side()?))
}

/// The size in a lossless stream (RFC 9649, 3.4).
fn lossless(body: &[u8]) -> Result<(u32, u32), Fault> {
    let mut take = Take(body);
    take.expect(&[0x2f])?;
    let bits = u32::from_le_bytes(take.array()?);
    Ok(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
}
