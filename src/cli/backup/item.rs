//! What a backup is made of, one thing after the other: the schema, rows and the sum of each table, objects with their bytes
//! and sums, and the end, without which it is not whole.
//!
//! A thing is a letter, the length of what follows in four bytes, and that: JSON, but for rows and bytes.

use crate::{
    data::transfer::{Chunk, Digest, Schema},
    model::time::Timestamp,
    storage::{SealedReading, SealedWriting},
};
use anyhow::{Context as _, bail, ensure};
use bytes::Buf as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Nothing is longer: rows come by the hundred, bytes of objects by the quarter of a megabyte.
const BYTES_MAX: usize = 256 << 20;

/// What it is a backup of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Head {
    /// Of the program that made it.
    pub(super) version: String,
    /// When the rows were as they are here.
    pub(super) made_ms: Timestamp,
    pub(super) schema: Schema,
    /// Whether objects are here with their bytes, or by name and sum.
    pub(super) with_bytes: bool,
}

/// What a table held.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TableEnd {
    pub(super) table: String,
    pub(super) digest: Digest,
}

/// An object, after its bytes if they are here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ObjectEnd {
    pub(super) key: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// All that there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) tables: u64,
    pub(super) rows: u64,
    pub(super) objects: u64,
    /// Of objects.
    pub(super) bytes: u64,
}

/// One thing.
#[derive(Debug)]
pub(super) enum Item {
    Head(Box<Head>),
    /// Rows of the table that is at hand, see [`Chunk`].
    Rows(Vec<u8>),
    TableEnd(TableEnd),
    /// An object of this name begins.
    Object(String),
    Bytes(bytes::BytesMut),
    ObjectEnd(ObjectEnd),
    End(End),
}

/// The backup as it is written.
pub(super) struct Writer(pub(super) SealedWriting);

impl Writer {
    pub(super) async fn head(&mut self, head: &Head) -> anyhow::Result<()> {
        self.json(b'h', head).await
    }
    pub(super) async fn rows(&mut self, chunk: &Chunk) -> anyhow::Result<()> {
        self.item(b'r', &chunk.bytes()).await
    }
    pub(super) async fn table_end(&mut self, end: &TableEnd) -> anyhow::Result<()> {
        self.json(b't', end).await
    }
    pub(super) async fn object(&mut self, key: &str) -> anyhow::Result<()> {
        self.json(b'k', &key).await
    }
    pub(super) async fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.item(b'b', bytes).await
    }
    pub(super) async fn object_end(&mut self, end: &ObjectEnd) -> anyhow::Result<()> {
        self.json(b'o', end).await
    }
    pub(super) async fn end(&mut self, end: &End) -> anyhow::Result<()> {
        self.json(b'e', end).await
    }

    async fn json(&mut self, letter: u8, value: &impl Serialize) -> anyhow::Result<()> {
        self.item(letter, &serde_json::to_vec(value)?).await
    }
    async fn item(&mut self, letter: u8, bytes: &[u8]) -> anyhow::Result<()> {
        ensure!(bytes.len() <= BYTES_MAX, "rows of more than {BYTES_MAX} bytes do not fit into a backup");
        self.0.write(&[letter]).await?;
        self.0.write(&u32::try_from(bytes.len())?.to_be_bytes()).await?;
        self.0.write(bytes).await.context("the backup could not be written")
    }
}

/// The backup as it is read.
pub(super) struct Reader(pub(super) SealedReading);

impl Reader {
    /// The next thing; an error where the backup is not whole.
    pub(super) async fn next(&mut self) -> anyhow::Result<Item> {
        let cut = "the backup is not whole: it has no end";
        let mut head = self.0.take(5).await?.context(cut)?;
        let (letter, length) = (head.get_u8(), head.get_u32() as usize);
        ensure!(length <= BYTES_MAX, "the backup is not in the form of this program");
        let bytes = self.0.take(length).await?.context(cut)?;
        Ok(match letter {
            b'h' => Item::Head(Box::new(read(&bytes)?)),
            b'r' => Item::Rows(bytes.to_vec()),
            b't' => Item::TableEnd(read(&bytes)?),
            b'k' => Item::Object(read(&bytes)?),
            b'b' => Item::Bytes(bytes),
            b'o' => Item::ObjectEnd(read(&bytes)?),
            b'e' => {
                ensure!(self.0.is_over().await?, "something follows the end of the backup");
                Item::End(read(&bytes)?)
            }
            _ => bail!("the backup is not in the form of this program"),
        })
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(bytes).context("the backup is not in the form of this program")
}
