//! What comes out of the taking apart; what is refused is in the table of the integration tests.

use super::*;
use image::{DynamicImage, ImageFormat, RgbaImage};
use std::io::Cursor;

fn drawn(format: ImageFormat) -> Vec<u8> {
    let shade = |value: u32| u8::try_from(value * 7 % 256).unwrap();
    let picture = RgbaImage::from_fn(30, 20, |x, y| image::Rgba([shade(x), shade(y), 90, shade(x + y)]));
    let picture = DynamicImage::from(picture);
    let picture = if format == ImageFormat::Jpeg { picture.into_rgb8().into() } else { picture };
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("written");
    bytes.into_inner()
}

const ALL: [(Kind, ImageFormat); 4] = [
    (Kind::Jpeg, ImageFormat::Jpeg),
    (Kind::Png, ImageFormat::Png),
    (Kind::Gif, ImageFormat::Gif),
    (Kind::Webp, ImageFormat::WebP),
];

fn decoded(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory(bytes).expect("a picture")
}

#[test]
fn not_a_pixel_of_a_good_picture_changes() {
    for (kind, format) in ALL {
        let file = drawn(format);
        assert_eq!(Kind::of(&file), Some(kind));
        let cleaned = clean(&file, kind).expect("taken");
        assert_eq!((cleaned.width, cleaned.height), (30, 20), "{kind:?}");
        assert_eq!(decoded(&cleaned.whole), decoded(&file), "{kind:?}");
        assert_eq!(clean(&cleaned.whole, kind).expect("taken again").whole, cleaned.whole, "{kind:?}: once is enough");
        assert_eq!(Kind::of(&cleaned.small), Some(Kind::Jpeg));
    }
}

#[test]
fn a_file_that_was_cut_or_bent_anywhere_is_refused_or_is_a_picture() {
    let mut refused = 0;
    for (kind, format) in ALL {
        let file = drawn(format);
        for place in 0..file.len() {
            refused += usize::from(clean(&file[..place], kind).is_err());
            for flip in [0x01, 0x80, 0xff] {
                let mut bent = file.clone();
                bent[place] ^= flip;
                match clean(&bent, kind) {
                    Ok(cleaned) => {
                        assert!(cleaned.width <= SIDE_MAX && decoded(&cleaned.whole).width() == cleaned.width);
                    }
                    Err(_) => refused += 1,
                }
            }
        }
        assert_eq!(clean(&file[..file.len() - 1], kind).unwrap_err(), Fault::Broken, "{kind:?}");
    }
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn what_pixels_look_like_by_chance_is_no_marker() {
    for text in [b"<svgx".as_slice(), b"PK\x03\x04\xff\xff\0\0\x08\0", b"PK\x05\x06\0\0\0\0\x01\0\x02\0", b"<?xpacket"]
    {
        assert!(!marker::is_in(text), "{text:?}");
    }
    for text in
        [b"..<SVG onload".as_slice(), b"<ScRiPt", b"PK\x03\x04\x14\0\0\0\x08\0", b"PK\x05\x06\0\0\0\0\x01\0\x01\0"]
    {
        assert!(marker::is_in(text), "{text:?}");
    }
}

#[test]
fn transparency_is_shown_on_white() {
    let mut file = Cursor::new(Vec::new());
    RgbaImage::from_pixel(8, 8, image::Rgba([0, 0, 0, 0])).write_to(&mut file, ImageFormat::Png).expect("written");
    let cleaned = clean(file.get_ref(), Kind::Png).expect("taken");
    assert!(decoded(&cleaned.small).into_rgb8().pixels().all(|pixel| pixel.0.iter().all(|value| *value > 250)));
    assert_eq!(decoded(&cleaned.whole).into_rgba8().get_pixel(3, 3).0, [0, 0, 0, 0]);
}
