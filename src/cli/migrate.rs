//! `weizhan migrate`.

use super::Sources;
use crate::{
    config::{Fault, Faults, Purpose},
    data::Database,
    telemetry,
};

/// Needs the database alone, so that a deployment can run it before the rest is set.
pub(super) async fn run(sources: &Sources) -> anyhow::Result<()> {
    let config = sources.load(Purpose::Dev, &[])?;
    if config.database.url.is_empty() {
        let message = "is not set (nor database.url_file)".to_owned();
        return Err(Faults(vec![Fault { origin: String::new(), key: "database.url".to_owned(), message }]).into());
    }
    telemetry::init(&config.log);
    let database = Database::open(&config.database).await?;
    database.close().await;
    println!("the database has the schema of weizhan {}", env!("CARGO_PKG_VERSION"));
    Ok(())
}
