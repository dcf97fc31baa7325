//! What this node counts about itself, apart from what each way out counts of its own.

use crate::{
    model::{event::Lag, job::QueueFigures, money::Fen, upload::Purpose},
    telemetry::meter::{Counter, Level, Tally, Timing},
};
use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Methods that are told apart; the last stands for any other.
pub const METHODS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "HEAD", "other"];
/// How requests end: the class of the status, or the client hung up before there was one.
pub const ENDS: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "gone"];
/// The requests of one route.
#[derive(Debug, Default)]
pub struct Route {
    // Made at the first use: most combinations never are.
    timings: [[OnceLock<Box<Timing>>; ENDS.len()]; METHODS.len()],
}

impl Route {
    /// The timing of a method and an end, by their places in [`METHODS`] and [`ENDS`].
    pub fn timing(&self, method: usize, end: usize) -> &Timing {
        self.timings[method][end].get_or_init(Box::default)
    }
    /// Those that were used.
    pub fn used(&self) -> impl Iterator<Item = (&'static str, &'static str, &Timing)> {
        self.timings.iter().zip(METHODS).flat_map(|(ends, method)| {
            let used = ends.iter().zip(ENDS);
            used.filter_map(move |(timing, end)| timing.get().map(|timing| (method, end, &**timing)))
        })
    }
}

/// Every route, prepared when the router is built, so that a request takes no lock to find its own.
pub struct Routes {
    all: Vec<(String, Route)>,
    /// The place in the list, by path: the same matcher as the router's.
    by_path: matchit::Router<usize>,
    /// What no route took.
    other: (String, Route),
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Routes(…)")
    }
}

impl Routes {
    /// The routes with these templates: `/v1/orders/{id}`.
    pub fn new(paths: impl IntoIterator<Item = String>) -> Self {
        let mut routes =
            Self { all: Vec::new(), by_path: matchit::Router::new(), other: ("other".to_owned(), Route::default()) };
        for path in paths {
            // Two that the router itself could not tell apart do not occur: it would not have been built.
            let known = routes.by_path.insert(path.clone(), routes.all.len());
            debug_assert!(known.is_ok(), "{path}");
            routes.all.push((path, Route::default()));
        }
        routes
    }
    /// The route that takes this path, with its template; and its place among those given to [`Routes::new`].
    pub fn find(&self, path: &str) -> (&str, &Route, Option<usize>) {
        let place = self.by_path.at(path).ok().map(|found| *found.value);
        let (template, route) = place.and_then(|place| self.all.get(place)).unwrap_or(&self.other);
        (template, route, place)
    }
    /// All of them with their templates; `other` for what no route took.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Route)> {
        self.all.iter().chain(std::iter::once(&self.other)).map(|(template, route)| (template.as_str(), route))
    }
}

/// What WeChat's callbacks came to.
#[derive(Debug, Default)]
pub struct Callbacks {
    /// Stored, and not seen before.
    pub stored: Counter,
    /// Known already.
    pub repeated: Counter,
    /// Not WeChat's, or not readable.
    pub refused: Counter,
    /// Could not be stored: WeChat calls again.
    pub failed: Counter,
    /// Carried out.
    pub settled: Counter,
    /// Could not be carried out at once and wait.
    pub put_off: Counter,
}

/// Figures that stand in the database: the same on each node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Jobs whose time has come and that nobody runs.
    pub jobs_due: i64,
    /// Jobs that are being run.
    pub jobs_running: i64,
    /// Jobs that were given up.
    pub jobs_dead: i64,
    /// How long the oldest due job has waited.
    pub job_wait: Duration,
    /// Callbacks that are stored and not settled.
    pub callbacks_waiting: i64,
    /// How long the oldest of them has waited.
    pub callback_wait: Duration,
    /// Pieces of money that staff must look at.
    pub suspense: i64,
    /// How much that is.
    pub suspense_fen: Fen,
    /// Whether some node leads.
    pub led: bool,
    /// How each queue stands, by state.
    pub queues: Vec<QueueFigures>,
    /// Facts that wait for their place in the log.
    pub facts_waiting: i64,
    /// How far each consumer of the log is.
    pub event_lags: Vec<Lag>,
    /// Pictures that are kept, by purpose: how many, and bytes.
    pub uploads: Vec<(Purpose, i64, i64)>,
}

/// Everything this node counts about itself.
#[derive(Debug, Default)]
pub struct Meters {
    /// Requests; set when the router is built.
    pub routes: OnceLock<Routes>,
    /// Requests under way.
    pub in_flight: Level,
    /// Answers that were a problem, by its code.
    pub refused: Tally,
    /// WeChat Pay's callbacks.
    pub callbacks: Callbacks,
    /// Figures that were read from the database last.
    pub figures: tokio::sync::Mutex<Option<(Instant, Figures)>>,
    /// Runs of jobs, by kind and end: `done`, `failed`, `dead`.
    pub runs: Tally,
    leads: AtomicBool,
}

impl Meters {
    /// Whether this node leads, as it found just now.
    pub fn lead(&self, leads: bool) {
        self.leads.store(leads, Relaxed);
    }
    /// Whether this node led when it last looked.
    pub fn leads(&self) -> bool {
        self.leads.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_counts_by_method_and_end_and_strangers_share_one() {
        let routes = Routes::new(["/v1/orders/{id}".to_owned()]);
        let (template, route, place) = routes.find("/v1/orders/42");
        route.timing(0, 1).note(Duration::from_millis(1));
        assert_eq!((template, place), ("/v1/orders/{id}", Some(0)));
        for stranger in ["/nowhere", "/v1/orders/42/more"] {
            routes.find(stranger).1.timing(1, 3).note(Duration::ZERO);
        }
        let mut used: Vec<_> = Vec::new();
        for (path, route) in routes.all() {
            used.extend(route.used().map(|(method, end, timing)| (path, method, end, timing.read().count())));
        }
        assert_eq!(used, [("/v1/orders/{id}", "GET", "2xx", 1), ("other", "POST", "4xx", 2)]);
    }
}
