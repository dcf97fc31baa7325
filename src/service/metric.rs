//! All figures of a node, under the names that Prometheus, the board and the alert rules know them by.
//!
//! **How to add one:** count where it happens (`app::Meters`, or the meter of the way out), and a line here. A figure that
//! needs SQL goes into [`Figures`], which is read at most once in `FRESH` however often somebody scrapes.

use crate::{
    app::{App, Figures},
    cache::{Counts, LOAD_BOUNDS_US, Reach},
    data,
    model::{job::JobState, upload::Purpose},
    service::Fault,
    telemetry::exposition::Exposition,
};
use std::time::{Duration, Instant};

/// How long figures from the database are shown again.
const FRESH: Duration = Duration::from_secs(5);
/// Of a node that has no Redis.
const NO_REACH: Reach = Reach { redis: false, tracking: false, published: false, failures: 0, late: 0, flushes: 0 };
/// How long the database may take to give them.
const PATIENCE: Duration = Duration::from_secs(2);

/// Everything, in Prometheus's text format.
pub async fn text(app: &App) -> String {
    let mut all = Exposition::default();
    requests(app, &mut all);
    database(app, &mut all);
    caches(app, &mut all);
    admission(app, &mut all);
    callbacks(app, &mut all);
    wechat(app, &mut all);
    jobs(app, &mut all);
    events(app, &mut all);
    let figures = figures(app).await;
    all.gauge("weizhan_database_up", "Whether the database gave its figures.", flag(figures.is_some()));
    if let Some(figures) = figures {
        shop(&figures, &mut all);
        queues(app, &figures, &mut all);
        storage(&figures, &mut all);
    }
    node(app, &mut all);
    all.process();
    all.text()
}

const fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people; above 2^53 nobody misses a unit")]
const fn count(number: i64) -> f64 {
    number as f64
}

fn requests(app: &App, all: &mut Exposition) {
    let routes = app.meters.routes.get().into_iter().flat_map(crate::app::Routes::all);
    let timings = routes.flat_map(|(path, route)| {
        let labels = move |method, end| vec![("route", path), ("method", method), ("status", end)];
        route.used().map(move |(method, end, timing)| (labels(method, end), timing.read()))
    });
    let help = "Time to answer a request, by route, method and class of status; gone: the client hung up.";
    all.timings("weizhan_http_request_seconds", help, timings);
    let in_flight = app.meters.in_flight.get();
    all.gauge("weizhan_http_in_flight", "Requests under way.", count(in_flight.cast_signed()));
    let refused = app.meters.refused.read();
    let refused = refused.iter().map(|(code, _, reading)| (vec![("code", *code)], reading.count()));
    all.counters("weizhan_problems_total", "Answers that were a problem, by its code.", refused);
}

fn database(app: &App, all: &mut Exposition) {
    let pools = app.database.pools();
    let states = pools.iter().flat_map(|pool| {
        let used = pool.size.saturating_sub(pool.idle);
        [("idle", pool.idle), ("used", used)]
            .map(|(state, number)| (vec![("pool", pool.pool), ("state", state)], f64::from(number)))
    });
    all.gauges("weizhan_database_connections", "Open connections, by pool and state.", states);
    let most = pools.iter().map(|pool| (vec![("pool", pool.pool)], f64::from(pool.max)));
    all.gauges("weizhan_database_connections_max", "As many connections as a pool may have.", most);
    let meter = app.database.meter();
    let acquire = [(vec![], meter.acquire.read())];
    all.timings("weizhan_database_acquire_seconds", "Time until a connection, or the turn to write, was had.", acquire);
    let waiting = count(meter.waiting.get().cast_signed());
    all.gauge("weizhan_database_waiting", "Callers that wait for a connection or their turn to write.", waiting);
}

fn caches(app: &App, all: &mut Exposition) {
    let counts = app.cache.counts();
    let reads = counts.iter().flat_map(|counts| {
        let outcomes = [
            ("memory", counts.l1_hits),
            ("redis", counts.l2_hits),
            ("loaded", counts.misses),
            ("redis_failed", counts.errors),
        ];
        outcomes.map(|(outcome, number)| (vec![("namespace", counts.namespace), ("outcome", outcome)], number))
    });
    let help = "Reads by kind of entry: answered from memory, from Redis, loaded; and calls to Redis that failed.";
    all.counters("weizhan_cache_reads_total", help, reads);
    let of = |counts: &Counts| vec![("namespace", counts.namespace)];
    let loads = counts.iter().map(|counts| (of(counts), counts.load_us.as_slice(), counts.load_us_sum));
    all.histograms("weizhan_cache_load_seconds", "Time of loads, by kind of entry.", &LOAD_BOUNDS_US, loads);
    let evictions = counts.iter().map(|counts| (of(counts), counts.l1_evictions));
    all.counters("weizhan_cache_evictions_total", "Entries that went before their time for want of room.", evictions);
    let bytes = counts.iter().map(|counts| (of(counts), count(counts.l1_bytes.cast_signed())));
    all.gauges("weizhan_cache_bytes", "What the entries in memory take.", bytes);
    let ages = counts.iter().map(|counts| (of(counts), count(counts.age_ms_max.cast_signed()) / 1e3));
    let help = "The greatest age of a value that was shown, since the process started.";
    all.gauges("weizhan_cache_age_max_seconds", help, ages);
    let reach = app.cache.reach().unwrap_or(NO_REACH);
    let ways = [("redis", reach.redis), ("tracking", reach.tracking), ("published", reach.published)];
    let ways = ways.map(|(way, is)| (vec![("way", way)], flag(is)));
    let help = "Whether Redis is called, and whether changes are heard by tracking and on the channel.";
    all.gauges("weizhan_cache_reach", help, ways);
    let help = "How often memory was emptied because a change may not have been heard.";
    all.counters("weizhan_cache_flushes_total", help, [(vec![], reach.flushes)]);
}

/// Who was let in and who was not.
fn admission(app: &App, all: &mut Exposition) {
    let gates = app.gates.counts();
    let ends = gates.iter().flat_map(|gate| {
        let ends = [("accepted", gate.accepted), ("queued", gate.queued), ("refused", gate.refused)];
        ends.map(|(end, number)| (vec![("class", gate.class.as_str()), ("end", end)], number))
    });
    all.counters("weizhan_gate_requests_total", "Requests by class: let in, made to wait first, refused.", ends);
    // A class without a limit has no figure for one.
    let limits = gates.iter().filter(|gate| gate.limit < u32::MAX);
    let limits = limits.map(|gate| (vec![("class", gate.class.as_str())], f64::from(gate.limit)));
    all.gauges("weizhan_gate_places", "Requests of a class that may be worked on at a time, now.", limits);
    let now = gates.iter().flat_map(|gate| {
        let states = [("working", gate.in_flight), ("waiting", gate.waiting)];
        states.map(|(state, number)| (vec![("class", gate.class.as_str()), ("state", state)], f64::from(number)))
    });
    all.gauges("weizhan_gate_now", "Requests by class: worked on, and waiting, now.", now);
    let limits = app.limits.counts();
    let refused = limits.refused.iter().map(|(limited, number)| (vec![("limit", limited.as_str())], *number));
    all.counters("weizhan_limited_total", "Calls that were too many, by limit.", refused);
    let help = "Calls that this node judged alone because Redis did not answer.";
    all.counters("weizhan_limit_fallbacks_total", help, [(vec![], limits.fallbacks)]);
}

fn callbacks(app: &App, all: &mut Exposition) {
    let counts = &app.meters.callbacks;
    let outcomes = [
        ("stored", &counts.stored),
        ("repeated", &counts.repeated),
        ("refused", &counts.refused),
        ("failed", &counts.failed),
        ("settled", &counts.settled),
        ("put_off", &counts.put_off),
    ];
    let outcomes = outcomes.map(|(outcome, counter)| (vec![("outcome", outcome)], counter.get()));
    all.counters("weizhan_callbacks_total", "Callbacks of WeChat Pay at this node, by what became of them.", outcomes);
}

fn wechat(app: &App, all: &mut Exposition) {
    let meter = app.wechat.meter();
    let calls = meter.calls.read();
    let timings = calls.iter().map(|(call, outcome, reading)| (vec![("call", *call), ("outcome", *outcome)], *reading));
    all.timings("weizhan_wechat_call_seconds", "Time of calls to WeChat, by call and outcome.", timings);
    let made = app.wechat.breakers();
    let made = made.iter().map(|(call, made)| (vec![("call", *call)], flag(*made)));
    let help =
        "Whether a call to WeChat is being made: one that WeChat did not answer five times in a row is not, for 5 s.";
    all.gauges("weizhan_wechat_call_made", help, made);
    let forced = [(vec![], meter.forced.get())];
    let help = "Access tokens that were forced; WeChat allows 20 a day over all nodes.";
    all.counters("weizhan_wechat_token_forced_total", help, forced);
    let ends = app.wechat.certificate_ends();
    let ends = ends.iter().map(|(serial, end)| (vec![("serial", serial.as_str())], count(end.seconds())));
    let help = "When the platform certificates of WeChat Pay at hand end, in seconds since 1970.";
    all.gauges("weizhan_certificate_end_timestamp_seconds", help, ends);
}

fn jobs(app: &App, all: &mut Exposition) {
    let runs = app.meters.runs.read();
    let timings = runs.iter().map(|(kind, end, reading)| (vec![("kind", *kind), ("end", *end)], *reading));
    all.timings("weizhan_job_run_seconds", "Time of runs of jobs, by kind and end.", timings);
}

fn events(app: &App, all: &mut Exposition) {
    let ingest = &app.ingest;
    let ends = [("accepted", &ingest.accepted), ("known", &ingest.known), ("refused", &ingest.refused)];
    let ends = ends.map(|(end, counter)| (vec![("end", end)], counter.get()));
    let help = "Events at this node: new in the log, there before, refused for want of room.";
    all.counters("weizhan_events_total", help, ends);
    let help = "Transactions that wrote events of mini-programs into the log.";
    all.counters("weizhan_event_writes_total", help, [(vec![], ingest.groups.get())]);
    let waiting = count(i64::try_from(ingest.count_waiting()).unwrap_or(i64::MAX));
    all.gauge("weizhan_events_waiting", "Events that wait on this node to be written.", waiting);
}

fn shop(figures: &Figures, all: &mut Exposition) {
    let states = [("due", figures.jobs_due), ("running", figures.jobs_running), ("dead", figures.jobs_dead)];
    let states = states.map(|(state, number)| (vec![("state", state)], count(number)));
    all.gauges("weizhan_jobs", "Jobs of the shop: due and not run, running, given up.", states);
    let wait = figures.job_wait.as_secs_f64();
    all.gauge("weizhan_job_wait_seconds", "How long the oldest due job has waited.", wait);
    let waiting = count(figures.callbacks_waiting);
    all.gauge("weizhan_callbacks_unsettled", "Callbacks that are stored and not settled.", waiting);
    let wait = figures.callback_wait.as_secs_f64();
    all.gauge("weizhan_callback_wait_seconds", "How long the oldest of them has waited.", wait);
    all.gauge("weizhan_suspense", "Pieces of money that staff must look at.", count(figures.suspense));
    all.gauge("weizhan_suspense_fen", "How much money that is, in fen.", count(figures.suspense_fen.0));
    let waiting = count(figures.facts_waiting);
    all.gauge("weizhan_event_facts_waiting", "Facts of the server that wait for their place in the log.", waiting);
    let mut lags = std::collections::BTreeMap::<_, i64>::new();
    for lag in &figures.event_lags {
        *lags.entry(lag.consumer.as_str()).or_default() += lag.last - lag.position;
    }
    let lags = lags.into_iter().map(|(consumer, behind)| (vec![("consumer", consumer)], count(behind)));
    all.gauges("weizhan_event_lag", "Events that a consumer of the log has not read.", lags);
    all.gauge("weizhan_led", "Whether some node holds the lease of the schedule.", flag(figures.led));
}

/// Each queue by itself.
fn queues(app: &App, figures: &Figures, all: &mut Exposition) {
    let jobs = figures
        .queues
        .iter()
        .map(|row| (vec![("queue", row.queue.as_str()), ("state", row.state.word())], count(row.jobs)));
    let help = "Jobs by queue and state; ready: also those whose time has not come.";
    all.gauges("weizhan_queue_jobs", help, jobs);
    let ready = figures.queues.iter().filter(|row| row.state == JobState::Ready);
    let waits = ready.map(|row| {
        let wait = if row.due > 0 { app.now().since(row.oldest_ms) } else { Duration::ZERO };
        (vec![("queue", row.queue.as_str())], wait.as_secs_f64())
    });
    let help = "How long the oldest due job of a queue has waited.";
    all.gauges("weizhan_queue_wait_seconds", help, waits);
    let again = figures.queues.iter().filter(|row| row.state != JobState::Dead).flat_map(|row| {
        let state = row.state.word();
        let labels = move |what| vec![("queue", row.queue.as_str()), ("state", state), ("what", what)];
        [(labels("retried"), count(row.retried)), (labels("redriven"), count(row.redriven))]
    });
    let help = "Jobs under way that failed before, and how often staff drove them again, by queue and state.";
    all.gauges("weizhan_queue_again", help, again);
}

/// What uploads take.
fn storage(figures: &Figures, all: &mut Exposition) {
    let of = |purpose: Purpose| vec![("purpose", purpose.word())];
    let kept = figures.uploads.iter().map(|(purpose, number, _)| (of(*purpose), count(*number)));
    all.gauges("weizhan_storage_objects", "Uploaded pictures that are kept, by purpose.", kept);
    let bytes = figures.uploads.iter().map(|(purpose, _, bytes)| (of(*purpose), count(*bytes)));
    all.gauges("weizhan_storage_bytes", "What they take, without the small ones.", bytes);
}

fn node(app: &App, all: &mut Exposition) {
    let alive = f64::from(app.nodes.alive());
    all.gauge("weizhan_nodes", "Nodes that were heard of, as this one sees it.", alive);
    let help = "How far the clock of this node is ahead of the database's.";
    all.gauge("weizhan_clock_ahead_seconds", help, count(app.nodes.skew_ms()) / 1e3);
    all.gauge("weizhan_leader", "Whether this node holds it.", flag(app.meters.leads()));
    let build = vec![("version", env!("CARGO_PKG_VERSION")), ("database", app.database.dialect())];
    all.gauges("weizhan_build_info", "The program and what it runs on.", [(build, 1.0)]);
}

/// What the database says, or `None` when it does not.
async fn figures(app: &App) -> Option<Figures> {
    // Whoever scrapes meanwhile waits here and finds them read.
    let mut last = app.meters.figures.lock().await;
    if let Some((_, figures)) = last.as_ref().filter(|(read, _)| read.elapsed() < FRESH) {
        return Some(figures.clone());
    }
    *last = match tokio::time::timeout(PATIENCE, read(app)).await {
        Ok(Ok(figures)) => Some((Instant::now(), figures)),
        Ok(Err(fault)) => {
            tracing::warn!(error = fault.chain(), "the figures of the database could not be read");
            None
        }
        Err(_) => {
            tracing::warn!("the figures of the database took too long");
            None
        }
    };
    last.as_ref().map(|(_, figures)| figures.clone())
}

async fn read(app: &App) -> Result<Figures, Fault> {
    let mut session = app.database.read().await?;
    let session = &mut session;
    let now = app.shared_now(session).await?;
    let due = data::job::next_due(session).await?;
    let first = data::notice::first_waiting(session).await?;
    let lease = data::lease::find(session, "schedule").await?;
    Ok(Figures {
        jobs_due: data::job::count_due(session, now).await?,
        jobs_running: data::job::count(session, JobState::Running).await?,
        jobs_dead: data::job::count(session, JobState::Dead).await?,
        job_wait: due.map(|due| now.since(due)).unwrap_or_default(),
        callbacks_waiting: data::notice::count_waiting(session).await?,
        callback_wait: first.map(|first| now.since(first)).unwrap_or_default(),
        suspense: data::suspense::count(session).await?,
        suspense_fen: data::suspense::sum(session).await?,
        led: lease.is_some_and(|lease| lease.expires_ms >= now),
        queues: data::job::queues(session, now).await?,
        facts_waiting: data::event::count_waiting(session).await?,
        event_lags: data::event::lags(session).await?,
        uploads: data::upload::usage(session).await?,
    })
}
