//! Decoding and encoding, by the crate `image`.

use super::{Cleaned, Fault, Kind, Parts, SMALL_SIDE};
use bytes::Bytes;
use image::{
    DynamicImage, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
    metadata::Orientation,
};
use std::io::Cursor;

/// What a decoder may take, in bytes.
const MEMORY_MAX: u64 = 320 << 20;
/// Of what has to be turned.
const QUALITY: u8 = 90;
/// Of small pictures.
const SMALL_QUALITY: u8 = 80;

/// Prove that a picture is whole, turn it upright, and draw it small.
pub(super) fn draw(parts: Parts, kind: Kind) -> Result<Cleaned, Fault> {
    let mut image = decode(&parts, kind)?;
    if (image.width(), image.height()) != (parts.width, parts.height) {
        return Err(Fault::Broken);
    }
    // From here on only the pixels count, where the file has to be made anew.
    let whole = if parts.orientation == Orientation::NoTransforms {
        parts.bytes
    } else {
        image.apply_orientation(parts.orientation);
        encode(&image, kind)?
    };
    let (width, height) = (image.width(), image.height());
    Ok(Cleaned { whole: whole.into(), small: small(image)?, width, height })
}

fn decode(parts: &Parts, kind: Kind) -> Result<DynamicImage, Fault> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(parts.width);
    limits.max_image_height = Some(parts.height);
    limits.max_alloc = Some(MEMORY_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(&parts.bytes), format(kind));
    reader.limits(limits);
    reader.decode().map_err(fault)
}

fn encode(image: &DynamicImage, kind: Kind) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    match kind {
        Kind::Jpeg => image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY)),
        Kind::Png => image.write_with_encoder(PngEncoder::new(&mut bytes)),
        // Without loss, and larger than before; cameras write none of these.
        Kind::Webp => image.write_with_encoder(WebPEncoder::new_lossless(&mut bytes)),
        // Notes no orientation.
        Kind::Gif => return Err(Fault::Broken),
    }
    .map_err(fault)?;
    Ok(bytes)
}

/// At most so many pixels on a side, on white.
fn small(image: DynamicImage) -> Result<Bytes, Fault> {
    let fits = image.width().max(image.height()) <= SMALL_SIDE;
    let image = if fits { image } else { image.thumbnail(SMALL_SIDE, SMALL_SIDE) };
    let image = image.into_rgba8();
    let mut flat = RgbImage::new(image.width(), image.height());
    for (to, from) in flat.pixels_mut().zip(image.pixels()) {
        let [.., alpha] = from.0;
        let over = |value: u8| {
            let mixed = u16::from(value) * u16::from(alpha) + 255 * (255 - u16::from(alpha));
            u8::try_from(mixed / 255).unwrap_or(u8::MAX)
        };
        *to = Rgb([over(from.0[0]), over(from.0[1]), over(from.0[2])]);
    }
    let mut bytes = Vec::new();
    flat.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, SMALL_QUALITY)).map_err(fault)?;
    Ok(bytes.into())
}

const fn format(kind: Kind) -> ImageFormat {
    match kind {
        Kind::Jpeg => ImageFormat::Jpeg,
        Kind::Png => ImageFormat::Png,
        Kind::Gif => ImageFormat::Gif,
        Kind::Webp => ImageFormat::WebP,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn fault(error: ImageError) -> Fault {
    match error {
        ImageError::Limits(_) => Fault::TooLarge,
        _ => Fault::Broken,
    }
}
