//! What is counted of a request: its route, how it ended and how long it took. Two atomic additions and one search of a
//! tree that nobody writes to; a refusal, which is rare, is counted by its code besides.

use super::{class, problem::Problem};
use crate::{
    app::{App, METHODS, Meters, Route, Routes},
    telemetry::meter::{Held, Timing},
};
use axum::{extract::Request, http::Method, response::Response};
use std::time::{Duration, Instant};

/// The place of an end without an answer in [`ENDS`](crate::app::ENDS): the client hung up.
const GONE: usize = 5;

/// Know every route before the first request comes.
pub(super) fn prepare(app: &App) {
    app.meters.routes.get_or_init(|| Routes::new(class::paths().map(str::to_owned)));
}

/// A request under way.
pub(super) struct Measured<'a> {
    meters: &'a Meters,
    route: Option<(&'a str, &'a Route, Option<usize>)>,
    method: usize,
    end: usize,
    began: Instant,
    /// Once it is over.
    took: Option<Duration>,
    _in_flight: Held<'a>,
}

/// Begin to measure. A request that is dropped is counted as `gone`.
pub(super) fn begin<'a>(app: &'a App, request: &Request) -> Measured<'a> {
    let (began, meters) = (Instant::now(), &app.meters);
    let route = meters.routes.get().map(|routes| routes.find(request.uri().path()));
    Measured {
        meters,
        route,
        method: place(request.method()),
        end: GONE,
        began,
        took: None,
        _in_flight: meters.in_flight.hold(),
    }
}

fn place(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::POST => 1,
        Method::PUT => 2,
        Method::DELETE => 3,
        Method::HEAD => 4,
        _ => METHODS.len() - 1,
    }
}

impl Measured<'_> {
    /// It was answered so; how long it took. An answer that still carries its problem tells its code.
    pub(super) fn end(mut self, response: &Response) -> Duration {
        self.end = usize::from(response.status().as_u16() / 100).saturating_sub(1).min(GONE - 1);
        if let Some(problem) = response.extensions().get::<Problem>() {
            self.meters.refused.note(problem.code(), "", Duration::ZERO);
        }
        let took = self.began.elapsed();
        self.took = Some(took);
        took
    }
    /// The template of the route.
    pub(super) fn route(&self) -> &str {
        self.route.map_or("other", |(template, ..)| template)
    }
    /// Its place among [`class::paths`].
    pub(super) fn place(&self) -> Option<usize> {
        self.route.and_then(|(.., place)| place)
    }
    fn timing(&self) -> Option<&Timing> {
        self.route.map(|(_, route, _)| route.timing(self.method, self.end))
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        if let Some(timing) = self.timing() {
            timing.note(self.took.unwrap_or_else(|| self.began.elapsed()));
        }
    }
}
