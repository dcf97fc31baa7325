//! PNG (W3C PNG, third edition): chunks, each with a length, a name and a checksum.

use super::{Fault, Parts, Take};
use flate2::{Decompress, FlushDecompress, Status};
use image::metadata::Orientation;

/// Inflated at a time.
const ROOM: usize = 1 << 16;

/// What the header says.
#[derive(Debug, Clone, Copy)]
struct Header {
    width: u32,
    height: u32,
    bits: u32,
    is_interlaced: bool,
}

/// Take it apart. Kept are header, palette, transparency and pixels: a PNG that moves stands still afterwards.
pub(super) fn parts(mut take: Take<'_>) -> Result<Parts, Fault> {
    let mut bytes = take.bytes(8)?.to_vec();
    let (mut header, mut pixels, mut orientation) = (None, Vec::new(), Orientation::NoTransforms);
    loop {
        let start = take.0;
        let length = usize::try_from(u32::from_be_bytes(take.array()?)).map_err(|_| Fault::Broken)?;
        let (name, body) = (take.array::<4>()?, take.bytes(length)?);
        take.bytes(4)?;
        let whole = &start[..start.len() - take.0.len()];
        match (&name, header) {
            (b"IHDR", None) => header = Some(read(body)?),
            (_, None) | (b"IHDR", Some(_)) => return Err(Fault::Broken),
            (b"IDAT", _) => pixels.push(body),
            (b"PLTE" | b"tRNS", _) => {}
            (b"IEND", _) if body.is_empty() => {}
            (b"eXIf", _) => {
                orientation = Orientation::from_exif_chunk(body).unwrap_or(orientation);
                continue;
            }
            // A capital letter marks what no reader may pass over.
            (name, _) if name[0].is_ascii_lowercase() => continue,
            _ => return Err(Fault::Broken),
        }
        bytes.extend(whole);
        if &name == b"IEND" {
            break;
        }
    }
    take.end()?;
    let header = header.ok_or(Fault::Broken)?;
    let Header { width, height, .. } = header;
    // What is too large is refused by its header; it is not inflated.
    if super::fits(width, height, 1) {
        inflates_to(&pixels, size(header))?;
    }
    Ok(Parts { bytes, width, height, frames: 1, orientation })
}

fn read(body: &[u8]) -> Result<Header, Fault> {
    let mut take = Take(body);
    let (width, height) = (u32::from_be_bytes(take.array()?), u32::from_be_bytes(take.array()?));
    let [depth, colour, _, _, interlaced] = take.array()?;
    let channels = match colour {
        0 | 3 => 1,
        2 => 3,
        4 => 2,
        6 => 4,
        _ => return Err(Fault::Broken),
    };
    if !matches!(depth, 1 | 2 | 4 | 8 | 16) || interlaced > 1 {
        return Err(Fault::Broken);
    }
    Ok(Header { width, height, bits: u32::from(depth) * channels, is_interlaced: interlaced == 1 })
}

/// Bytes of all rows, each with the number of its filter before it.
fn size(header: Header) -> u64 {
    let rows = |width: u32, height: u32| match (width, height) {
        (0, _) | (_, 0) => 0,
        _ => (1 + (u64::from(width) * u64::from(header.bits)).div_ceil(8)) * u64::from(height),
    };
    if !header.is_interlaced {
        return rows(header.width, header.height);
    }
    // The seven passes: where they begin, and how far apart their pixels lie.
    let passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let count = |side: u32, first: u32, step: u32| side.saturating_sub(first).div_ceil(step);
    let pass = |(x, y, dx, dy)| rows(count(header.width, x, dx), count(header.height, y, dy));
    passes.into_iter().map(pass).sum()
}

/// The pixels are exactly as many as the header says: more is a bomb, and what follows them something else.
fn inflates_to(pixels: &[&[u8]], size: u64) -> Result<(), Fault> {
    let mut inflate = Decompress::new(true);
    let mut room = vec![0; ROOM];
    for (place, chunk) in pixels.iter().enumerate() {
        let mut rest = *chunk;
        loop {
            let (read, written) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(rest, &mut room, FlushDecompress::None).map_err(|_| Fault::Broken)?;
            let taken = usize::try_from(inflate.total_in() - read).map_err(|_| Fault::Broken)?;
            rest = rest.get(taken..).ok_or(Fault::Broken)?;
            if inflate.total_out() > size {
                return Err(Fault::TooLarge);
            }
            if status == Status::StreamEnd {
                let is_last = rest.is_empty() && pixels[place + 1..].iter().all(|chunk| chunk.is_empty());
                return match (inflate.total_out() == size, is_last) {
                    (true, true) => Ok(()),
                    (true, false) => Err(Fault::Polyglot),
                    (false, _) => Err(Fault::Broken),
                };
            }
            // It wants more than this chunk has.
            if taken == 0 && inflate.total_out() == written {
                break;
            }
        }
    }
    Err(Fault::Broken)
}
