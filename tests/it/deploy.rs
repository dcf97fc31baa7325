//! Claimed: `deploy/nginx.conf` lets only true headers and fitting bodies through, and a dead node is not noticed.
//! Shown: the file as it is, but for paths and ports, runs in a private nginx before a node that tells what it got.

use crate::support::{
    Backend, backend,
    servers::{
        Folder, ServerProcess,
        process::{free_port, is_root},
    },
};
use axum::{Router, extract::Request, http::StatusCode, routing::any};
use std::path::Path;

/// Answers the head of each request as it arrived, so that a test can look for what must not be there.
async fn told(request: Request) -> String {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.map_or(0, |body| body.len());
    let lines = parts.headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap_or("?")));
    format!("{} {} {bytes}\n{}", parts.method, parts.uri, lines.collect::<String>())
}

async fn node() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = axum::serve(listener, Router::new().fallback(any(told))).into_future();
    tokio_util::task::TaskTracker::new().spawn(served);
    port
}

/// The files of `deploy` with the places of this test; each must be there to be replaced.
fn settings(folder: &Path, tls: u16, plain: u16, nodes: [u16; 3]) -> String {
    let replace = |text: &str, pairs: &[(&str, String)]| {
        pairs.iter().fold(text.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from} is no more in deploy/");
            text.replace(from, to)
        })
    };
    let upstream = include_str!("../../deploy/upstream.conf");
    let places = ["node0:8080", "node1:8080", "node2:8080"];
    let nodes = nodes.iter().map(|port| format!("127.0.0.1:{port}"));
    let pairs: Vec<_> = places.into_iter().zip(nodes).collect();
    let upstream = replace(upstream, &pairs);
    std::fs::write(folder.join("upstream.conf"), upstream).unwrap();
    let key = rcgen::generate_simple_self_signed(["shop.example".to_owned()]).unwrap();
    std::fs::write(folder.join("tls.pem"), key.cert.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), key.signing_key.serialize_pem()).unwrap();
    let here = folder.display();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = paths.map(|name| format!("    {name}_temp_path {here}/{name};\n")).concat();
    let pairs = [
        ("/etc/nginx/weizhan", here.to_string()),
        ("/var/log/nginx", here.to_string()),
        ("/run/nginx.pid", format!("{here}/nginx.pid")),
        ("listen 80;", format!("listen 127.0.0.1:{plain};")),
        ("listen 443 ssl http2;", format!("listen 127.0.0.1:{tls} ssl http2;")),
        ("http {\n", format!("http {{\n{paths}")),
        // The workers of a root nginx are nobody, who may not look into a temporary folder of root.
        (
            "worker_processes auto;",
            format!("worker_processes 1;\ndaemon off;\n{}", if is_root() { "user root;" } else { "" }),
        ),
        // An unprivileged user may not raise it.
        ("worker_rlimit_nofile 65536;\n", String::new()),
        ("worker_connections 16384;", "worker_connections 512;".to_owned()),
    ];
    replace(include_str!("../../deploy/nginx.conf"), &pairs)
}

/// nginx with the settings of `deploy`, before nodes.
pub struct Front {
    /// Where it speaks TLS.
    pub tls: u16,
    plain: u16,
    /// Believes its certificate.
    pub client: reqwest::Client,
    _nginx: ServerProcess,
    _folder: Folder,
}

impl Front {
    /// Before three nodes, of which one does not listen and the others tell what they got.
    async fn new() -> Self {
        Self::before([free_port(), node().await, node().await])
    }

    /// Before the nodes at these ports.
    pub fn before(nodes: [u16; 3]) -> Self {
        let folder = Folder::new("nginx");
        let (tls, plain) = (free_port(), free_port());
        let text = settings(folder.path(), tls, plain, nodes);
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, text).unwrap();
        let arguments = ["-e", "stderr", "-p", ".", "-c", file.to_str().unwrap()];
        let mut nginx = ServerProcess::start(nginx(), &arguments, &[], folder.path());
        let ready = nginx.wait_ready(|| std::net::TcpStream::connect(("127.0.0.1", tls)).is_ok());
        assert!(ready, "{}", nginx.log());
        let client = reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self { tls, plain, client, _nginx: nginx, _folder: folder }
    }

    fn post(&self, path: &str, body_bytes: usize) -> reqwest::RequestBuilder {
        self.client.post(format!("https://127.0.0.1:{}{path}", self.tls)).body(vec![b'x'; body_bytes])
    }
}

fn nginx() -> &'static str {
    let places = ["/usr/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx", "/usr/local/bin/nginx"];
    places.into_iter().find(|path| Path::new(path).is_file()).expect("tests/setup installs nginx")
}

#[tokio::test]
async fn a_caller_cannot_lend_itself_a_name_or_an_address() {
    if backend() != Backend::Mariadb {
        return;
    }
    let front = Front::new().await;
    let mut request = front.post("/v1/orders?page=2", 10).header("x-kept", "yes");
    let forged =
        ["OPENID", "APPID", "UNIONID", "FROM-OPENID", "FROM-APPID", "FROM-UNIONID", "ENV", "SOURCE", "SERVICE"];
    for name in forged {
        request = request.header(format!("X-WX-{name}"), "forged");
    }
    for name in ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "X-Original-Forwarded-For"] {
        request = request.header(name, "forged");
    }
    let got = request.send().await.unwrap().text().await.unwrap();
    assert!(got.starts_with("POST /v1/orders?page=2 10\n"), "{got}");
    assert!(got.contains("x-kept: yes\n") && got.contains("x-forwarded-for: 127.0.0.1\n"), "{got}");
    assert!(got.contains("x-forwarded-proto: https\n"), "{got}");
    assert!(!got.contains("forged"), "{got}");
}

#[tokio::test]
async fn bodies_are_limited_and_callbacks_more_so() {
    if backend() != Backend::Mariadb {
        return;
    }
    let front = Front::new().await;
    for (path, bytes, status) in [
        ("/v1/orders", 256 * 1024, StatusCode::OK),
        ("/v1/orders", 256 * 1024 + 1, StatusCode::PAYLOAD_TOO_LARGE),
        ("/callback/wechat/pay", 64 * 1024, StatusCode::OK),
        ("/callback/wechat/pay", 64 * 1024 + 1, StatusCode::PAYLOAD_TOO_LARGE),
        ("/metrics", 0, StatusCode::NOT_FOUND),
        ("/v1/login/cloud", 16 * 1024 + 1, StatusCode::PAYLOAD_TOO_LARGE),
        ("/admin/v1/sign-in", 16 * 1024 + 1, StatusCode::PAYLOAD_TOO_LARGE),
        ("/healthz", 0, StatusCode::OK),
    ] {
        let answer = front.post(path, bytes).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path} with {bytes}");
        assert!(answer.headers().contains_key("strict-transport-security"), "{path}");
    }
}

#[tokio::test]
async fn a_node_that_is_down_is_not_noticed_and_plain_http_leads_to_tls() {
    if backend() != Backend::Mariadb {
        return;
    }
    let front = Front::new().await;
    for _ in 0..40 {
        assert_eq!(front.post("/v1/orders", 1).send().await.unwrap().status(), StatusCode::OK);
    }
    let answer = front.client.get(format!("http://127.0.0.1:{}/a?b=1", front.plain)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(answer.headers()["location"], "https://127.0.0.1/a?b=1");
}

#[tokio::test]
async fn whoever_tries_passwords_in_a_flood_is_stopped_at_the_edge() {
    if backend() != Backend::Mariadb {
        return;
    }
    let front = Front::new().await;
    let tries = (0..60).map(|_| front.post("/admin/v1/sign-in", 1).send());
    let statuses: Vec<_> =
        futures_util::future::join_all(tries).await.into_iter().map(|answer| answer.unwrap().status()).collect();
    let refused = statuses.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count();
    let passed = statuses.iter().filter(|status| **status == StatusCode::OK).count();
    assert!(passed >= 20 && refused >= 20 && passed + refused == 60, "{passed} passed, {refused} refused");
}
