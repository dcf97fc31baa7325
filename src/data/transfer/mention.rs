//! Where rows name objects: in every column `…_url` and `pictures` by address, and in `uploads` by key.
//!
//! The columns are found by their names, as the tables are, so that one that is added later is looked through too.

use super::{Source, Table, cell::Cell};
use crate::data::Error;

/// How the address of an object of the shop begins.
const ADDRESS: &str = "/objects/";
/// The table whose rows are made before their objects.
const UPLOADS: &str = "uploads";
/// The columns of keys in it, after the state, and whether the object is there when the upload is ready.
const KEYS: [(&str, bool); 3] = [("object_key", true), ("thumbnail_key", true), ("draft_key", false)];
const READY: &str = "ready";

/// A row that names an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The object's name as the row has it.
    pub name: String,
    /// Whether the object must be there. Of an upload that is not ready, or is gone, it may be.
    pub needed: bool,
    /// `products.pictures`.
    pub column: String,
    /// The key of the row.
    pub row: String,
}

impl Table {
    /// The same table with its key and those of its columns that are wanted.
    fn only(&self, wanted: impl Fn(&str) -> bool) -> Option<(Self, Vec<usize>)> {
        let keys = self.key.iter().map(|place| self.columns[*place].clone());
        let (places, others): (Vec<_>, Vec<_>) =
            self.columns.iter().filter(|(name, _)| wanted(name)).cloned().enumerate().unzip();
        let key = (0..self.key.len()).collect::<Vec<_>>();
        let places = places.iter().map(|place| place + key.len()).collect::<Vec<_>>();
        let columns = keys.chain(others).collect();
        (!places.is_empty()).then(|| (Self { name: self.name.clone(), columns, key }, places))
    }
}

/// Every object that a row names; `told` hears of it.
pub async fn mentions(source: &mut Source, mut told: impl FnMut(Mention)) -> Result<(), Error> {
    for table in source.tables().to_vec() {
        let wanted = |name: &str| match table.name.as_str() {
            UPLOADS => name == "state" || KEYS.iter().any(|(key, _)| *key == name),
            _ => name.ends_with("_url") || name == "pictures",
        };
        let Some((table, places)) = table.only(wanted) else { continue };
        let mut last = None;
        while let Some(chunk) = source.next(&table, last.as_ref()).await? {
            for row in &chunk.0 {
                of_row(&table, &places, row, &mut told);
            }
            last = Some(chunk);
        }
    }
    Ok(())
}

fn of_row(table: &Table, places: &[usize], row: &[Cell], told: &mut impl FnMut(Mention)) {
    let text = |place: usize| match row.get(place) {
        Some(Cell::Text(text)) => text.as_str(),
        _ => "",
    };
    let column = |place: usize| table.columns[place].0.as_str();
    let key = table.key.iter().map(|place| match &row[*place] {
        Cell::Integer(number) => number.to_string(),
        Cell::Text(text) => text.clone(),
        Cell::Null | Cell::Bytes(_) => String::new(),
    });
    let key = key.collect::<Vec<_>>().join(" ");
    let mut tell = |name: &str, needed: bool, place: usize| {
        let column = format!("{}.{}", table.name, column(place));
        told(Mention { name: name.to_owned(), needed, column, row: key.clone() });
    };
    if table.name == UPLOADS {
        let ready = places.iter().any(|place| column(*place) == "state" && text(*place) == READY);
        for place in places {
            let known = KEYS.iter().find(|(key, _)| *key == column(*place));
            if let Some((_, kept)) = known.filter(|_| !text(*place).is_empty()) {
                tell(text(*place), ready && *kept, *place);
            }
        }
        return;
    }
    for place in places {
        for name in names(text(*place)) {
            tell(name, true, *place);
        }
    }
}

/// The objects whose addresses a text is, or holds in quotes. Addresses elsewhere are none of ours.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(ADDRESS).filter_map(move |(at, _)| {
        let ours = text[..at].chars().next_back().is_none_or(|before| before == '"');
        let rest = &text[at + ADDRESS.len()..];
        let end = rest.find(['"', '?', '#', ' ']).unwrap_or(rest.len());
        (ours && end > 0).then(|| &rest[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn addresses_of_the_shop_are_found_and_no_others() {
        let found = |text| names(text).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(found("/objects/a/b.png"), ["a/b.png"]);
        assert_eq!(found(r#"["/objects/a.png","https://x/objects/b.png","/objects/c.png?v=1"]"#), ["a.png", "c.png"]);
        assert!(found("").is_empty() && found("/objects/").is_empty() && found("https://x/objects/a").is_empty());
    }
}
