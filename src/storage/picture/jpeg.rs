//! JPEG (ITU-T T.81, annex B): segments, each with a marker and a length, and between them the coded pixels.

use super::{Fault, Parts, Take};
use image::metadata::Orientation;

/// A progressive picture comes in some ten scans. Each costs as much as all pixels, and an empty one takes a few bytes.
const SCANS_MAX: u32 = 64;

/// Take it apart. Kept are tables, frame and scans, and the two notes that say how colours are coded.
pub(super) fn parts(mut take: Take<'_>) -> Result<Parts, Fault> {
    let mut bytes = take.bytes(2)?.to_vec();
    let (mut size, mut scans, mut orientation) = (None, 0, Orientation::NoTransforms);
    loop {
        let marker = marker(&mut take)?;
        if marker == 0xd9 {
            bytes.extend([0xff, marker]);
            break;
        }
        // Markers without a length have no place here.
        if matches!(marker, 0x00 | 0x01 | 0xd0..=0xd8) {
            return Err(Fault::Broken);
        }
        let length = u16::from_be_bytes(take.array()?);
        let body = take.bytes(usize::from(length).checked_sub(2).ok_or(Fault::Broken)?)?;
        match marker {
            // Frames: baseline, extended, progressive.
            0xc0..=0xc2 if size.is_none() => {
                size = Some(frame(body)?);
                keep(&mut bytes, marker, body);
            }
            // Huffman tables, quantisation tables, restart interval.
            0xc4 | 0xdb | 0xdd => keep(&mut bytes, marker, body),
            0xda if size.is_some() => {
                scans += 1;
                keep(&mut bytes, marker, body);
                bytes.extend(coded(&mut take));
            }
            // Without the thumbnail that may follow.
            0xe0 if body.starts_with(b"JFIF\0") && body.len() >= 14 => {
                keep(&mut bytes, marker, &[&body[..12], &[0, 0]].concat());
            }
            0xee if body.starts_with(b"Adobe") && body.len() == 12 => keep(&mut bytes, marker, body),
            0xe1 if body.starts_with(b"Exif\0\0") => {
                orientation = Orientation::from_exif_chunk(&body[6..]).unwrap_or(orientation);
            }
            0xe0..=0xef | 0xfe => {}
            _ => return Err(Fault::Broken),
        }
        if scans > SCANS_MAX {
            return Err(Fault::TooLarge);
        }
    }
    take.end()?;
    let (width, height) = size.filter(|_| scans > 0).ok_or(Fault::Broken)?;
    Ok(Parts { bytes, width, height, frames: 1, orientation })
}

/// The next marker; it may be filled up with `0xff`.
fn marker(take: &mut Take<'_>) -> Result<u8, Fault> {
    take.expect(&[0xff])?;
    loop {
        match take.byte()? {
            0xff => {}
            marker => return Ok(marker),
        }
    }
}

/// Width and height of a frame.
fn frame(body: &[u8]) -> Result<(u32, u32), Fault> {
    let [_precision, high, low, wide, narrow, ..] = body else { return Err(Fault::Broken) };
    Ok((u16::from_be_bytes([*wide, *narrow]).into(), u16::from_be_bytes([*high, *low]).into()))
}

fn keep(bytes: &mut Vec<u8>, marker: u8, body: &[u8]) {
    let length = u16::try_from(body.len() + 2).unwrap_or(u16::MAX);
    bytes.extend([0xff, marker]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(body);
}

/// The coded pixels of a scan: up to a marker that is neither a stuffed byte nor a restart.
fn coded<'a>(take: &mut Take<'a>) -> &'a [u8] {
    let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7);
    let end = take.0.windows(2).position(ends).unwrap_or(take.0.len());
    let (coded, rest) = take.0.split_at(end);
    take.0 = rest;
    coded
}
