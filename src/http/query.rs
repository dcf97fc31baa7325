//! Reading a query: pairs of text in which a value may be an option, a word or an id.

use serde::de::{
    Deserializer, Error as _, IntoDeserializer, Visitor,
    value::{CowStrDeserializer, Error, MapDeserializer},
};
use std::borrow::Cow;

/// One name or value.
pub(super) struct Text<'de>(Cow<'de, str>);

/// The pairs of a query, in order.
pub(super) type Pairs<'de> = MapDeserializer<'de, std::vec::IntoIter<(Text<'de>, Text<'de>)>, Error>;

/// Take a query apart.
pub(super) fn pairs(query: &str) -> Pairs<'_> {
    let pairs = url::form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (Text(name), Text(value)));
    MapDeserializer::new(pairs.collect::<Vec<_>>().into_iter())
}

impl<'de> IntoDeserializer<'de, Error> for Text<'de> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Error;
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(&self.0)
    }
    /// What is named is there: serde's own deserializers of text know no options.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let word: CowStrDeserializer<'_, Error> = self.0.into_deserializer();
        word.deserialize_enum(name, variants, visitor)
    }
    fn deserialize_bytes<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a query has no bytes"))
    }
    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::pairs;
    use crate::model::product::ProductSort;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        text: Option<String>,
        sort: Option<ProductSort>,
    }

    #[test]
    fn an_option_that_is_named_is_there() {
        let read = |query| serde::Deserialize::deserialize(pairs(query)).ok();
        let asked = |text: Option<&str>, sort| Some(Asked { text: text.map(str::to_owned), sort });
        assert_eq!(read(""), asked(None, None));
        assert_eq!(read("sort=price_up&text=a%20b+c"), asked(Some("a b c"), Some(ProductSort::PriceUp)));
        assert_eq!(read("text="), asked(Some(""), None));
        for wrong in ["sort=up", "sort=", "other=1", "text=1&text=2"] {
            assert_eq!(read(wrong), None::<Asked>, "{wrong}");
        }
    }
}
