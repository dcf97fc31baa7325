//! Objects: pictures and files.

use std::ops::Range;

refusals! {
    /// Why an object could not be had.
    pub enum ObjectRefusal {
        /// There is none of that key.
        NotFound = Missing, "object.not_found", "no such object";
    }
}
plain_refusal!(ObjectRefusal);

/// A part of an object, as a reader asks for it (RFC 9110, 14.1.2); bytes count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// From the first one to the other, both with it; without the other to the end.
    From(u64, Option<u64>),
    /// So many at the end.
    Last(u64),
}

impl ByteRange {
    /// Reads a header `Range`. `None` if it is none that we know, several ranges among them: then all of it is given, as
    /// the protocol has it.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        };
        match (first.trim(), last.trim()) {
            ("", last) => number(last).map(Self::Last),
            (first, "") => number(first).map(|first| Self::From(first, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }
    /// Which bytes these are of an object of that size; `None` if it has none of them.
    pub fn within(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, None) => first..size,
            Self::From(first, Some(last)) => first..size.min(last.saturating_add(1)),
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        (!range.is_empty()).then_some(range)
    }
}

impl std::fmt::Display for ByteRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::From(first, None) => write!(f, "bytes={first}-"),
            Self::From(first, Some(last)) => write!(f, "bytes={first}-{last}"),
            Self::Last(count) => write!(f, "bytes=-{count}"),
        }
    }
}

/// What a reader wants of an object, and what it has of it already. An object's tag (`ETag`) is another when its bytes are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reader {
    /// This part of it.
    pub range: Option<ByteRange>,
    /// The part only if the object still has this tag, else all of it: what is there of it is to be gone on with.
    pub range_of: Option<String>,
    /// Nothing if the object still has one of these tags: a list as `If-None-Match` has it, or `*`.
    pub has: Option<String>,
}

impl Reader {
    /// Whether it has an object of this tag.
    pub fn has(&self, tag: &str) -> bool {
        let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let Some(has) = &self.has else { return false };
        has.trim() == "*" || has.split(',').any(|known| weak(known) == weak(tag))
    }
    /// The part that it is given of an object of this tag.
    pub fn range_of(&self, tag: &str) -> Option<ByteRange> {
        let same = self.range_of.as_ref().is_none_or(|wanted| wanted.trim() == tag && !tag.starts_with("W/"));
        self.range.filter(|_| same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_the_protocol_has_it() {
        for (text, size, expected) in [
            ("bytes=0-0", 10, Some(0..1)),
            ("bytes=2-", 10, Some(2..10)),
            ("bytes=2-99", 10, Some(2..10)),
            ("bytes=-3", 10, Some(7..10)),
            ("bytes=-99", 10, Some(0..10)),
            ("bytes=10-", 10, None),
            ("bytes=-0", 10, None),
            ("bytes=0-", 0, None),
            ("bytes=5-18446744073709551615", 10, Some(5..10)),
        ] {
            let range = ByteRange::parse(text).unwrap();
            assert_eq!(range.within(size), expected, "{text}");
            assert_eq!(range.to_string(), text);
        }
        for text in
            ["", "bytes", "bytes=", "bytes=-", "bytes=3-2", "bytes=1-2,4-5", "bytes=+1-2", "lines=1-2", "bytes=a-"]
        {
            assert_eq!(ByteRange::parse(text), None, "{text}");
        }
        assert_eq!(ByteRange::parse("bytes=99999999999999999999-"), None);
    }

    #[test]
    fn a_reader_has_what_it_names() {
        let has = |text: &str| Reader { has: Some(text.to_owned()), ..Reader::default() };
        for text in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(has(text).has("\"a\""), "{text}");
        }
        assert!(!has("\"b\"").has("\"a\"") && !Reader::default().has("\"a\""));
        let part = Some(ByteRange::From(1, None));
        let of = |tag: &str| Reader { range: part, range_of: Some(tag.to_owned()), has: None };
        assert_eq!(of("\"a\"").range_of("\"a\""), part);
        assert_eq!(of("\"b\"").range_of("\"a\""), None);
        assert_eq!(of("Mon, 01 Jan 2024 00:00:00 GMT").range_of("\"a\""), None);
        assert_eq!(Reader { range: part, ..Reader::default() }.range_of("\"a\""), part);
    }
}
