//! The sources of the project, as far as a test reads them: files, tokens, and the paths in them.

use super::file;
use std::path::Path;

/// A source file.
pub struct Source {
    /// From the folder of the project: `src/http/cart.rs`.
    pub path: String,
    /// The text.
    pub text: String,
}

/// Every Rust file in a folder of the project, in order of path.
pub fn files(folder: &str) -> Vec<Source> {
    fn walk(folder: &Path, prefix: &str, found: &mut Vec<Source>) {
        for entry in std::fs::read_dir(folder).expect("a folder of the project") {
            let entry = entry.expect("an entry");
            let path = format!("{prefix}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                walk(&entry.path(), &path, found);
            } else if entry.path().extension().is_some_and(|kind| kind == "rs") {
                found.push(Source { text: std::fs::read_to_string(entry.path()).expect("text"), path });
            }
        }
    }
    let mut found = Vec::new();
    if file(folder).is_dir() {
        walk(&file(folder), folder, &mut found);
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// Length of the word at the start of a text.
fn word(text: &str) -> usize {
    text.find(|symbol: char| !symbol.is_alphanumeric() && symbol != '_').unwrap_or(text.len())
}

/// Length of a literal in quotes at the start of a text.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, symbol) in text.char_indices().skip(1) {
        match symbol {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            symbol if symbol == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a raw string at the start of a text: `r#"…"#`.
fn raw(text: &str) -> Option<usize> {
    let start = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = start.len() - start.trim_start_matches('#').len();
    let body = start[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(text.len() - body.len() + length)
}

/// Words and signs of a text, without its comments, strings and characters.
pub fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, keep) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (rest.find("*/").map_or(rest.len(), |at| at + 2), false)
        } else if let Some(length) = raw(rest) {
            (length, false)
        } else if first == '"' {
            (quoted(rest, '"'), false)
        } else if first == '\'' {
            let is_character = rest.starts_with("'\\") || rest.chars().nth(2) == Some('\'');
            (if is_character { quoted(rest, '\'') } else { 1 }, false)
        } else if first.is_alphanumeric() || first == '_' {
            (word(rest), true)
        } else if rest.starts_with("::") {
            (2, true)
        } else {
            (first.len_utf8(), !first.is_whitespace())
        };
        if keep {
            found.push(&rest[..length]);
        }
        rest = &rest[length..];
    }
    found
}

/// A path from the root of the crate, one word a step: `["model", "id", "OrderId"]`.
pub type Steps = Vec<String>;

/// Where a file stands in the crate: `["http", "cart"]`.
pub fn module_of(path: &str) -> Steps {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let steps = path.split('/').map(str::to_owned);
    steps.filter(|step| !matches!(step.as_str(), "mod" | "lib" | "main")).collect()
}

/// Every path of the crate that a file names, by `crate::`, by `super::`, or through a module it imported.
pub fn paths(file: &Source) -> Vec<Steps> {
    let (tokens, mut inner) = (tokens(&file.text), vec![]);
    let (mut module, mut depth, mut found) = (module_of(&file.path), 0, Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        let next = |ahead: usize| tokens.get(at + ahead).copied().unwrap_or_default();
        match tokens[at] {
            "mod" if next(2) == "{" => {
                module.push(next(1).to_owned());
                inner.push(depth);
            }
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inner.last() == Some(&depth) {
                    inner.pop();
                    module.pop();
                }
            }
            "crate" if next(1) == "::" => {
                at += 2;
                tree(&tokens, &mut at, vec![], &mut found);
                continue;
            }
            "super" if next(1) == "::" && (at == 0 || tokens[at - 1] != "::") => {
                let mut base = module.clone();
                while tokens.get(at) == Some(&"super") && tokens.get(at + 1) == Some(&"::") {
                    base.pop();
                    at += 2;
                }
                tree(&tokens, &mut at, base, &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    through_imports(&tokens, &mut found);
    found
}

/// `use crate::data;` and then `data::order::find`: the second names a path too.
fn through_imports(tokens: &[&str], found: &mut Vec<Steps>) {
    let imported: Vec<_> = found.iter().filter(|path| path.len() == 1).map(|path| path[0].clone()).collect();
    for start in 0..tokens.len() {
        let is_path = tokens.get(start + 1) == Some(&"::") && (start == 0 || !matches!(tokens[start - 1], "::" | "."));
        if is_path && imported.iter().any(|module| module == tokens[start]) {
            tree(tokens, &mut (start + 2), vec![tokens[start].to_owned()], found);
        }
    }
}

/// Reads `a::{b, c::d}` from `at` on, each branch a path.
fn tree(tokens: &[&str], at: &mut usize, mut prefix: Steps, found: &mut Vec<Steps>) {
    loop {
        match tokens.get(*at) {
            Some(&"{") => {
                *at += 1;
                while tokens.get(*at).is_some_and(|token| *token != "}") {
                    tree(tokens, at, prefix.clone(), found);
                    // An alias, and the comma.
                    while tokens.get(*at).is_some_and(|token| !matches!(*token, "," | "}")) {
                        *at += 1;
                    }
                    *at += usize::from(tokens.get(*at) == Some(&","));
                }
                *at += 1;
                return;
            }
            Some(&"self") if !prefix.is_empty() => *at += 1,
            Some(step) if word(step) == step.len() || *step == "*" => {
                prefix.push((*step).to_owned());
                *at += 1;
                if tokens.get(*at) == Some(&"::") {
                    *at += 1;
                    continue;
                }
            }
            _ => {}
        }
        return found.push(prefix);
    }
}

#[test]
fn the_reader_reads() {
    let text = r##"
        use crate::{a::{b as x, c}, d::{e::{self}, f}, data};
        // crate::comment::is_skipped
        const TEXT: &str = r#"crate::string::is_skipped"#;
        mod tests { fn f<'a>(c: char) -> bool { super::own(); super::super::g::<u8>(); c == '"' && crate::h::i() } }
        fn g() { super::k::l(); data::order::find() }
    "##;
    let source = Source { path: "src/top/low.rs".to_owned(), text: text.to_owned() };
    let found: Vec<_> = paths(&source).iter().map(|path| path.join("::")).collect();
    let expected =
        ["a::b", "a::c", "d::e", "d::f", "data", "top::low::own", "top::g", "h::i", "top::k::l", "data::order::find"];
    assert_eq!(found, expected);
    assert_eq!(module_of("src/http/admin/mod.rs"), ["http", "admin"]);
}
