//! nginx in front of the nodes, with the very file of `deploy/`; only places are replaced, and the plain port, which leads to
//! TLS in the world, serves here as well.

use super::process::{Guard, Process};
use crate::cli::{demo::directory::Directory, private};
use anyhow::{Context as _, ensure};
use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::Command;

const CONF: &str = include_str!("../../../deploy/nginx.conf");
const UPSTREAM: &str = include_str!("../../../deploy/upstream.conf");

/// Ports of the loopback.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) plain: u16,
    pub(super) tls: u16,
}

/// Where nginx writes down each request.
pub(super) fn access_log(home: &Path) -> PathBuf {
    home.join("access.log")
}

/// Start it in front of the nodes at these ports.
pub(super) async fn start(
    guard: &Guard,
    program: &Path,
    directory: &Directory,
    ports: Ports,
    nodes: &[u16],
) -> anyhow::Result<Process> {
    let home = directory.file("nginx");
    private::make_folder(&home)?;
    certificate(&home)?;
    fs::write(home.join("upstream.conf"), upstream(nodes)?)?;
    let root = rustix::process::geteuid().is_root();
    let file = home.join("nginx.conf");
    fs::write(&file, conf(&home, ports, root)?)?;
    // The counts of the board are those of this run.
    fs::write(access_log(&home), "")?;
    let mut command = Command::new(program);
    command.args(["-e", "stderr", "-p"]).arg(&home).arg("-c").arg(&file).stdin(Stdio::null());
    let mut process = guard.start("nginx", command, &directory.file("logs"))?;
    let answers = || [ports.plain, ports.tls].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok());
    process.wait_ready(Duration::from_secs(20), answers).await?;
    Ok(process)
}

/// Made at the first start, and kept, so that a browser has to be told only once.
fn certificate(home: &Path) -> anyhow::Result<()> {
    if !home.join("tls.pem").exists() {
        let names = ["localhost", "127.0.0.1", "shop.example"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).context("the certificate")?;
        private::write(&home.join("tls.key"), &made.signing_key.serialize_pem())?;
        private::write(&home.join("tls.pem"), &made.cert.pem())?;
    }
    Ok(())
}

/// Each must be there to be replaced: then a change in `deploy/` is not passed over.
fn replaced(text: &str, pairs: &[(&str, String)]) -> anyhow::Result<String> {
    pairs.iter().try_fold(text.to_owned(), |text, (from, to)| {
        ensure!(text.contains(from), "{from:?} is no more in deploy/");
        Ok(text.replace(from, to))
    })
}

fn upstream(nodes: &[u16]) -> anyhow::Result<String> {
    ensure!(
        UPSTREAM.contains("    server node0:8080 max_fails=0;\n"),
        "deploy/upstream.conf names its nodes otherwise"
    );
    let ours: Vec<_> = nodes.iter().map(|port| format!("    server 127.0.0.1:{port} max_fails=0;\n")).collect();
    let ours = ours.concat();
    let (mut text, mut told) = (String::new(), false);
    for line in UPSTREAM.lines() {
        if line.trim_start().starts_with("server node") {
            text.push_str(if told { "" } else { &ours });
            told = true;
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    Ok(text)
}

fn conf(home: &Path, ports: Ports, root: bool) -> anyhow::Result<String> {
    let here = home.display();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = paths.map(|name| format!("    {name}_temp_path {here}/{name};\n")).concat();
    let Ports { plain, tls } = ports;
    let redirect = CONF.find("    server {\n        listen 80;");
    let shop = CONF.find("    server {\n        listen 443 ssl http2;");
    let (Some(redirect), Some(shop)) = (redirect, shop) else {
        anyhow::bail!("deploy/nginx.conf has other servers than it had");
    };
    ensure!(redirect < shop, "deploy/nginx.conf has its servers in another order");
    let text = format!("{}{}", &CONF[..redirect], &CONF[shop..]);
    let listen = format!("listen 127.0.0.1:{tls} ssl http2;\n        listen 127.0.0.1:{plain};");
    // The workers of a root nginx are nobody, who may not look into our directory.
    let user = if root { "user root;\n" } else { "" };
    replaced(
        &text,
        &[
            ("/etc/nginx/weizhan", here.to_string()),
            ("/var/log/nginx", here.to_string()),
            ("/run/nginx.pid", format!("{here}/nginx.pid")),
            ("listen 443 ssl http2;", listen),
            ("server_name shop.example;", "server_name _;".to_owned()),
            ("http {\n", format!("http {{\n{paths}")),
            ("worker_processes auto;", format!("worker_processes 2;\ndaemon off;\n{user}")),
            // An unprivileged user may not raise it.
            ("worker_rlimit_nofile 65536;\n", String::new()),
            ("worker_connections 16384;", "worker_connections 1024;".to_owned()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_deployment_is_used_with_other_places() {
        let text = conf("/place".as_ref(), Ports { plain: 81, tls: 82 }, true).expect("conf");
        for part in
            ["listen 127.0.0.1:81;", "listen 127.0.0.1:82 ssl http2;", "user root;", "include /place/upstream.conf;"]
        {
            assert!(text.contains(part), "{part}");
        }
        assert!(!text.contains("/etc/") && !text.contains("listen 80") && !text.contains("return 308"));
        assert!(text.contains("proxy_next_upstream error timeout;"), "what matters is as it stands there");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }

    #[test]
    fn every_node_stands_in_the_upstream() {
        let text = upstream(&[1, 2, 3]).expect("upstream");
        assert_eq!(text.matches("max_fails=0;\n").count(), 3 + usize::from(text.contains("# max_fails=0;\n")));
        assert!(
            text.contains("server 127.0.0.1:3 max_fails=0;") && text.contains("keepalive") && !text.contains("node0")
        );
    }
}
