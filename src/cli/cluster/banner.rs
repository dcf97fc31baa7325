//! What a cluster says when it is ready.

use super::house::House;
use crate::cli::demo::{STAFF_NAME, password_file};
use comfy_table::{Table, presets};
use std::{fmt::Write as _, path::Path, time::Duration};

/// Addresses and what to do next.
pub(super) fn text(house: &House, data: &Path, took: Duration) -> String {
    let (api, tls) = (house.api.as_str().trim_end_matches('/'), house.api_tls.as_str().trim_end_matches('/'));
    let place =
        if data == Path::new(".weizhan-cluster") { String::new() } else { format!(" --data {}", data.display()) };
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.add_row(["  接口", "API", &format!("{api} · {tls} (nginx → {} nodes)", house.nodes.len())]);
    table.add_row(["  文档", "API docs", &format!("{api}/docs")]);
    table.add_row(["  模拟微信", "WeChat simulator", house.wechat_url.as_str().trim_end_matches('/')]);
    for (name, address) in &house.neighbours {
        table.add_row([
            match *name {
                "database" => "  数据库",
                _ => "  缓存",
            },
            name,
            address,
        ]);
    }
    let password = password_file(data);
    table.add_row(["  员工", "staff", &format!("{STAFF_NAME} · 密码 password: {}", password.display())]);
    table.add_row(["  数据", "data", &format!("{} (logs: {})", data.display(), data.join("logs").display())]);
    table.add_row(["  滚动重启", "rolling restart", &format!("weizhan cluster restart{place}")]);
    table.add_row(["  杀死节点", "kill a node", &format!("weizhan cluster kill 2{place}")]);
    table.add_row(["  看一次购买", "watch a purchase", &format!("weizhan cluster --tour{place}")]);
    table.add_row(["  停止", "stop", &format!("Ctrl-C, weizhan cluster stop{place}")]);
    let mut text = format!("\n  微栈 weizhan · 集群开店了 cluster open after {} ms\n\n", took.as_millis());
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
