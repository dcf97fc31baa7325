//! Orders of the bare program on SQLite with up to 32 in one commit: what is left of the disk's cost when it is shared.

use super::{Placed, Want, tables};
use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

/// Most orders of one commit.
const GROUP_MAX: usize = 32;

type Order = (Want, oneshot::Sender<Option<Placed>>);

/// The route, with the task behind it that writes.
pub(super) fn start(writer: SqlitePool) -> Router {
    let (send, mut orders) = mpsc::channel::<Order>(1024);
    TaskTracker::new().spawn(async move {
        while let Some(first) = orders.recv().await {
            if let Err(error) = group(&writer, first, &mut orders).await {
                eprintln!("bare: {error}");
            }
        }
    });
    Router::new().route("/grouped", post(place)).with_state(send)
}

async fn place(State(orders): State<mpsc::Sender<Order>>, Json(want): Json<Want>) -> Result<Json<Placed>, StatusCode> {
    let (tell, told) = oneshot::channel();
    orders.send((want, tell)).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    told.await.ok().flatten().map(Json).ok_or(StatusCode::CONFLICT)
}

async fn group(writer: &SqlitePool, first: Order, waiting: &mut mpsc::Receiver<Order>) -> sqlx::Result<()> {
    let mut unit = writer.begin().await?;
    let (mut next, mut placed) = (Some(first), Vec::new());
    while let Some((want, tell)) = next.take() {
        placed.push((order(&mut unit, &want).await?, tell));
        next = if placed.len() < GROUP_MAX { waiting.try_recv().ok() } else { None };
    }
    unit.commit().await?;
    for (order, tell) in placed {
        drop(tell.send(order));
    }
    Ok(())
}

async fn order(unit: &mut Transaction<'_, Sqlite>, want: &Want) -> sqlx::Result<Option<Placed>> {
    let Want { product_id, qty, address } = want;
    let (title, price): (String, i64) = sqlx::query_as(tables::PRICE).bind(product_id).fetch_one(&mut **unit).await?;
    let taken = sqlx::query(tables::TAKE).bind(qty).bind(product_id).bind(qty).execute(&mut **unit).await?;
    if taken.rows_affected() != 1 {
        return Ok(None);
    }
    let (id, order_no) = tables::new_order();
    let insert = sqlx::query(tables::ORDER).bind(id).bind(&order_no).bind("grouped").bind(price * qty);
    insert.bind(address).bind(tables::now_ms()).execute(&mut **unit).await?;
    let line = sqlx::query(tables::LINE).bind(id).bind(product_id).bind(title).bind(price).bind(qty);
    line.execute(&mut **unit).await?;
    Ok(Some(Placed { id, order_no, total_fen: price * qty }))
}
