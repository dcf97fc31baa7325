//! Files: good pictures of each type, and what people try instead.

use flate2::{Compression, write::ZlibEncoder};
use image::{Delay, DynamicImage, Frame, ImageFormat, Rgb, RgbImage, codecs::gif::GifEncoder};
use std::io::{Cursor, Write as _};

/// A picture with a corner of its own colour, so that it shows how it lies.
fn drawn(width: u32, height: u32) -> DynamicImage {
    let colour = |x: u32, y: u32| {
        let corner = x < width / 4 && y < height / 4;
        if corner {
            Rgb([250, 10, 10])
        } else {
            Rgb([u8::try_from(x % 200).unwrap(), u8::try_from(y % 200).unwrap(), 90])
        }
    };
    RgbImage::from_fn(width, height, colour).into()
}

fn written(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    drawn(width, height).write_to(&mut bytes, format).expect("a picture");
    bytes.into_inner()
}

/// A JPEG.
pub fn jpeg(width: u32, height: u32) -> Vec<u8> {
    written(width, height, ImageFormat::Jpeg)
}
/// A PNG.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    written(width, height, ImageFormat::Png)
}
/// A WebP.
pub fn webp(width: u32, height: u32) -> Vec<u8> {
    written(width, height, ImageFormat::WebP)
}
/// A GIF that moves.
pub fn gif(width: u32, height: u32, frames: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    let frame = || Frame::from_parts(drawn(width, height).into_rgba8(), 0, 0, Delay::from_numer_denom_ms(100, 1));
    encoder.encode_frames((0..frames).map(|_| frame())).expect("a picture");
    drop(encoder);
    bytes
}

/// A segment of JPEG.
pub fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).expect("short").to_be_bytes();
    [&[0xff, marker], length.as_slice(), body].concat()
}

/// The JPEG with this after its first marker.
pub fn jpeg_with(segments: &[u8]) -> Vec<u8> {
    let plain = jpeg(64, 48);
    [&plain[..2], segments, &plain[2..]].concat()
}

/// What a camera notes: how to turn the picture, and where and with what it was taken.
pub fn exif(orientation: u8) -> Vec<u8> {
    let mut noted = b"Exif\0\0II*\0\x08\0\0\0\x02\0".to_vec();
    noted.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    noted.extend([0x0f, 0x01, 2, 0, 20, 0, 0, 0, 38, 0, 0, 0]);
    noted.extend([0, 0, 0, 0]);
    noted.extend(b"SECRET-CAMERA-31.2N\0");
    segment(0xe1, &noted)
}

/// A chunk of PNG.
pub fn chunk(name: [u8; 4], body: &[u8]) -> Vec<u8> {
    let named = [name.as_slice(), body].concat();
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    [length.as_slice(), &named, &crc32(&named).to_be_bytes()].concat()
}

/// A PNG of these chunks after its header.
pub fn png_of(width: u32, height: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    let head = [width.to_be_bytes().as_slice(), &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let begin = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(*b"IHDR", &head)].concat();
    [begin, chunks.concat(), chunk(*b"IEND", b"")].concat()
}

/// Deflated.
pub fn deflated(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Black rows of an 8-bit picture in colour.
pub fn rows(width: usize, height: usize) -> Vec<u8> {
    vec![0; (width * 3 + 1) * height]
}

/// A ZIP archive of one file, `a.txt`.
pub fn zip() -> Vec<u8> {
    let (name, text) = (b"a.txt".as_slice(), b"hello".as_slice());
    let sum = crc32(text).to_le_bytes();
    let sizes = [5, 0, 0, 0, 5, 0, 0, 0, 5, 0, 0, 0];
    let local = [b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0".as_slice(), &sum, &sizes, name, text].concat();
    let entry = [b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0".as_slice(), &sum, &sizes, &[0; 16], name].concat();
    let (size, place) = (u32::try_from(entry.len()).unwrap(), u32::try_from(local.len()).unwrap());
    let end =
        [b"PK\x05\x06\0\0\0\0\x01\0\x01\0".as_slice(), &size.to_le_bytes(), &place.to_le_bytes(), &[0, 0]].concat();
    [local, entry, end].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(bytes)
}

/// What people try instead of a picture: name, type that is declared, file, code of the answer.
pub type Case = (&'static str, &'static str, Vec<u8>, &'static str);

const JPEG: &str = "image/jpeg";
const PNG: &str = "image/png";
const GIF: &str = "image/gif";
const WEBP: &str = "image/webp";
const PHP: &[u8] = b"<?php system($_GET['c']); ?>";
const SCRIPT: &[u8] = b"<script>alert(1)</script>";
const HTML: &[u8] = b"<!doctype html><script>alert(1)</script>";
const SVG: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";

/// All of them.
pub fn bad() -> Vec<Case> {
    [strangers(), carriers(), hiding(), giants(), bombs()].concat()
}

/// No pictures, and others than they say.
fn strangers() -> Vec<Case> {
    let mut cut = jpeg(64, 48);
    cut.truncate(cut.len() / 2);
    vec![
        ("a PNG that is called JPEG", JPEG, png(16, 16), "picture.other_type"),
        ("a JPEG that is called WebP", WEBP, jpeg(16, 16), "picture.other_type"),
        ("plain text", JPEG, b"hello".to_vec(), "picture.unknown"),
        ("a program", PNG, b"\x7fELF\x02\x01\x01".to_vec(), "picture.unknown"),
        ("an archive", PNG, zip(), "picture.unknown"),
        ("SVG", PNG, SVG.to_vec(), "picture.unknown"),
        ("HTML", JPEG, HTML.to_vec(), "picture.unknown"),
        ("HTML that begins like a GIF", GIF, [b"GIF89a", HTML].concat(), "picture.broken"),
        ("half a JPEG", JPEG, cut, "picture.broken"),
    ]
}

/// Pictures with something after them.
fn carriers() -> Vec<Case> {
    let after = |picture: Vec<u8>, more: &[u8]| [picture, more.to_vec()].concat();
    vec![
        ("a JPEG and a ZIP after it", JPEG, after(jpeg(16, 16), &zip()), "picture.polyglot"),
        ("a JPEG and a page after it", JPEG, after(jpeg(16, 16), HTML), "picture.polyglot"),
        ("a PNG and PHP after it", PNG, after(png(16, 16), PHP), "picture.polyglot"),
        ("a GIF and a script after it", GIF, after(gif(16, 16, 2), SCRIPT), "picture.polyglot"),
        ("a WebP and bytes after it", WEBP, after(webp(16, 16), b"more"), "picture.polyglot"),
    ]
}

/// Pictures with something in what is noted beside them, or in what should be pixels.
fn hiding() -> Vec<Case> {
    let black = deflated(&rows(16, 16), Compression::best());
    let with_text = |body: &[u8]| {
        let text = chunk(*b"tEXt", &[b"Comment\0".as_slice(), body].concat());
        png_of(16, 16, &[text, chunk(*b"IDAT", &black)])
    };
    let mut hidden = rows(16, 16);
    hidden[5..5 + PHP.len()].copy_from_slice(PHP);
    let in_pixels = png_of(16, 16, &[chunk(*b"IDAT", &deflated(&hidden, Compression::none()))]);
    let after_pixels = png_of(16, 16, &[chunk(*b"IDAT", &[black.as_slice(), b"anything"].concat())]);
    vec![
        ("a script in a comment", JPEG, jpeg_with(&segment(0xfe, SCRIPT)), "picture.polyglot"),
        ("PHP in what the camera notes", JPEG, jpeg_with(&segment(0xe1, PHP)), "picture.polyglot"),
        ("a ZIP in a segment", JPEG, jpeg_with(&segment(0xed, &zip())), "picture.polyglot"),
        ("PHP in a text", PNG, with_text(PHP), "picture.polyglot"),
        ("an SVG in a text", PNG, with_text(b"<SVG onload=alert(1)>"), "picture.polyglot"),
        ("PHP in the pixels", PNG, in_pixels, "picture.polyglot"),
        ("bytes after the pixels", PNG, after_pixels, "picture.polyglot"),
    ]
}

/// Pictures whose header says that they are too large, and nothing more.
fn giants() -> Vec<Case> {
    let black = chunk(*b"IDAT", &deflated(&rows(16, 16), Compression::best()));
    let mut frame = jpeg(64, 48);
    let place = frame.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame");
    frame[place + 5..place + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
    let mut screen = gif(16, 16, 1);
    screen[6..10].copy_from_slice(&[0x60, 0xea, 0x60, 0xea]);
    let mut stream = webp(64, 48);
    let place = stream.windows(4).position(|name| name == b"VP8L").expect("a stream");
    stream[place + 9..place + 13].copy_from_slice(&(16_383_u32 | 16_383 << 14).to_le_bytes());
    vec![
        ("60,000 × 60,000 pixels of PNG", PNG, png_of(60_000, 60_000, &[black]), "picture.too_large"),
        ("60,000 × 60,000 pixels of JPEG", JPEG, frame, "picture.too_large"),
        ("60,000 × 60,000 pixels of GIF", GIF, screen, "picture.too_large"),
        ("16,384 × 16,384 pixels of WebP", WEBP, stream, "picture.too_large"),
    ]
}

/// Small files that become large, or take long.
fn bombs() -> Vec<Case> {
    let plain = jpeg(64, 48);
    let scan = plain.windows(2).position(|pair| pair == [0xff, 0xda]).expect("a scan");
    let scans = [plain[..scan].to_vec(), plain[scan..plain.len() - 2].repeat(100), vec![0xff, 0xd9]].concat();
    let zeros = chunk(*b"IDAT", &deflated(&vec![0; 64 << 20], Compression::best()));
    let black = chunk(*b"IDAT", &deflated(&rows(9_999, 9_999), Compression::best()));
    vec![
        ("64 MB in the pixels of 16 × 16", PNG, png_of(16, 16, &[zeros]), "picture.too_large"),
        ("9,999 × 9,999 black pixels", PNG, png_of(9_999, 9_999, &[black]), "picture.too_large"),
        ("a GIF of 700 frames", GIF, gif_of_many(), "picture.too_large"),
        ("a hundred scans", JPEG, scans, "picture.too_large"),
    ]
}

/// One frame of 256 × 256 again and again.
fn gif_of_many() -> Vec<u8> {
    let mut plain = Vec::new();
    let frame = Frame::new(DynamicImage::from(RgbImage::new(256, 256)).into_rgba8());
    GifEncoder::new(&mut plain).encode_frame(frame).expect("a picture");
    // Header, screen, and the palette that it may have.
    let palette = if plain[10] & 0x80 == 0 { 0 } else { 3 << ((plain[10] & 7) + 1) };
    let (head, frame) = plain[..plain.len() - 1].split_at(13 + palette);
    [head, &frame.repeat(700), b";"].concat()
}
