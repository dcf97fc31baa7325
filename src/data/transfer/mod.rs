//! All rows of one database into another, of either dialect, or into a file and back, and whether they arrived.
//!
//! Nothing here knows a table by name: what there is comes from the schema of the database, so a table that is added later
//! is copied too. Rows travel in chunks in the order of the primary key, so memory is bounded however large a table is. Both
//! sides are reckoned up the same way, in Rust, from what the driver gave: a sum over the hashes of all rows.
//!
//! While a copy is under way its target carries a mark, an extra table, and no server starts on it
//! (`refuse_unfinished`). A copy that was killed is started over by the next.

mod cell;
mod chunk;
mod link;
mod mention;
mod shape;
mod source;
mod target;

pub use cell::Digest;
pub use chunk::Chunk;
pub use mention::{Mention, mentions};
pub use shape::{Schema, Table};
pub use source::Source;
pub use target::Target;

use super::{Database, Error, statement::Sql};
use crate::config;

/// Rows of a chunk.
const CHUNK: usize = 250;

/// The extra table of a target that is not whole.
const MARK: &str = "unfinished_copy";
const MARKED: Sql = Sql {
    name: "data::transfer::MARKED",
    mysql: "SELECT COUNT(*) FROM information_schema.tables
            WHERE table_schema = DATABASE() AND table_name = 'unfinished_copy'",
    sqlite: "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'unfinished_copy'",
};

/// Refuse to serve half a shop.
pub(super) async fn refuse_unfinished(database: &Database) -> Result<(), Error> {
    match database.read().await?.number(MARKED, ()).await? {
        0 => Ok(()),
        _ => Err(Error::Unfit(
            "a copy into this database was not finished: run weizhan migrate-store or weizhan restore once more"
                .to_owned(),
        )),
    }
}

/// Copy a table whose place in the target is empty; `moved` hears how many rows each chunk had. Gives what the source holds.
pub async fn copy(
    source: &mut Source,
    target: &mut Target,
    table: &Table,
    mut moved: impl FnMut(u64),
) -> Result<Digest, Error> {
    let (mut digest, mut last) = (Digest::default(), None);
    loop {
        let rows = source.link().chunk(table, last.as_deref(), CHUNK).await?;
        let Some(end) = rows.last() else { return Ok(digest) };
        last = Some(table.key_of(end));
        for row in &rows {
            digest.add(row);
        }
        target.insert(table, &rows).await?;
        moved(rows.len() as u64);
    }
}

/// What a table of these settings' database holds when nobody has used it: some rows come with the schema.
async fn as_new(settings: &config::Database) -> Result<Vec<(Table, Digest)>, Error> {
    let unusable = |error: std::io::Error| Error::Unfit(format!("no temporary folder: {error}"));
    let folder = tempfile::tempdir().map_err(unusable)?;
    let url = config::Secret::new(format!("sqlite:{}", folder.path().join("new.db").display()));
    let database = Database::open(&config::Database { url, ..settings.clone() }).await?;
    database.close().await;
    let url = format!("sqlite:{}", folder.path().join("new.db").display());
    let mut link = link::Link::open(&url).await?;
    let mut digests = Vec::new();
    for table in shape::tables(&mut link).await? {
        let digest = link.digest(&table, |_| ()).await?;
        digests.push((table, digest));
    }
    link.close().await;
    Ok(digests)
}
