//! What may be cached: a type for each kind of entry, so that a value cannot be read as another kind.

use super::policy::{Policy, TABLE};
use crate::model::{
    hot::Hot,
    id::{CategoryId, ProductId, SignInId},
    page::Page,
    product::{Category, ListQuery, ProductBrief, ProductDetail},
    token::Standing,
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use std::{hash::Hash, sync::Arc};

/// The name of one cached value, and what it is.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {
    /// What is cached.
    type Value: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// How memory holds it: [`Bytes`] for its JSON text, `Arc<Value>` for the value itself.
    type Form: Form<Self::Value>;
    /// How it is kept: a line of [`TABLE`].
    const POLICY: Policy;
    /// Which one of its kind.
    fn name(&self) -> String;
    /// Reads what [`Key::name`] wrote.
    fn parse(name: &str) -> Option<Self>;
    /// This entry, to be named in a job.
    fn hot(&self) -> Hot {
        Hot { namespace: Self::POLICY.namespace.to_owned(), name: Some(self.name()) }
    }
    /// Every entry of this kind, to be named in a job.
    fn all() -> Hot {
        Hot { namespace: Self::POLICY.namespace.to_owned(), name: None }
    }
}

/// How the memory of a node holds a value. Redis holds its JSON text.
pub trait Form<V>: Clone + Send + Sync + 'static {
    /// Of a value that was loaded, and its text.
    fn made(value: V, text: &Bytes) -> Self;
    /// Of a text from Redis; `None` when this version of the program cannot read it. What the same version wrote it can.
    fn read(text: Bytes, same_version: bool) -> Option<Self>;
}

/// For answers that are sent as they are.
impl<V: DeserializeOwned> Form<V> for Bytes {
    fn made(_: V, text: &Bytes) -> Self {
        text.clone()
    }
    fn read(text: Bytes, same_version: bool) -> Option<Self> {
        (same_version || serde_json::from_slice::<V>(&text).is_ok()).then_some(text)
    }
}

/// For values that the program reads at each request.
impl<V: DeserializeOwned + Send + Sync + 'static> Form<V> for Arc<V> {
    fn made(value: V, _: &Bytes) -> Self {
        Self::new(value)
    }
    fn read(text: Bytes, _: bool) -> Option<Self> {
        serde_json::from_slice(&text).ok().map(Self::new)
    }
}

/// A product as its page shows it. Never read by the order path, which takes prices from the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProductKey(
    /// Which product.
    pub ProductId,
);

impl Key for ProductKey {
    type Value = ProductDetail;
    type Form = Bytes;
    const POLICY: Policy = TABLE[0];
    fn name(&self) -> String {
        self.0.to_string()
    }
    fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }
}

/// One page of a product list. Which lists a change touches is not worth knowing: forget them all at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProductListKey(
    /// What was asked for.
    pub ListQuery,
);

impl Key for ProductListKey {
    type Value = Page<ProductBrief>;
    type Form = Bytes;
    const POLICY: Policy = TABLE[1];
    fn name(&self) -> String {
        let ListQuery { category, text, sort, after, limit } = &self.0;
        let (value, id) = after.unwrap_or_default();
        let (shelf, begun) = (category.map_or(0, |shelf| shelf.0), i64::from(after.is_some()));
        format!("{shelf}.{sort}.{begun}.{value}.{id}.{limit}.{text}")
    }
    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.splitn(7, '.');
        let shelf = parts.next()?.parse().ok()?;
        let sort = parts.next()?.parse().ok()?;
        let mut number = || parts.next()?.parse::<i64>().ok();
        let (begun, value, id, limit) = (number()?, number()?, number()?, number()?);
        let text = parts.next()?.to_owned();
        let category = (shelf != 0).then_some(CategoryId(shelf));
        Some(Self(ListQuery { category, text, sort, after: (begun != 0).then_some((value, id)), limit }))
    }
}

/// All shelves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CategoriesKey;

impl Key for CategoriesKey {
    type Value = Vec<Category>;
    type Form = Bytes;
    const POLICY: Policy = TABLE[2];
    fn name(&self) -> String {
        "all".to_owned()
    }
    fn parse(name: &str) -> Option<Self> {
        (name == "all").then_some(Self)
    }
}

/// Whether a sign-in still counts, and whose it is. Asked for by nearly every request, so memory holds it ready to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignInKey(
    /// Which.
    pub SignInId,
);

impl Key for SignInKey {
    type Value = Standing;
    type Form = Arc<Standing>;
    const POLICY: Policy = TABLE[3];
    fn name(&self) -> String {
        self.0.to_string()
    }
    fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::product::ProductSort;

    #[test]
    fn what_a_key_is_called_names_it_and_no_other() {
        fn same<K: Key + std::fmt::Debug>(key: &K) {
            assert_eq!(K::parse(&key.name()).as_ref(), Some(key), "{}", key.name());
        }
        same(&ProductKey(ProductId(7)));
        same(&SignInKey(SignInId(1 << 52)));
        same(&CategoriesKey);
        let query = |text: &str, after, category| {
            let text = text.to_owned();
            ProductListKey(ListQuery { category, text, sort: ProductSort::Newest, after, limit: 20 })
        };
        same(&query("", None, None));
        same(&query("1.2.茶: {x}", Some((-5, 9)), Some(CategoryId(3))));
        same(&query("", Some((0, 0)), None));
        assert_ne!(query("", None, None).name(), query("", Some((0, 0)), None).name());
    }
}
