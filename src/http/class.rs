//! What each operation is about: what is refused first when more comes than can be carried. Beside [`super::route`]; a
//! contract test fails for an operation that is not here.

use super::{
    glance::{self, Glance},
    route,
};
use crate::app::Class::{self, Browse, Bulk, Money, Vital};
use axum::http::Method;
use std::sync::{Arc, LazyLock};

/// Operations by class.
pub const TABLE: &[(Class, &[&str])] = &[
    (
        Vital,
        &["callback.pay", "callback.refund", "callback.verify_push", "callback.push", "health.alive", "health.ready"],
    ),
    (
        Money,
        &[
            "user.sign_in",
            "user.sign_in_from_cloud",
            "user.refresh",
            "user.bind_phone",
            "user.bind_encrypted_phone",
            "user.remove",
            "order.place",
            "order.view",
            "order.cancel",
            "order.receive",
            "payment.begin",
            "payment.ask",
            "refund.request",
            "staff.sign_in",
            "staff.refresh",
            "staff.order.ship",
            "staff.order.correct_shipment",
            "staff.order.price",
            "staff.refund.start",
            "staff.refund.approve",
            "staff.refund.reject",
            "staff.refund.retry",
        ],
    ),
    (
        Browse,
        &[
            "product.categories",
            "product.list",
            "product.view",
            "object.view",
            "scene.view",
            "flag.list",
            "user.view",
            "user.change",
            "user.sign_out",
            "cart.list",
            "cart.put",
            "cart.remove",
            "address.list",
            "address.add",
            "address.change",
            "address.remove",
            "upload.begin",
            "upload.confirm",
            "upload.view",
            "upload.remove",
            "order.list",
            "message.templates",
            "message.consent",
        ],
    ),
    (
        Bulk,
        &[
            "event.take",
            "upload.send",
            "staff.code.list",
            "staff.code.create",
            "staff.link.list",
            "staff.link.create",
            "user.export",
            "staff.upload.begin",
            "staff.upload.send",
            "staff.upload.confirm",
            "staff.upload.remove",
            "staff.upload.held",
            "staff.upload.allow",
            "staff.upload.block",
            "staff.sign_out",
            "staff.category.create",
            "staff.product.list",
            "staff.product.create",
            "staff.product.view",
            "staff.product.change",
            "staff.stock.adjust",
            "staff.order.list",
            "staff.order.view",
            "staff.order.timeline",
            "staff.notice.replay",
            "staff.refund.list",
            "staff.message.list",
            "staff.suspense.list",
            "staff.suspense.retry",
            "staff.suspense.refund",
            "staff.suspense.dismiss",
            "staff.job.list",
            "staff.job.redrive",
            "staff.reconciliation.list",
            "staff.reconciliation.run",
            "staff.difference.list",
            "staff.difference.repair",
            "staff.difference.dismiss",
            "staff.node.list",
            "staff.figure.series",
            "staff.figure.totals",
            "staff.figure.top",
            "staff.figure.retention",
            "staff.figure.funnel",
            "staff.figure.wechat",
            "staff.flag.list",
            "staff.flag.put",
            "staff.flag.remove",
            "staff.flag.history",
            "staff.setting.list",
            "staff.setting.change",
            "staff.setting.history",
        ],
    ),
];

/// Operations that wait in a bounded line of their own, which is no work: they give their place back when they stand in it.
const LINED: &[&str] = &["event.take"];

/// Operations whose body is read piece by piece, with places of their own: they wait for a client and not for us.
const STREAMED: &[&str] = &["upload.send", "staff.upload.send"];

/// The class of an operation.
pub fn of_operation(id: &str) -> Option<Class> {
    TABLE.iter().find(|(_, operations)| operations.contains(&id)).map(|(class, _)| *class)
}

/// An operation as a request meets it.
#[derive(Debug)]
pub(super) struct Operation {
    method: Method,
    /// What it is about.
    pub(super) class: Class,
    /// `POST /v1/orders`, as a limit on it is set.
    pub(super) name: Arc<str>,
    /// How it is answered from memory, of those that are.
    pub(super) glance: Option<Glance>,
    /// Whether it waits in a line of its own.
    pub(super) lined: bool,
    /// Whether its body is read piece by piece.
    pub(super) streamed: bool,
}

/// The operations of each path, from the document.
static OPERATIONS: LazyLock<Vec<(String, Vec<Operation>)>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for (path, item) in route::document().paths.paths {
        let mut found = Vec::new();
        let methods = [
            (Method::GET, item.get),
            (Method::PUT, item.put),
            (Method::POST, item.post),
            (Method::DELETE, item.delete),
        ];
        for (method, operation) in methods {
            // One that nobody has classed is served after all others.
            let Some(operation) = operation else { continue };
            let id = operation.operation_id.unwrap_or_default();
            let (class, glance) = (of_operation(&id).unwrap_or(Bulk), glance::of_operation(&id));
            let name = format!("{method} {path}").into();
            let lined = LINED.contains(&id.as_str());
            let streamed = STREAMED.contains(&id.as_str());
            found.push(Operation { method, class, name, glance, lined, streamed });
        }
        all.push((path, found));
    }
    all
});

/// The paths of all operations.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|(path, _)| path.as_str())
}

/// The operation behind a path, by its place among [`paths`]; none for pages, and for what there is not.
pub(super) fn of_route(place: Option<usize>, method: &Method) -> Option<&'static Operation> {
    // A route that takes GET answers HEAD too.
    let method = if method == Method::HEAD { &Method::GET } else { method };
    OPERATIONS.get(place?)?.1.iter().find(|one| one.method == *method)
}

/// Whether there is an operation of this name: `POST /v1/orders`.
pub(super) fn is_operation(name: &str) -> bool {
    OPERATIONS.iter().flat_map(|(_, operations)| operations).any(|one| *one.name == *name)
}
