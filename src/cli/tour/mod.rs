//! A tour: one purchase from login to refund, as a real client makes it, over HTTP and nothing else.
//!
//! It knows the public API and the simulator's buttons and none of the types of this crate, so that it fails when the
//! API changes its words. It checks more than a customer would: that a repeated order is the same order, that stock
//! went down, that WeChat's books say what the shop says.
//!
//! **How to add a step:** an `Ask` and a check of its answer, in `buy` (the customer) or `after` (staff and
//! the refund), where it happens in life. A step whose request may be lost says how it is repeated.

mod after;
mod ask;
mod brief;
mod buy;
mod crowd;
mod transcript;

use crate::config::Secret;
use anyhow::{Context as _, ensure};
use reqwest::Url;
use std::{io::Write, path::PathBuf, time::Duration};
use transcript::Tour;

/// Options of `tour`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    api: Url,
    /// The simulator it is configured with.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    simulator: Url,
    /// Sign-in name of staff who may read and ship orders, give refunds and see products.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    staff_name: String,
    /// File that holds their password.
    #[arg(long, value_name = "FILE", default_value = ".weizhan/secrets/staff_password")]
    staff_password_file: PathBuf,
    /// Customers at the same time.
    #[arg(long, default_value_t = 1)]
    buyers: usize,
    /// Purchases of each.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// How long callbacks and refunds may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// How long a request without an answer is repeated: the server may be restarted meanwhile.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    retry: u64,
}

/// Where to shop, and how patiently.
#[derive(Debug, Clone)]
pub struct TourTarget {
    /// The server.
    pub api: Url,
    /// The simulator it is configured with.
    pub simulator: Url,
    /// Sign-in name of staff.
    pub staff_name: String,
    /// Their password.
    pub staff_password: Secret,
    /// How long callbacks, refunds and a server that says "later" may take.
    pub patience: Duration,
    /// How long a request without an answer is repeated; zero: not at all.
    pub retry: Duration,
    /// Nobody else buys or cancels meanwhile, so that stock must fall by exactly what was bought.
    pub alone: bool,
}

/// What a tour did, for whoever compares it with the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The order.
    pub order_id: String,
    /// Its number at WeChat.
    pub out_trade_no: String,
    /// What was paid.
    pub total_fen: i64,
    /// What came back.
    pub refunded_fen: i64,
    /// Each step with the time it took.
    pub steps: Vec<(&'static str, Duration)>,
}

/// Take the tour and write each step to `out`. The first step that does not hold ends it, as the error.
///
/// Tours may run at the same time, each with an `out` of its own and `alone` unset.
pub async fn run(target: &TourTarget, out: &mut (dyn Write + Send)) -> anyhow::Result<Report> {
    walk(target, None, out).await
}

/// The tour; in a crowd with one member of staff for all, as a shop has.
async fn walk(
    target: &TourTarget,
    staff: Option<&after::Clerk>,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<Report> {
    let mut tour = Tour::new(target, out)?;
    let buyer = buy::arrive(&mut tour).await?;
    let choice = buy::browse(&mut tour, &buyer).await?;
    let order = buy::order(&mut tour, &buyer, &choice).await?;
    let out_trade_no = buy::pay(&mut tour, &buyer, &order).await?;
    let signed_in = match staff {
        Some(_) => None,
        None => Some(after::sign_in(&mut tour).await?),
    };
    let staff = staff.or(signed_in.as_ref()).context("nobody is signed in")?;
    after::stock_fell(&mut tour, staff, &choice).await?;
    after::poster(&mut tour, staff, &buyer, &choice).await?;
    after::deliver(&mut tour, staff, &buyer, &order).await?;
    let refunded_fen = after::refund(&mut tour, staff, &buyer, &order, &out_trade_no).await?;
    let steps = tour.steps().to_vec();
    let (total, back) = (yuan(order.total_fen), yuan(refunded_fen));
    let line = format!("\n全部 {} 步成立 all steps held: 付 paid ¥{total}, 退 refunded ¥{back}", steps.len());
    tour.say(&line)?;
    Ok(Report { order_id: order.id, out_trade_no, total_fen: order.total_fen, refunded_fen, steps })
}

fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// `weizhan tour`.
pub(super) async fn command(args: Args) -> anyhow::Result<()> {
    ensure!(args.buyers > 0 && args.repeat > 0, "--buyers and --repeat are 1 or more");
    let password = std::fs::read_to_string(&args.staff_password_file);
    let password = password.with_context(|| format!("{} cannot be read", args.staff_password_file.display()))?;
    let target = TourTarget {
        api: args.api,
        simulator: args.simulator,
        staff_name: args.staff_name,
        staff_password: Secret::new(password.trim_end_matches(['\r', '\n'])),
        patience: Duration::from_secs(args.patience),
        retry: Duration::from_secs(args.retry),
        alone: args.buyers == 1,
    };
    let mut out = std::io::stdout();
    if args.buyers * args.repeat == 1 {
        return run(&target, &mut out).await.map(drop);
    }
    crowd::run(&target, args.buyers, args.repeat, &mut out).await
}
