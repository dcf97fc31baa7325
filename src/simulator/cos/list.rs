//! GET Bucket: names in the order of their bytes, folded at a delimiter, a page at a time.

use super::{
    CosSimulator,
    error::{Outcome, Refusal, xml},
    object::time_of,
    request::Asked,
    store::Object,
};
use crate::storage::cos::{
    sign,
    xml::{Content, Document, Listed, Owner, Prefix},
};
use axum::http::StatusCode;

/// The longest page, and the usual one.
const PAGE_MAX: usize = 1_000;

impl CosSimulator {
    pub(super) fn list(&self, asked: &Asked) -> Outcome {
        let (prefix, marker) = (asked.param("prefix").unwrap_or_default(), asked.param("marker").unwrap_or_default());
        let delimiter = asked.param("delimiter").filter(|text| !text.is_empty());
        let limit = limit(asked.param("max-keys"))?;
        let encoding = encoding(asked)?;
        let shown = |text: &str| shown(text, encoding.is_some());
        let mut listed = Listed {
            name: self.options().bucket.clone(),
            encoding_type: encoding.clone(),
            prefix: shown(prefix),
            marker: shown(marker),
            max_keys: limit,
            delimiter: delimiter.map(shown),
            ..Listed::default()
        };
        let mut last = String::new();
        for object in self.store().objects_from(marker, prefix) {
            let common = delimiter.and_then(|delimiter| {
                let rest = &object.key[prefix.len()..];
                rest.find(delimiter).map(|at| &object.key[..prefix.len() + at + delimiter.len()])
            });
            // What was folded into the last entry of this page or of the one before.
            let name = common.unwrap_or(&object.key);
            if name <= marker || name == last {
                continue;
            }
            if listed.contents.len() + listed.common_prefixes.len() == limit {
                listed.is_truncated = true;
                listed.next_marker = Some(shown(&last));
                break;
            }
            name.clone_into(&mut last);
            match common {
                Some(common) => listed.common_prefixes.push(Prefix { prefix: shown(common) }),
                None => listed.contents.push(self.content(&object, shown(&object.key))),
            }
        }
        Ok(xml(StatusCode::OK, &Document::ListBucketResult(listed)))
    }

    fn content(&self, object: &Object, key: String) -> Content {
        Content {
            key,
            last_modified: time_of(object.bytes.written_ms),
            etag: object.etag.clone(),
            size: object.bytes.size,
            owner: self.owner_of_all(),
            storage_class: "STANDARD".to_owned(),
        }
    }

    /// Whose all of it is.
    pub(super) fn owner_of_all(&self) -> Owner {
        let account = self.options().bucket.rsplit('-').next().unwrap_or_default().to_owned();
        Owner { id: account.clone(), display_name: account }
    }
}

/// How many entries a page has.
pub(super) fn limit(text: Option<&str>) -> Result<usize, Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(PAGE_MAX) };
    match text.parse::<usize>() {
        Ok(limit) if limit > 0 => Ok(limit.min(PAGE_MAX)),
        _ => Err(Refusal::bad("InvalidArgument", "A positive number of entries is expected.")),
    }
}

/// `encoding-type`, which is `url` or none.
pub(super) fn encoding(asked: &Asked) -> Result<Option<String>, Refusal> {
    match asked.param("encoding-type").filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some("url") => Ok(Some("url".to_owned())),
        Some(_) => Err(Refusal::bad("InvalidArgument", "encoding-type is url, or left out.")),
    }
}

/// A name as a list has it.
pub(super) fn shown(text: &str, encoded: bool) -> String {
    if encoded { sign::escape_path(text) } else { text.to_owned() }
}
