//! What `weizhan dev` says when it is ready.

use crate::cli::tour::TourTarget;
use comfy_table::{Table, presets};
use std::{fmt::Write as _, net::SocketAddr, path::Path, time::Duration};

/// Addresses and what to do next.
pub(super) fn text(
    target: &TourTarget,
    metrics: SocketAddr,
    data: &Path,
    moved_from: Option<u16>,
    took: Duration,
) -> String {
    let (api, simulator) = (target.api.as_str().trim_end_matches('/'), target.simulator.as_str().trim_end_matches('/'));
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let password = super::password_file(data);
    table.add_row(["  接口", "API", api]);
    table.add_row(["  文档", "API docs", &format!("{api}/docs")]);
    table.add_row(["  模拟微信", "WeChat simulator", simulator]);
    table.add_row(["  指标", "metrics", &format!("http://{metrics}/metrics")]);
    table.add_row(["  员工", "staff", &format!("{} · 密码 password: {}", target.staff_name, password.display())]);
    table.add_row(["  数据", "data", &format!("{} (--fresh 重来 starts over)", data.display())]);
    table.add_row(["  看一次购买", "watch a purchase", &watch(data)]);
    table.add_row(["  停止", "stop", "Ctrl-C"]);
    let mut text = format!("\n  微栈 weizhan · 开店了 open after {} ms\n\n", took.as_millis());
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if let Some(port) = moved_from {
        let _ = writeln!(text, "\n  端口 {port} 被占用 · port {port} was taken, so the addresses differ this time");
    }
    text
}

/// The command for a second terminal.
fn watch(data: &Path) -> String {
    let default = data == Path::new(".weizhan");
    let place = if default { String::new() } else { format!(" --data {}", data.display()) };
    format!("weizhan dev --tour{place}  (另开一个终端 in a second terminal)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_every_address() {
        let url = |port: u16| format!("http://127.0.0.1:{port}").parse().expect("a URL");
        let target = super::super::target(url(80), url(81), "Cargo.toml".as_ref());
        let text = text(
            &target.expect("target"),
            ([127, 0, 0, 1], 82).into(),
            "d".as_ref(),
            Some(8080),
            Duration::from_millis(7),
        );
        for part in [
            "http://127.0.0.1:81\n",
            "http://127.0.0.1:82/metrics",
            "/docs",
            "d/secrets/staff_password",
            "--tour --data d",
            "8080",
            "7 ms",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
