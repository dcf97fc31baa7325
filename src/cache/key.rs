//! What may be cached: a type for each kind of entry, so that a value cannot be read as another kind.

use crate::{
    config,
    model::{
        id::ProductId,
        page::Page,
        product::{Category, ProductBrief, ProductDetail},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// The name of one cached value, and what it is.
pub trait Key: Send + Sync {
    /// What is cached; kept and handed out as its JSON text.
    type Value: Serialize + DeserializeOwned;
    /// The kind of entry: a short word, different for each implementation. Counted and forgotten as a whole.
    const NAMESPACE: &'static str;
    /// Which one of its kind.
    fn name(&self) -> String;
    /// The longest time this value may be shown as it was, over both levels together, even when an invalidation
    /// was lost.
    fn stale(&self, settings: &config::Cache) -> Duration;
}

/// A product as its page shows it. Never read by the order path, which takes prices from the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProductKey(
    /// Which product.
    pub ProductId,
);

impl Key for ProductKey {
    type Value = ProductDetail;
    const NAMESPACE: &'static str = "product";
    fn name(&self) -> String {
        self.0.to_string()
    }
    fn stale(&self, settings: &config::Cache) -> Duration {
        Duration::from_millis(settings.product_stale_ms)
    }
}

/// All shelves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CategoriesKey;

impl Key for CategoriesKey {
    type Value = Vec<Category>;
    const NAMESPACE: &'static str = "categories";
    fn name(&self) -> String {
        "all".to_owned()
    }
    fn stale(&self, settings: &config::Cache) -> Duration {
        Duration::from_millis(settings.category_stale_ms)
    }
}

/// One page of a product list. Which lists a change touches is not worth knowing: forget them all at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductListKey(
    /// The query in one canonical form: the same question must always give the same text.
    pub String,
);

impl Key for ProductListKey {
    type Value = Page<ProductBrief>;
    const NAMESPACE: &'static str = "product_list";
    fn name(&self) -> String {
        self.0.clone()
    }
    fn stale(&self, settings: &config::Cache) -> Duration {
        Duration::from_millis(settings.product_stale_ms)
    }
}
