//! Looking for texts in everything that is kept: each column of each table there is, sealed ones opened; the cache; the store; and
//! exports.

use crate::{
    support::{
        app::TestApp,
        rows::{columns, same, tables},
    },
    upload::objects,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use std::collections::BTreeSet;

/// A place and the bytes that were found there.
pub type Cell = (String, Vec<u8>);

/// Everything that is kept of anybody, by where.
pub struct Kept(Vec<Cell>);

impl Kept {
    /// All there is at this moment.
    pub async fn of(app: &TestApp) -> Self {
        let mut cells = rows(app).await;
        cells.extend(redis(app).await);
        cells.extend(store(app));
        cells.extend(parquet(app).await);
        Self(cells)
    }

    /// The places in which a text occurs, as it is, in hexadecimal or in base64.
    pub fn places_of(&self, text: &str) -> BTreeSet<String> {
        let forms = forms(text);
        let holds = |bytes: &[u8]| forms.iter().any(|form| holds(bytes, form.as_bytes()));
        self.0.iter().filter(|(_, bytes)| holds(bytes)).map(|(place, _)| place.clone()).collect()
    }
}

/// How a text may be written down.
pub fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned(), hex::encode(text), hex::encode_upper(text)];
    forms.extend([STANDARD.encode(text), STANDARD_NO_PAD.encode(text), URL_SAFE_NO_PAD.encode(text)]);
    let escaped = serde_json::to_string(text).expect("JSON");
    forms.push(escaped.trim_matches('"').to_owned());
    forms
}

/// Whether bytes hold others.
pub fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Every cell of every table, as the database itself lists them. What is sealed stands here a second time, opened.
async fn rows(app: &TestApp) -> Vec<Cell> {
    let (database, mut cells) = (&app.app.database, Vec::new());
    for table in tables(database).await {
        let columns = columns(database, &table).await;
        // Numbers in hexadecimal mean something else to each database.
        let shown = |name: &String| match name.as_str() {
            "id" => "CAST(id AS CHAR)".to_owned(),
            name => format!("COALESCE(HEX({name}), '')"),
        };
        let shown: Vec<_> = columns.iter().map(shown).collect();
        let text = format!("SELECT CONCAT_WS(',', {}) FROM {table}", shown.join(", "));
        let rows: Vec<(String,)> = database.read().await.unwrap().all(same(text), ()).await.unwrap();
        for (row,) in rows {
            let values: Vec<_> = row.split(',').collect();
            assert_eq!(values.len(), columns.len(), "{table}");
            let id = columns.iter().position(|name| name == "id").map_or("", |place| values[place]);
            for (name, value) in columns.iter().zip(&values).filter(|(name, _)| *name != "id") {
                let place = format!("{table}.{name}");
                let bytes = hex::decode(value).unwrap_or_default();
                cells.extend(opened(app, &table, name, id, &bytes).map(|plain| (place.clone(), plain)));
                cells.push((place, bytes));
            }
        }
    }
    cells
}

/// What a sealed value says: ours, or of WeChat Pay.
fn opened(app: &TestApp, table: &str, column: &str, id: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    if column == "body" {
        return Some(format!("{:?}", app.app.wechat.reopen_notice(bytes).ok()?.content).into_bytes());
    }
    let what = column.strip_suffix("_sealed").unwrap_or(column);
    app.app.vault.open(&format!("{table}.{what}:{id}"), bytes)
}

/// Keys and values of the test's Redis, where it has one.
async fn redis(app: &TestApp) -> Vec<Cell> {
    let url = app.app.config.cache.redis_url.expose();
    if url.is_empty() {
        return Vec::new();
    }
    let client = redis::Client::open(url).expect("an address");
    let mut link = client.get_multiplexed_async_connection().await.expect("Redis");
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query_async(&mut link).await.expect("keys");
    let mut cells = Vec::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut link).await.expect("a type");
        let read = match kind.as_str() {
            "string" => redis::cmd("GET").arg(&key).to_owned(),
            "hash" => redis::cmd("HGETALL").arg(&key).to_owned(),
            // It ran out meanwhile.
            "none" => continue,
            other => panic!("{other} of {}", String::from_utf8_lossy(&key)),
        };
        let value: redis::Value = read.query_async(&mut link).await.expect("a value");
        cells.push(("redis".to_owned(), [key, all_bytes(value)].concat()));
    }
    cells
}

fn all_bytes(value: redis::Value) -> Vec<u8> {
    match value {
        redis::Value::BulkString(bytes) => bytes,
        redis::Value::Array(values) | redis::Value::Set(values) => values.into_iter().flat_map(all_bytes).collect(),
        redis::Value::Map(pairs) => {
            pairs.into_iter().flat_map(|(key, value)| [all_bytes(key), all_bytes(value)].concat()).collect()
        }
        other => format!("{other:?}").into_bytes(),
    }
}

/// Names and contents of objects.
fn store(app: &TestApp) -> Vec<Cell> {
    let root = &app.app.config.storage.directory;
    let cell = |name: String| {
        let content = std::fs::read(root.join(&name)).expect("an object");
        ("store".to_owned(), [name.as_bytes(), &content].concat())
    };
    objects(app).into_iter().map(cell).collect()
}

/// Every table that can be exported, as it would be exported now.
#[cfg(feature = "parquet")]
async fn parquet(app: &TestApp) -> Vec<Cell> {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use weizhan::{
        model::{export::ExportTable, time::Day},
        service::export::{Span, run},
        storage::Lake,
    };
    let (folder, mut cells) = (tempfile::tempdir().expect("a folder"), Vec::new());
    let lake = Lake::at(folder.path().to_owned());
    for table in [ExportTable::Events, ExportTable::Orders, ExportTable::Figures] {
        let span = Span { table, from: Day(20_261_123), to: Day(20_261_210), overwrite: false };
        for day in run(&app.app, &lake, span, |_| {}).await.expect("exported") {
            let name = format!("{}/day={}/part-0000.parquet", table.word(), day.manifest.day);
            let Ok(file) = std::fs::File::open(folder.path().join(name)) else { continue };
            let reader = SerializedFileReader::new(file).expect("a file of rows");
            for row in reader.get_row_iter(None).expect("rows") {
                let row = row.expect("a row").to_string();
                cells.push((format!("export.{}", table.word()), row.into_bytes()));
            }
        }
    }
    cells
}

/// The format is of another build.
#[cfg(not(feature = "parquet"))]
async fn parquet(_: &TestApp) -> Vec<Cell> {
    Vec::new()
}
