//! Our own program beside an application, with its settings.

use crate::support::{
    app::{TestApp, settings},
    bucket::Bucket,
    servers::Folder,
};
use std::{path::Path, process::Command, sync::Arc};
use weizhan::app::SystemClock;

/// A shop with its objects in a folder or in a bucket, and the program that looks after it.
pub struct Shop {
    pub app: TestApp,
    pub bucket: Option<Bucket>,
    pub folder: Folder,
    key_file: String,
}

impl Shop {
    /// One of each.
    pub async fn each() -> [Self; 2] {
        [Self::with(None).await, Self::with(Some(Bucket::with(Arc::new(SystemClock)).await)).await]
    }

    async fn with(bucket: Option<Bucket>) -> Self {
        let folder = Folder::new("backup");
        let key_file = folder.path().join("key").display().to_string();
        std::fs::write(&key_file, "a backup key of the tests, long enough for anybody\n").unwrap();
        let app = match &bucket {
            Some(bucket) => TestApp::with(bucket.setup()).await,
            None => TestApp::new().await,
        };
        Self { app, bucket, folder, key_file }
    }

    /// A path in the folder of the test.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The program on this shop: its exit status, and all that it said.
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let config = &self.app.app.config;
        self.run_on(config.database.url.expose(), &config.storage.directory, arguments)
    }

    /// The program on another database and another folder of objects.
    pub fn run_on(&self, database: &str, directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
        let mut all = settings(&self.app.simulator, database, &self.app.simulator_base, &self.app.base, directory);
        all.extend(self.bucket.iter().flat_map(Bucket::settings));
        all.push(("storage.backup_key_file", self.key_file.clone()));
        all.push(("log.filter", "error".to_owned()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_weizhan"));
        for (key, value) in all {
            command.env(format!("WEIZHAN__{}", key.replace('.', "__").to_ascii_uppercase()), value);
        }
        let output = command.args(arguments).current_dir(self.folder.path()).output().expect("our own program starts");
        let text = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat();
        (output.status.code(), text)
    }

    /// The program, which succeeds; what it said. Its bucket is ours: somebody answers it meanwhile.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let (status, told) = tokio::task::block_in_place(|| self.run(arguments));
        assert_eq!(status, Some(0), "{arguments:?}: {told}");
        told
    }

    /// All objects with their bytes.
    pub async fn objects(&self) -> Vec<(String, Vec<u8>)> {
        let storage = &self.app.app.storage;
        let mut all = Vec::new();
        for (name, _) in storage.list("").await.unwrap() {
            let bytes = storage.get(&super::key(&name)).await.unwrap().expect("it is listed").bytes.to_vec();
            all.push((name, bytes));
        }
        all
    }
}
