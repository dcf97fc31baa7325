//! GIF (`GIF89a`): a screen, and blocks that are drawn on it one after the other.

use super::{Fault, Parts, Take};
use image::metadata::Orientation;

/// Take it apart. Kept are screen, frames, their times, and how often they are repeated.
pub(super) fn parts(mut take: Take<'_>) -> Result<Parts, Fault> {
    let start = take.0;
    take.bytes(6)?;
    let (width, height) = (number(&mut take)?, number(&mut take)?);
    let packed = take.byte()?;
    take.bytes(2 + palette(packed))?;
    let mut bytes = start[..start.len() - take.0.len()].to_vec();
    let mut frames = 0;
    loop {
        let start = take.0;
        let wanted = match take.byte()? {
            0x3b => {
                bytes.push(0x3b);
                break;
            }
            0x2c => {
                frame(&mut take, width, height)?;
                frames += 1;
                true
            }
            0x21 => extension(&mut take)?,
            _ => return Err(Fault::Broken),
        };
        if wanted {
            bytes.extend(&start[..start.len() - take.0.len()]);
        }
    }
    take.end()?;
    if frames == 0 {
        return Err(Fault::Broken);
    }
    Ok(Parts { bytes, width, height, frames, orientation: Orientation::NoTransforms })
}

fn number(take: &mut Take<'_>) -> Result<u32, Fault> {
    Ok(u16::from_le_bytes(take.array()?).into())
}

/// Bytes of the palette that a packed field announces.
fn palette(packed: u8) -> usize {
    if packed & 0x80 == 0 { 0 } else { 3 << ((packed & 7) + 1) }
}

/// A frame lies within the screen.
fn frame(take: &mut Take<'_>, width: u32, height: u32) -> Result<(), Fault> {
    let (left, top) = (number(take)?, number(take)?);
    let (wide, high) = (number(take)?, number(take)?);
    if left + wide > width || top + high > height {
        return Err(Fault::Broken);
    }
    let packed = take.byte()?;
    take.bytes(palette(packed))?;
    let code_size = take.byte()?;
    if !(1..=11).contains(&code_size) {
        return Err(Fault::Broken);
    }
    blocks(take).map(drop)
}

/// Whether an extension makes the picture; the rest are comments, texts, and what programs note.
fn extension(take: &mut Take<'_>) -> Result<bool, Fault> {
    let label = take.byte()?;
    let (first, count, all) = blocks(take)?;
    Ok(match label {
        // Graphic control: time and transparency of the next frame.
        0xf9 => count == 1 && all == 4,
        // How often to repeat.
        0xff => matches!(first, b"NETSCAPE2.0" | b"ANIMEXTS1.0") && count == 2 && all == 14,
        _ => false,
    })
}

/// The first of a chain of blocks, how many there are, and the bytes in all.
fn blocks<'a>(take: &mut Take<'a>) -> Result<(&'a [u8], usize, usize), Fault> {
    let (mut first, mut count, mut all) = (&[][..], 0, 0);
    loop {
        let length = take.byte()?;
        let block = take.bytes(length.into())?;
        if block.is_empty() {
            return Ok((first, count, all));
        }
        if count == 0 {
            first = block;
        }
        (count, all) = (count + 1, all + block.len());
    }
}
