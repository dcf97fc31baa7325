//! What is counted of a request: its route, how it ended and how long it took. Two atomic additions and one search of a
//! tree that nobody writes to; a refusal, which is rare, is counted by its code besides.

use super::problem::Problem;
use crate::{
    app::{App, METHODS, Meters, Route, Routes},
    telemetry::meter::{Held, Timing},
};
use axum::{extract::Request, http::Method, response::Response};
use std::time::{Duration, Instant};

/// The place of an end without an answer in [`ENDS`](crate::app::ENDS): the client hung up.
const GONE: usize = 5;

/// Know every route before the first request comes.
pub(super) fn prepare(app: &App, document: &utoipa::openapi::OpenApi) {
    app.meters.routes.get_or_init(|| Routes::new(document.paths.paths.keys().cloned()));
}

/// A request under way.
pub(super) struct Measured<'a> {
    meters: &'a Meters,
    route: Option<(&'a str, &'a Route)>,
    method: usize,
    end: usize,
    began: Instant,
    _in_flight: Held<'a>,
}

/// Begin to measure. A request that is dropped is counted as `gone`.
pub(super) fn begin<'a>(app: &'a App, request: &Request, began: Instant) -> Measured<'a> {
    let meters = &app.meters;
    let route = meters.routes.get().map(|routes| routes.find(request.uri().path()));
    Measured { meters, route, method: place(request.method()), end: GONE, began, _in_flight: meters.in_flight.hold() }
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
    /// It was answered so. An answer that still carries its problem tells its code.
    pub(super) fn end(mut self, response: &Response) {
        self.end = usize::from(response.status().as_u16() / 100).saturating_sub(1).min(GONE - 1);
        if let Some(problem) = response.extensions().get::<Problem>() {
            self.meters.refused.note(problem.code(), "", Duration::ZERO);
        }
    }
    /// The template of the route.
    pub(super) fn route(&self) -> &str {
        self.route.map_or("other", |(template, _)| template)
    }
    fn timing(&self) -> Option<&Timing> {
        self.route.map(|(_, route)| route.timing(self.method, self.end))
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        if let Some(timing) = self.timing() {
            timing.note(self.began.elapsed());
        }
    }
}
