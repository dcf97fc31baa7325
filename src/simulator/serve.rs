//! Serving on a port of its own, with a background delivery of callbacks.

use super::{ReplyLost, Simulator};
use axum::body::Body;
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{io, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

/// A connection that sends no header for so long is closed.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a stop waits for requests and deliveries under way.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(6);
/// The longest the delivery sleeps: the clock may be moved meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(1);

impl Simulator {
    /// Serves until told to stop. It has an accept loop of its own because a lost reply must close the connection
    /// without a byte, which no response can say.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        if self.options().automatic {
            let (simulator, stop) = (self.clone(), stop.clone());
            self.0.tasks.spawn(async move { simulator.deliver_until(stop).await });
        }
        serve_router(listener, self.router(), stop, &self.0.tasks).await;
        Ok(())
    }

    async fn deliver_until(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.claim_due() {
                Err(error) => tracing::error!(%error, "the simulator could not settle refunds"),
                Ok(claimed) => claimed.into_iter().for_each(|id| self.deliver_in_background(id)),
            }
            let next = self.lock().next();
            // Due but claimed means under way, which rings the bell when it ends: hence no sleep of nothing.
            let pause = next.map_or(SLEEP_MAX, |next| next.since(self.now()));
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.0.bell.notified() => {}
                () = tokio::time::sleep(pause.clamp(Duration::from_millis(10), SLEEP_MAX)) => {}
            }
        }
    }

    fn deliver_in_background(&self, id: String) {
        let simulator = self.clone();
        self.0.tasks.spawn(async move {
            if let Err(error) = simulator.deliver(&id).await {
                tracing::error!(%error, "the simulator could not record a delivery");
            }
        });
    }
}

/// Serves until told to stop, then waits for what is under way.
pub(super) async fn serve_router(
    listener: TcpListener,
    router: axum::Router,
    stop: CancellationToken,
    tasks: &TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tasks.spawn(connection(stream, router.clone(), stop.clone()));
            }
            // Too many open files, or a caller that is gone: neither ends the server.
            Err(error) => {
                tracing::warn!(%error, "the simulator accepted no connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    tasks.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, tasks.wait()).await.is_err() {
        tracing::warn!("the simulator stopped with requests under way");
    }
}

async fn connection(stream: TcpStream, router: axum::Router, stop: CancellationToken) {
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let Ok(response) = router.oneshot(request.map(Body::new)).await;
            // An error of the service makes hyper close the connection without an answer.
            match response.extensions().get::<ReplyLost>() {
                Some(_) => Err(io::Error::other("a reply that is lost on purpose")),
                None => Ok(response),
            }
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let served = http.serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of the simulator ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CallbackState, Loss, Settings, test::Merchant};
    use super::*;
    use axum::{Router, extract::State, http::StatusCode, routing::post};
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    /// A shop that refuses the first callback and takes the rest; gives its address and how many came.
    async fn shop(stop: CancellationToken, tasks: &tokio_util::task::TaskTracker) -> (String, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let answer = async |State(count): State<Arc<AtomicUsize>>| match count.fetch_add(1, Ordering::SeqCst) {
            0 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::NO_CONTENT,
        };
        let router = Router::new().route("/pay", post(answer)).with_state(count.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        tasks.spawn(async move {
            axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await }).await
        });
        (format!("http://{address}/pay"), count)
    }

    #[tokio::test]
    async fn over_the_wire_callbacks_arrive_and_lost_replies_are_no_replies() {
        let (stop, tasks) = (CancellationToken::new(), tokio_util::task::TaskTracker::new());
        let (notify_url, count) = shop(stop.clone(), &tasks).await;
        let merchant = Merchant::with(|options| (options.automatic, options.speed) = (true, 1e6));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let base = format!("http://{}", listener.local_addr().expect("address"));
        let served = tasks.spawn(merchant.simulator.clone().serve(listener, stop.clone()));

        let mut order = merchant.order("order-1", 100);
        order["notify_url"] = notify_url.into();
        assert!(merchant.post("/v3/pay/transactions/jsapi", order).await.status.is_success());
        merchant.simulator.pay("order-1").expect("paid");
        let done = || merchant.simulator.callbacks()[0].state == CallbackState::Done;
        while !done() {
            tokio::task::yield_now().await;
        }
        let statuses: Vec<_> = merchant.simulator.callbacks()[0].attempts.iter().map(|it| it.status).collect();
        assert_eq!((statuses, count.load(Ordering::SeqCst)), (vec![Some(503), Some(204)], 2));

        let client = &merchant.simulator.0.http;
        let page = client.get(format!("{base}/?lang=en")).send().await.expect("page");
        assert!(page.headers()["content-security-policy"].to_str().expect("text").contains("'self'"));
        assert!(page.text().await.expect("html").contains("<!doctype html>"));
        let state = client.get(format!("{base}/_simulator/api/state")).send().await.expect("state");
        let state: serde_json::Value = state.json().await.expect("JSON");
        assert_eq!(state["payments"][0]["out_trade_no"], "order-1");
        let loss = Loss { path: "/sns/".to_owned(), method: None, count: 1 };
        merchant.simulator.faults().set(Settings { reply_lost: vec![loss], ..Settings::default() });
        let path = format!("{base}/sns/jscode2session");
        assert!(client.get(&path).send().await.is_err(), "closed without a byte");
        assert!(client.get(&path).send().await.is_ok());

        stop.cancel();
        served.await.expect("joined").expect("served");
        tasks.close();
        tasks.wait().await;
    }
}
