//! A bucket of the simulated COS for a test, and the settings that lead there.

use super::{
    app::{START, Setup},
    servers::Folder,
};
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weizhan::{
    config::{self, Config, Secret, StorageKind},
    model::time::FixedClock,
    simulator::{CosOptions, CosSimulator},
};

const BUCKET: &str = "shop-1250000000";
const REGION: &str = "ap-guangzhou";
const SECRET_ID: &str = "AKIDoftests0000001";
const SECRET_KEY: &str = "a secret of the tests, long enough for COS";

/// The bucket. Dropped, nobody serves it any more.
pub struct Bucket {
    /// The COS that it is in.
    pub cos: CosSimulator,
    /// Where that listens.
    pub base: String,
    stop: CancellationToken,
    _folder: Folder,
}

impl Bucket {
    /// A new, empty one, whose time stands still at the beginning of all tests.
    pub async fn new() -> Self {
        Self::with(Arc::new(FixedClock::new(START))).await
    }

    /// A new, empty one with this clock.
    pub async fn with(clock: Arc<dyn weizhan::model::time::Clock>) -> Self {
        let (folder, stop) = (Folder::new("bucket"), CancellationToken::new());
        let cos = CosSimulator::new(CosOptions {
            clock,
            folder: folder.path().to_owned(),
            bucket: BUCKET.to_owned(),
            region: REGION.to_owned(),
            secret_id: SECRET_ID.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
        });
        let cos = cos.expect("COS");
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("address"));
        let (served, stopped) = (cos.clone(), stop.clone());
        TaskTracker::new().spawn(async move { served.serve(listener, stopped).await.expect("COS") });
        Self { cos, base, stop, _folder: folder }
    }

    /// Settings by which objects are kept here.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("storage.kind", "cos".to_owned()),
            ("cos.bucket", BUCKET.to_owned()),
            ("cos.region", REGION.to_owned()),
            ("cos.secret_id", SECRET_ID.to_owned()),
            ("cos.secret_key", SECRET_KEY.to_owned()),
            ("cos.base_url", self.base.clone()),
            ("cos.sts_base_url", self.base.clone()),
            ("cos.retry_ms", "1".to_owned()),
        ]
    }

    /// An application that keeps its objects here.
    pub fn setup(&self) -> Setup {
        Setup { overrides: self.settings(), ..Setup::default() }
    }

    /// The settings alone, for a storage without an application.
    pub fn config(&self, directory: &Folder) -> Config {
        let mut config: Config =
            config::DEFAULT.parse::<toml::Table>().expect("settings").try_into().expect("settings");
        config.storage.kind = StorageKind::Cos;
        directory.path().clone_into(&mut config.storage.directory);
        BUCKET.clone_into(&mut config.cos.bucket);
        REGION.clone_into(&mut config.cos.region);
        SECRET_ID.clone_into(&mut config.cos.secret_id);
        config.cos.secret_key = Secret::new(SECRET_KEY);
        config.cos.base_url = Some(self.base.parse().expect("address"));
        config.cos.sts_base_url = self.base.parse().expect("address");
        config.cos.retry_ms = 1;
        config
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
