//! What other programs would find in a file: scripts, pages, archives.
//!
//! Pictures are served under their type alone, with `nosniff` and without leave to run anything, so none of this should
//! ever matter here. It is looked for because files are copied to places that are less careful.

/// Beginnings, in lower case, of what a browser or a server would run.
const TEXTS: [&[u8]; 6] = [b"<?php", b"<script", b"<html", b"<!doctype", b"<iframe", b"<!entity"];

/// Whether one of these stands anywhere in the file, be it a note or what should be pixels.
pub(super) fn is_in(bytes: &[u8]) -> bool {
    let begins = |(place, byte): (usize, &u8)| match byte {
        b'<' => is_text(&bytes[place..]),
        b'P' => is_archive(&bytes[place..]),
        _ => false,
    };
    bytes.iter().enumerate().any(begins)
}

fn is_text(rest: &[u8]) -> bool {
    let begins = |text: &[u8]| rest.get(..text.len()).is_some_and(|it| it.eq_ignore_ascii_case(text));
    // Four letters alone would be found in pixels now and then.
    let svg = || begins(b"<svg") && matches!(rest.get(4), Some(b' ' | b'>' | b'\n' | b'\r' | b'\t' | b'/'));
    TEXTS.into_iter().any(begins) || svg()
}

/// A file or the end of a ZIP archive, and so of a JAR or an office document. More of it than the four letters is held
/// against the format, since those would be found in pixels now and then.
fn is_archive(rest: &[u8]) -> bool {
    match rest {
        // Version, flags, method: stored or deflated.
        [b'P', b'K', 3, 4, version, 0, _, _, 0 | 8, 0, ..] => *version <= 63,
        // One disk, and as many files on it as in all.
        [b'P', b'K', 5, 6, 0, 0, 0, 0, a, b, c, d, ..] => (a, b) == (c, d),
        _ => false,
    }
}
