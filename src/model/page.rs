//! Pages: a bounded list and the opaque place where the next one starts.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The most rows of one page.
pub const ROWS_MAX: i64 = 100;

/// A page of a list, newest or best first.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page starts; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cut what was asked for with one row too many into a page.
    pub fn cut(mut rows: Vec<T>, limit: i64, place: impl FnOnce(&T) -> Place) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|row| place(row).to_cursor()) } else { None };
        Self { items: rows, next }
    }
    /// The same page with other rows.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

/// Where a page starts: the sort value and the id of the row before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// What the list is sorted by.
    pub value: i64,
    /// The id, which decides between equal values.
    pub id: i64,
}

impl Place {
    /// Opaque text for the client.
    pub fn to_cursor(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}.{}", self.value, self.id))
    }
    /// Reads it back; `None` for anything that [`Place::to_cursor`] did not make.
    pub fn from_cursor(text: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (value, id) = text.split_once('.')?;
        Some(Self { value: value.parse().ok()?, id: id.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_nothing_else_is_one() {
        let place = Place { value: -3, id: 77 };
        assert_eq!(Place::from_cursor(&place.to_cursor()), Some(place));
        for text in ["", "x", "MQ", "Li4", "中"] {
            assert_eq!(Place::from_cursor(text), None, "{text}");
        }
        let page = Page::cut(vec![1, 2, 3], 2, |last| Place { value: 0, id: *last });
        assert_eq!((page.items, page.next), (vec![1, 2], Some(Place { value: 0, id: 2 }.to_cursor())));
    }
}
