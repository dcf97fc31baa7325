//! Days compared with WeChat's bills, and in what they differ.

use crate::{
    app::App,
    http::{
        extract::{BillReconcile, Id, PageParams, Params, Staff, Valid, place, rows},
        problem::Problem,
    },
    model::{
        id::{DifferenceId, OrderId},
        money::Fen,
        page::Page,
        reconcile::{DayState, Difference, DifferenceKind, DifferenceState, Reconciliation},
        time::{Day, Timestamp},
    },
    service::{self, reconcile::Wanted},
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A day.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ReconciliationView {
    /// Which, in Shanghai.
    day: Day,
    /// Where it stands.
    state: DayState,
    /// Payments in WeChat's bill.
    payments: i64,
    /// Their sum, in fen.
    payments_fen: Fen,
    /// Refunds in WeChat's bill.
    refunds: i64,
    /// Their sum, in fen.
    refunds_fen: Fen,
    /// Entries in WeChat's fund-flow bill.
    entries: i64,
    /// Differences that wait for staff.
    open_differences: i64,
    /// It was never compared, and in a week WeChat has its bills no more.
    alarm: bool,
    /// Why it still waits.
    #[serde(skip_serializing_if = "String::is_empty")]
    error: String,
    /// When it was first compared.
    done_ms: Option<Timestamp>,
}

impl ReconciliationView {
    fn new(row: Reconciliation, now: Timestamp) -> Self {
        let alarm = row.is_alarming(now);
        let Reconciliation {
            day, state, payments, payments_fen, refunds, refunds_fen, entries, error, done_ms, ..
        } = row;
        let open_differences = row.open_differences;
        Self {
            day,
            state,
            payments,
            payments_fen,
            refunds,
            refunds_fen,
            entries,
            open_differences,
            alarm,
            error,
            done_ms,
        }
    }
}

/// Something in which the shop and a bill differ.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct DifferenceView {
    /// Which.
    id: DifferenceId,
    /// Found when this day was compared.
    day: Day,
    /// In what.
    kind: DifferenceKind,
    /// Where it stands.
    state: DifferenceState,
    /// Whether asking WeChat anew can mend it.
    repairable: bool,
    /// What it is about: WeChat's number of a payment or an entry, ours of a refund.
    subject: String,
    /// WeChat's number of the payment or refund, or empty.
    wechat_no: String,
    /// Our number of it, or empty.
    own_no: String,
    /// Of which order.
    order_id: Option<OrderId>,
    /// The bill's amount, in fen.
    bill_fen: Option<Fen>,
    /// Ours, in fen.
    own_fen: Option<Fen>,
    /// The bill's word for its state, or empty.
    bill_state: String,
    /// Ours, or empty.
    own_state: String,
    /// When it was paid, asked for or booked.
    happened_ms: Timestamp,
    /// What staff said, or what repairing it came to.
    note: String,
    /// When it was found.
    created_ms: Timestamp,
    /// When it ceased to be open.
    ended_ms: Option<Timestamp>,
}

impl From<Difference> for DifferenceView {
    fn from(Difference { id, day, finding, state, note, created_ms, ended_ms }: Difference) -> Self {
        Self {
            id,
            day,
            kind: finding.kind,
            state,
            repairable: finding.kind.is_repairable(),
            subject: finding.subject,
            wechat_no: finding.wechat_no,
            own_no: finding.own_no,
            order_id: finding.order_id,
            bill_fen: finding.bill_fen,
            own_fen: finding.own_fen,
            bill_state: finding.bill_state,
            own_state: finding.own_state,
            happened_ms: finding.happened_ms,
            note,
            created_ms,
            ended_ms,
        }
    }
}

/// What a list of differences is asked for.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct DifferenceParams {
    /// Of this day only.
    #[garde(skip)]
    day: Option<Day>,
    /// In this state only.
    #[garde(skip)]
    #[param(inline)]
    state: Option<DifferenceState>,
    /// Of this kind only.
    #[garde(skip)]
    #[param(inline)]
    kind: Option<DifferenceKind>,
    /// Where the page starts: `next` of the page before.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Rows, 20 unless said otherwise.
    #[garde(skip)]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// Why a difference may stay.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct DismissDifference {
    /// In words.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    note: String,
}

/// Days that were or are to be compared with WeChat's bills, latest first.
#[utoipa::path(get, path = "/admin/v1/reconciliations", operation_id = "staff.reconciliation.list", tag = "staff",
    security(("staff" = ["bill.reconcile"])), params(PageParams),
    responses((status = 200, body = inline(Page<ReconciliationView>))))]
pub(in crate::http) async fn list(
    State(app): State<App>,
    _: Staff<BillReconcile>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<ReconciliationView>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    let page = service::reconcile::list(&app, before, rows(params.limit)?).await?;
    let now = app.now();
    Ok(Json(page.map(|row| ReconciliationView::new(row, now))))
}

/// Compare a day with WeChat's bills now. Doing it twice changes nothing.
#[utoipa::path(post, path = "/admin/v1/reconciliations/{day}/run", operation_id = "staff.reconciliation.run", tag = "staff",
    security(("staff" = ["bill.reconcile"])), params(("day" = Day, Path)),
    responses((status = 200, body = ReconciliationView)))]
pub(in crate::http) async fn run(
    State(app): State<App>,
    Staff(clerk, _): Staff<BillReconcile>,
    Id(day): Id<Day>,
) -> Result<Json<ReconciliationView>, Problem> {
    let row = service::reconcile::order_run(&app, &clerk, day).await?;
    Ok(Json(ReconciliationView::new(row, app.now())))
}

/// In what the shop and WeChat's bills differ, latest first.
#[utoipa::path(get, path = "/admin/v1/differences", operation_id = "staff.difference.list", tag = "staff",
    security(("staff" = ["bill.reconcile"])), params(DifferenceParams),
    responses((status = 200, body = inline(Page<DifferenceView>))))]
pub(in crate::http) async fn differences(
    State(app): State<App>,
    _: Staff<BillReconcile>,
    Params(params): Params<DifferenceParams>,
) -> Result<Json<Page<DifferenceView>>, Problem> {
    let before = place(params.cursor.as_deref())?.map(|place| place.id);
    let wanted = Wanted { day: params.day, state: params.state, kind: params.kind };
    let page = service::reconcile::differences(&app, wanted, before, rows(params.limit)?).await?;
    Ok(Json(page.map(Into::into)))
}

/// Ask WeChat anew about the money of a difference and settle what it says, as a notice of it would have been.
#[utoipa::path(post, path = "/admin/v1/differences/{id}/repair", operation_id = "staff.difference.repair", tag = "staff",
    security(("staff" = ["bill.reconcile"])), params(("id" = DifferenceId, Path)),
    responses((status = 200, body = DifferenceView)))]
pub(in crate::http) async fn repair(
    State(app): State<App>,
    Staff(clerk, _): Staff<BillReconcile>,
    Id(id): Id<DifferenceId>,
) -> Result<Json<DifferenceView>, Problem> {
    Ok(Json(service::reconcile::repair(&app, &clerk, id).await?.into()))
}

/// It may stay; say why.
#[utoipa::path(post, path = "/admin/v1/differences/{id}/dismiss", operation_id = "staff.difference.dismiss", tag = "staff",
    security(("staff" = ["bill.reconcile"])), params(("id" = DifferenceId, Path)), request_body = DismissDifference,
    responses((status = 200, body = DifferenceView)))]
pub(in crate::http) async fn dismiss(
    State(app): State<App>,
    Staff(clerk, _): Staff<BillReconcile>,
    Id(id): Id<DifferenceId>,
    Valid(body): Valid<DismissDifference>,
) -> Result<Json<DifferenceView>, Problem> {
    Ok(Json(service::reconcile::dismiss(&app, &clerk, id, &body.note).await?.into()))
}
