//! The nodes, for staff.

use crate::{
    app::App,
    http::{
        extract::{NodeRead, Staff},
        problem::Problem,
    },
    model::{node::NodeState, time::Timestamp},
    service::{self, node::Seen},
};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

/// A node.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct NodeView {
    /// Its number, which is part of every id that it makes.
    number: i64,
    /// Names the process: a restart is another.
    holder: String,
    /// Where it listens.
    address: String,
    /// Of the program.
    version: String,
    /// What it does.
    state: NodeState,
    /// Whether it was heard of lately.
    alive: bool,
    /// Whether it leads: it keeps the schedule.
    leader: bool,
    /// When it started, in milliseconds since 1970.
    #[schema(value_type = i64)]
    started_ms: Timestamp,
    /// When it was last heard of.
    #[schema(value_type = i64)]
    heartbeat_ms: Timestamp,
    /// How far its clock is ahead of the database's.
    skew_ms: i64,
    /// The version of settings and flags that it has.
    settings_version: i64,
}

impl From<Seen> for NodeView {
    fn from(Seen { node, alive, leader }: Seen) -> Self {
        Self {
            number: node.number,
            holder: node.holder,
            address: node.address,
            version: node.version,
            state: node.state,
            alive,
            leader,
            started_ms: node.started_ms,
            heartbeat_ms: node.heartbeat_ms,
            skew_ms: node.skew_ms,
            settings_version: node.settings_version,
        }
    }
}

/// All nodes.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct NodesView {
    /// The time of the database, in milliseconds since 1970.
    #[schema(value_type = i64)]
    now_ms: Timestamp,
    /// The version of settings and flags that every node should have.
    settings_version: i64,
    /// By number: those that serve, and those that died and whose number is not free yet.
    items: Vec<NodeView>,
}

/// The processes that serve the shop.
#[utoipa::path(get, path = "/admin/v1/nodes", operation_id = "staff.node.list", tag = "staff",
    security(("staff" = ["node.read"])), responses((status = 200, body = NodesView)))]
pub(in crate::http) async fn list(State(app): State<App>, _: Staff<NodeRead>) -> Result<Json<NodesView>, Problem> {
    let cluster = service::node::list(&app).await?;
    let items = cluster.nodes.into_iter().map(Into::into).collect();
    Ok(Json(NodesView { now_ms: cluster.now, settings_version: cluster.settings_version, items }))
}
