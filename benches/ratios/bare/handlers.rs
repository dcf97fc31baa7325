//! The work, once for both drivers.

/// Makes a module with the handlers on one driver. `$upsert` is the statement whose text differs.
macro_rules! handlers {
    ($driver:ident, $pool:ty, $upsert:literal) => {
        mod $driver {
            use super::{Brief, Code, No, Placed, Shelf, Told, Tools, Want, Whole, json, no, tables::*};
            use axum::{
                Json, Router,
                body::Bytes,
                extract::{Path, Query, State},
                http::{HeaderMap, StatusCode},
                response::Response,
                routing::{get, post},
            };
            use std::sync::Arc;

            struct Bare {
                tools: Tools,
                readers: $pool,
                writer: $pool,
            }
            type S = State<Arc<Bare>>;

            pub(super) fn router(tools: Tools, readers: $pool, writer: $pool) -> Router {
                Router::new()
                    .route("/ready", get(async || "ready"))
                    .route("/products/{id}", get(hot_view))
                    .route("/products", get(hot_list))
                    .route("/cold/products/{id}", get(view))
                    .route("/cold/products", get(list))
                    .route("/redis/products/{id}", get(redis_view))
                    .route("/token", get(token))
                    .route("/me", get(me))
                    .route("/login", post(login))
                    .route("/orders", post(place))
                    .route("/notice", post(notice))
                    .route("/events", post(events))
                    .with_state(Arc::new(Bare { tools, readers, writer }))
            }

            async fn load(bare: &Bare, id: i64) -> Result<Bytes, No> {
                let found: Option<Whole> = sqlx::query_as(DETAIL).bind(id).fetch_optional(&bare.readers).await?;
                Ok(serde_json::to_vec(&found.ok_or(no(StatusCode::NOT_FOUND))?)?.into())
            }
            async fn load_list(bare: &Bare, shelf: i64) -> Result<Bytes, No> {
                let found: Vec<Brief> = sqlx::query_as(LIST).bind(shelf).fetch_all(&bare.readers).await?;
                Ok(serde_json::to_vec(&found)?.into())
            }
            async fn view(State(bare): S, Path(id): Path<i64>) -> Result<Response, No> {
                Ok(json(load(&bare, id).await?))
            }
            async fn list(State(bare): S, Query(shelf): Query<Shelf>) -> Result<Response, No> {
                Ok(json(load_list(&bare, shelf.category_id).await?))
            }
            async fn hot_view(State(bare): S, Path(id): Path<i64>) -> Result<Response, No> {
                if let Some(known) = bare.tools.products.get(&id) {
                    return Ok(json(known));
                }
                let body = load(&bare, id).await?;
                bare.tools.products.insert(id, body.clone());
                Ok(json(body))
            }
            async fn hot_list(State(bare): S, Query(shelf): Query<Shelf>) -> Result<Response, No> {
                if let Some(known) = bare.tools.lists.get(&shelf.category_id) {
                    return Ok(json(known));
                }
                let body = load_list(&bare, shelf.category_id).await?;
                bare.tools.lists.insert(shelf.category_id, body.clone());
                Ok(json(body))
            }
            async fn redis_view(State(bare): S, Path(id): Path<i64>) -> Result<Response, No> {
                use redis::AsyncCommands as _;
                let mut redis = bare.tools.redis.clone().ok_or(no(StatusCode::NOT_FOUND))?;
                let key = format!("bare:{id}");
                if let Some(known) = redis.get::<_, Option<Bytes>>(&key).await? {
                    return Ok(json(known));
                }
                let body = load(&bare, id).await?;
                redis.set_ex::<_, _, ()>(&key, &body[..], 600).await?;
                Ok(json(body))
            }
            async fn token(State(bare): S, headers: HeaderMap) -> Result<Response, No> {
                bare.tools.buyer(&headers)?;
                Ok(json(Bytes::from_static(br#"{"id":"8814711111741953","nickname":"","avatar_url":"","phone":null}"#)))
            }
            async fn me(State(bare): S, headers: HeaderMap) -> Result<Response, No> {
                let openid = bare.tools.buyer(&headers)?;
                let found: Option<(String, i64)> =
                    sqlx::query_as(PERSON).bind(&openid).fetch_optional(&bare.readers).await?;
                let (nickname, seen_ms) = found.ok_or(no(StatusCode::NOT_FOUND))?;
                Ok(json(serde_json::to_vec(&(openid, nickname, seen_ms))?.into()))
            }
            async fn login(State(bare): S, Json(Code { code }): Json<Code>) -> Result<Response, No> {
                let openid = bare.tools.openid(&code).await?;
                sqlx::query($upsert).bind(&openid).bind(now_ms()).execute(&bare.writer).await?;
                let token = super::token(&bare.tools.settings.token_key, &openid, now_ms() / 1000);
                let token = token.map_err(|_| no(StatusCode::INTERNAL_SERVER_ERROR))?;
                Ok(json(serde_json::to_vec(&(token, openid))?.into()))
            }
            async fn place(State(bare): S, headers: HeaderMap, Json(want): Json<Want>) -> Result<Json<Placed>, No> {
                let openid = bare.tools.buyer(&headers)?;
                let Want { product_id, qty, address } = want;
                let (title, price): (String, i64) =
                    sqlx::query_as(PRICE).bind(product_id).fetch_one(&bare.readers).await?;
                let (id, order_no) = new_order();
                let mut unit = bare.writer.begin().await?;
                let taken = sqlx::query(TAKE).bind(qty).bind(product_id).bind(qty).execute(&mut *unit).await?;
                if taken.rows_affected() != 1 {
                    return Err(no(StatusCode::CONFLICT));
                }
                let order = sqlx::query(ORDER).bind(id).bind(&order_no).bind(&openid).bind(price * qty);
                order.bind(&address).bind(now_ms()).execute(&mut *unit).await?;
                let line = sqlx::query(LINE).bind(id).bind(product_id).bind(&title).bind(price).bind(qty);
                line.execute(&mut *unit).await?;
                unit.commit().await?;
                Ok(Json(Placed { id, order_no, total_fen: price * qty }))
            }
            async fn events(State(bare): S, Json(told): Json<Told>) -> Result<Response, No> {
                let mut insert = sqlx::QueryBuilder::new(EVENTS);
                insert.push_values(&told.events, |mut row, event| {
                    row.push_bind(event.id.as_str()).push_bind(told.source.as_str()).push_bind(event.kind.as_str());
                    row.push_bind(event.occurred_ms + now_ms() - told.sent_ms).push_bind(now_ms());
                    row.push_bind(event.page.as_str()).push_bind(told.channel.as_str());
                    row.push_bind(event.name.as_str()).push_bind(event.detail.get());
                });
                let taken = insert.build().execute(&bare.writer).await?.rows_affected();
                Ok(json(format!(r#"{{"accepted":{taken}}}"#).into()))
            }
            async fn notice(State(bare): S, headers: HeaderMap, body: Bytes) -> Result<StatusCode, No> {
                let paid = bare.tools.notice(&headers, &body)?;
                let mut unit = bare.writer.begin().await?;
                let pay = sqlx::query(PAY).bind(now_ms()).bind(&paid.transaction_id).bind(&paid.out_trade_no);
                if pay.execute(&mut *unit).await?.rows_affected() == 1 {
                    let money = sqlx::query(MONEY).bind(&paid.transaction_id).bind(&paid.out_trade_no);
                    money.bind(paid.amount.total).bind(now_ms()).execute(&mut *unit).await?;
                }
                unit.commit().await?;
                Ok(StatusCode::NO_CONTENT)
            }
        }
    };
}
