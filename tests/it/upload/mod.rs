//! Pictures that are sent: by way of this server into a folder, and with a form into a simulated COS.

pub mod files;
mod flow;
mod judged;
mod machine;
mod refused;

use crate::support::{
    app::{APPS, PUSH_AES_KEY, PUSH_TOKEN, Setup, TestApp},
    client::{Answer, Client},
};
use serde_json::{Value, json};
use weizhan::{
    model::{job::Work, time::days},
    simulator::{PushFormat, PushMode, PushTarget},
};

/// Where objects are kept, and so how files come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// In a folder: by way of this server.
    Directory,
    /// In a bucket: with a form.
    Cos,
    /// In a bucket, and by way of this server all the same.
    CosByUs,
}

impl Store {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Directory, Self::Cos, Self::CosByUs];

    /// The application on this store.
    pub async fn open(self) -> TestApp {
        self.with(vec![]).await
    }

    /// The application on this store with other settings.
    pub async fn with(self, overrides: Vec<(&'static str, String)>) -> TestApp {
        TestApp::with(Setup { cos: self != Self::Directory, overrides, ..Setup::default() }).await
    }
}

/// Leave for a file of this type and size.
pub async fn begin(user: &Client, purpose: &str, kind: &str, bytes: usize) -> Value {
    let path = if purpose == "product" { "/admin/v1/uploads" } else { "/v1/uploads" };
    let body = json!({ "purpose": purpose, "content_type": kind, "bytes": bytes });
    user.post(path).json(&body).send().await.expect(201)
}

/// A form with one file, as `wx.uploadFile` sends it.
pub fn form(fields: &Value, kind: &str, file: &[u8]) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "----------------------------4815162342";
    let mut body = Vec::new();
    for (name, value) in fields.as_object().into_iter().flatten() {
        let value = value.as_str().expect("a text");
        let part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(part.into_bytes());
    }
    let head = "Content-Disposition: form-data; name=\"file\"; filename=\"tmp_1.jpg\"";
    body.extend(format!("--{BOUNDARY}\r\n{head}\r\nContent-Type: {kind}\r\n\r\n").into_bytes());
    body.extend(file);
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").into_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

/// Send a file where the leave says; on the store of the third kind where it says besides.
pub async fn send(app: &TestApp, store: Store, user: &Client, leave: &Value, kind: &str, file: &[u8]) -> Answer {
    let url = leave["url"].as_str().expect("an address");
    if store == Store::Cos {
        let (header, body) = form(&leave["fields"], kind, file);
        return app.client_of(url).post("").header("content-type", &header).body(body).send().await;
    }
    let url = leave["own_url"].as_str().expect("an address");
    let (header, body) = form(&json!({ "note": "a field that nobody asked for" }), kind, file);
    user.post(url).header("content-type", &header).body(body).send().await
}

/// Ask for a look at what was sent.
pub async fn confirm(user: &Client, leave: &Value) -> Answer {
    let place = leave["own_url"].as_str().and_then(|url| url.strip_suffix("/file")).expect("an address");
    user.post(&format!("{place}/confirm")).send().await
}

/// A picture that is ready.
pub async fn upload(app: &TestApp, store: Store, user: &Client, purpose: &str, kind: &str, file: &[u8]) -> Value {
    let leave = begin(user, purpose, kind, file.len()).await;
    let sent = send(app, store, user, &leave, kind, file).await;
    assert!(sent.status.is_success(), "{} {}", sent.status, sent.text);
    confirm(user, &leave).await.expect(200)
}

/// The names of all objects, in order.
pub fn objects(app: &TestApp) -> Vec<String> {
    if let Some(cos) = &app.cos {
        return cos.objects().into_iter().map(|(name, _)| name).collect();
    }
    let root = &app.app.config.storage.directory;
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).expect("inside").to_str().expect("text").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Sweep now, once.
pub async fn sweep(app: &TestApp) {
    let (now, work) = (app.app.now(), Work::SweepUploads { slot: app.app.ids.next(|id| id) });
    let mut session = app.app.database.write().await.expect("write");
    assert!(weizhan::service::job::enqueue(&app.app, &mut session, &work, now).await.expect("enqueued"));
    session.commit().await.expect("commit");
    app.run_jobs().await;
}

/// Sweep until all that can go is gone.
pub async fn sweep_all(app: &TestApp) {
    // What waits is given up, what was given up is looked for a day longer, and then its row goes.
    for _ in 0..2 {
        sweep(app).await;
        app.advance(days(2));
    }
    sweep(app).await;
}

/// Both mini-programs want their messages here.
pub fn push_here(app: &TestApp) {
    for (place, (appid, _)) in APPS.iter().enumerate() {
        let target = PushTarget {
            url: format!("{}/callback/wechat/push/{appid}", app.base),
            token: PUSH_TOKEN.to_owned(),
            aes_key: PUSH_AES_KEY.to_owned(),
            mode: if place == 0 { PushMode::Secure } else { PushMode::Plain },
            format: PushFormat::Json,
        };
        app.simulator.push_to(appid, Some(target)).expect("target");
    }
}
