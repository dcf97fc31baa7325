//! What a message says, whether it came as JSON or as XML.
//!
//! Numbers come as numbers or as texts, in XML always as texts, so fields are asked for and converted, never demanded.

use quick_xml::{Reader, events::Event};
use serde_json::{Map, Value};

/// How deep a message may be nested; real ones have three levels.
const DEPTH_MAX: usize = 16;

/// The fields of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Content(Map<String, Value>);

impl Content {
    /// Reads a message; `None` when it is neither a JSON object nor an XML element with fields.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let value = if text.trim_start().starts_with('<') { xml(text)? } else { serde_json::from_str(text).ok()? };
        match value {
            Value::Object(fields) => Some(Self(fields)),
            _ => None,
        }
    }
    /// A field as text, if it is a text or a number.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
        .filter(|text| !text.is_empty())
    }
    /// A field as a whole number, if it is one or the text of one.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
    /// The fields within a field.
    pub fn within(&self, name: &str) -> Option<Self> {
        self.0.get(name)?.as_object().cloned().map(Self)
    }
    /// The fields of each item of a list, which comes as its only item when it has one.
    pub fn list(&self, name: &str) -> Vec<Self> {
        let items = match self.0.get(name) {
            Some(Value::Array(items)) => items.as_slice(),
            Some(item) => std::slice::from_ref(item),
            None => &[],
        };
        items.iter().filter_map(|item| item.as_object().cloned().map(Self)).collect()
    }
    /// The same without these fields.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }
    /// All of it as JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

/// An element that has been opened.
#[derive(Default)]
struct Open {
    name: String,
    text: String,
    fields: Map<String, Value>,
}

impl Open {
    fn close(self) -> Value {
        if self.fields.is_empty() { Value::String(self.text) } else { Value::Object(self.fields) }
    }
    /// A name that comes again makes a list.
    fn add(&mut self, name: String, value: Value) {
        match self.fields.get_mut(&name) {
            None => drop(self.fields.insert(name, value)),
            Some(Value::Array(all)) => all.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
}

/// The root element as a value. A document type is refused, and with it everything that it could declare.
fn xml(text: &str) -> Option<Value> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    loop {
        let closed = match reader.read_event().ok()? {
            Event::Start(element) if root.is_none() && open.len() < DEPTH_MAX => {
                open.push(Open { name: element.name().as_ref().to_owned(), ..Open::default() });
                None
            }
            Event::Empty(element) if !open.is_empty() => {
                Some((element.name().as_ref().to_owned(), Value::String(String::new())))
            }
            Event::End(_) => open.pop().map(|element| (element.name.clone(), element.close())),
            Event::Text(part) => {
                let part = part.xml10_content();
                match open.last_mut() {
                    Some(element) => element.text.push_str(&part),
                    None if part.trim().is_empty() => {}
                    None => return None,
                }
                None
            }
            Event::CData(part) => {
                open.last_mut()?.text.push_str(&part.xml10_content());
                None
            }
            Event::GeneralRef(name) => {
                let symbol = match name.resolve_char_ref().ok()? {
                    Some(symbol) => symbol,
                    None => predefined(&name.xml10_content())?,
                };
                open.last_mut()?.text.push(symbol);
                None
            }
            Event::Comment(_) | Event::Decl(_) => None,
            Event::Eof => return if open.is_empty() { root } else { None },
            Event::Start(_) | Event::Empty(_) | Event::DocType(_) | Event::PI(_) => return None,
        };
        if let Some((name, value)) = closed {
            match open.last_mut() {
                Some(parent) => parent.add(name, value),
                None => root = Some(value),
            }
        }
    }
}

/// The five names that need no declaration.
fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let json = Content::read(br#"{"Event":"e","CreateTime":"1620973045","n":7,"List":{"a":1},"empty":""}"#);
        let json = json.expect("JSON");
        let xml = "\n<?xml version=\"1.0\"?><!-- c --><xml><Event><![CDATA[e]]></Event>\n <CreateTime>1620973045</CreateTime>\
                   <n> 7 </n><List><a>1</a></List><empty/></xml>\n";
        let xml = Content::read(xml.as_bytes()).expect("XML");
        for content in [&json, &xml] {
            assert_eq!(content.text("Event").as_deref(), Some("e"));
            assert_eq!((content.number("CreateTime"), content.number("n")), (Some(1_620_973_045), Some(7)));
            assert_eq!((content.text("List"), content.text("empty"), content.text("none")), (None, None, None));
        }
        let entities = Content::read("<xml><a>&lt;&#65;&amp;&#x4e2d;</a><b>1</b><b>2</b><b>3</b></xml>".as_bytes());
        assert_eq!(entities.expect("XML").json(), r#"{"a":"<A&中","b":["1","2","3"]}"#);
    }

    #[test]
    fn nothing_is_expanded_and_nothing_odd_is_read() {
        let deep = format!("{}1{}", "<a>".repeat(DEPTH_MAX + 1), "</a>".repeat(DEPTH_MAX + 1));
        for text in [
            "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><xml><b>&a;</b></xml>",
            "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><xml><b>1</b></xml>",
            "<xml><b>&a;</b></xml>",
            "<xml><b>1</xml>",
            "<xml><b>1</b>",
            "<xml><b>1</b></xml><xml><b>1</b></xml>",
            "<xml>only text</xml>",
            "<?php x ?><xml><b>1</b></xml>",
            "x<xml><b>1</b></xml>",
            "<xml/>",
            &deep,
            "[1]",
            "\"a\"",
            "1",
            "",
            "{",
        ] {
            assert_eq!(Content::read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Content::read(b"{\"a\":\"\xff\"}"), None);
    }
}
