//! The processes that serve the shop.

use crate::{
    app::App,
    data,
    model::{
        node::{Node, NodeState},
        time::Timestamp,
    },
    service::{Error, Never},
};

/// The lease whose holder leads: it keeps the schedule.
pub const LEADERSHIP: &str = "schedule";

/// A node as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its row.
    pub node: Node,
    /// Whether it was heard of lately.
    pub alive: bool,
    /// Whether it leads.
    pub leader: bool,
}

/// All nodes at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The moment, by the database's time.
    pub now: Timestamp,
    /// The version of settings and flags that every node should have.
    pub settings_version: i64,
    /// Those that serve, and those that died and whose number is not free yet; by number.
    pub nodes: Vec<Seen>,
}

/// Look at all nodes.
pub async fn list(app: &App) -> Result<Cluster, Error<Never>> {
    let mut session = app.database.read().await?;
    let now = app.shared_now(&mut session).await?;
    let lease = data::lease::find(&mut session, LEADERSHIP).await?.filter(|lease| lease.expires_ms >= now);
    let settings_version = data::setting::head(&mut session).await?;
    let rows = data::node::list(&mut session).await?;
    let seen = rows.into_iter().filter(|node| node.state != NodeState::Tool && !node.is_free(now)).map(|node| Seen {
        alive: node.is_alive(app.heard_since(now)),
        leader: lease.as_ref().is_some_and(|lease| lease.holder == node.holder),
        node,
    });
    Ok(Cluster { now, settings_version, nodes: seen.collect() })
}
