//! Names of objects.

/// Longest name, in bytes.
const BYTES_MAX: usize = 200;

/// The name of an object: lower-case path segments, `product/2026/1f3c.jpg`. Whatever parses can neither leave the
/// folder it is kept in nor meet another name on a file system that ignores case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectKey(String);

/// Text that does not name an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an object key: up to 200 of a-z 0-9 / _ . - are expected, no part empty or starting with a dot")]
pub struct NotAnObjectKey;

impl ObjectKey {
    /// Reads a name: 1 to 200 of `a-z 0-9 / _ . -`; no `..`, and no segment that is empty or starts with a dot.
    pub fn parse(text: &str) -> Result<Self, NotAnObjectKey> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/_.-".contains(&byte);
        let good = text.len() <= BYTES_MAX
            && text.bytes().all(plain)
            && !text.contains("..")
            && text.split('/').all(|segment| !segment.is_empty() && !segment.starts_with('.'));
        if good { Ok(Self(text.to_owned())) } else { Err(NotAnObjectKey) }
    }
    /// A name that no request can say, or that of a file of this machine: its parts are those of names that were parsed, or
    /// one without a slash.
    pub(super) fn hidden(area: &str, name: &str) -> Self {
        Self(format!("{area}{name}"))
    }
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The MIME type by which the object is served: decided by the name alone, from a closed list that has no HTML and
    /// no script in it. Anything else is `application/octet-stream`, which browsers only save.
    ///
    /// `image/svg+xml` can carry scripts: `http` must serve it with `Content-Security-Policy: sandbox`, and everything
    /// with `X-Content-Type-Options: nosniff`.
    pub fn content_type(&self) -> &'static str {
        let name = self.0.rsplit('/').next().unwrap_or_default();
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("jpg" | "jpeg") => "image/jpeg",
            Some("png") => "image/png",
            Some("gif") => "image/gif",
            Some("webp") => "image/webp",
            Some("svg") => "image/svg+xml",
            Some("mp3") => "audio/mpeg",
            Some("mp4") => "video/mp4",
            Some("pdf") => "application/pdf",
            Some("json") => "application/json",
            Some("csv") => "text/csv; charset=utf-8",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for ObjectKey {
    type Err = NotAnObjectKey;
    fn from_str(text: &str) -> Result<Self, NotAnObjectKey> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_point_anywhere_else() {
        for text in ["a", "a/b-c_d.0/e.tar.gz", "9", "-", &"x".repeat(200)] {
            assert_eq!(ObjectKey::parse(text).map(|key| key.to_string()).as_deref(), Ok(text));
        }
        let bad = ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/./b", ".a", "a/.b", "a..b"];
        for text in bad.into_iter().chain(["A", "a b", "a\\b", "a\0", "a\n", "a%2f", "c:", "中", &"x".repeat(201)]) {
            assert_eq!(ObjectKey::parse(text), Err(NotAnObjectKey), "{text:?}");
        }
    }

    #[test]
    fn the_name_decides_the_type_and_nothing_is_served_as_a_page() {
        let type_of = |text| ObjectKey::parse(text).unwrap().content_type();
        assert_eq!(type_of("p/a.jpg"), "image/jpeg");
        assert_eq!(type_of("p/a.html.png"), "image/png");
        for text in ["a.html", "a.htm", "a.js", "a.xml", "a.png.html", "png", "a.png/b", "a."] {
            assert_eq!(type_of(text), "application/octet-stream", "{text}");
        }
    }
}
