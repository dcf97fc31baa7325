//! Work outside a request: what it is called and what it needs to know.
//!
//! A job carries ids, never copies; running it twice does no harm. Adding one: a variant here, its arm in
//! `compute::worker`, a use case in `service`.

use crate::model::{
    hot::Hot,
    id::{JobId, MessageId, OrderId, PrepayId, PushId, RefundId, UploadId, UserId},
    time::Timestamp,
};
use std::time::Duration;

word_enum! {
    /// Where a job stands.
    pub enum JobState {
        /// Waits for its time.
        Ready = "ready",
        /// A worker has it, until its lease ends.
        Running = "running",
        /// Done.
        Done = "done",
        /// Failed too often: staff look at it.
        Dead = "dead",
    }
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Close an order whose time to pay is over, unless WeChat says it was paid.
    CloseUnpaidOrder {
        /// Which.
        order: OrderId,
    },
    /// Ask WeChat whether an attempt was paid, should no notice have come.
    QueryPayment {
        /// Which attempt.
        prepay: PrepayId,
        /// How often it was asked before.
        step: usize,
    },
    /// Send a refund to WeChat.
    SendRefund {
        /// Which.
        refund: RefundId,
    },
    /// Ask WeChat how a refund stands.
    PollRefund {
        /// Which.
        refund: RefundId,
        /// How often it was asked before.
        step: u32,
    },
    /// Delete replies of idempotency keys and finished jobs that are past their time.
    CleanUp {
        /// The hour it is for, in milliseconds since 1970: one job an hour over all nodes.
        slot: i64,
    },
    /// Tell WeChat what was sent of an order.
    UploadShipping {
        /// Which.
        order: OrderId,
        /// As its shipping stood then; a later version has a job of its own.
        version: i64,
    },
    /// Take an order for received when nobody has confirmed it in time.
    ReceiveOrder {
        /// Which.
        order: OrderId,
    },
    /// Do what a message of WeChat asks for.
    HandlePush {
        /// Which.
        push: PushId,
    },
    /// Tell a user something by a subscribe message.
    SendMessage {
        /// Which.
        message: MessageId,
    },
    /// Compare every day that is due with WeChat's bills.
    ReconcileBills {
        /// Half past ten in the morning of the day it is for, in milliseconds since 1970: one job a day over all nodes.
        slot: i64,
    },
    /// Forget what a change made old, should its writer have died before it could.
    ForgetCached {
        /// What.
        hot: Vec<Hot>,
    },
    /// Delete events that are past their time and that every consumer is done with.
    TrimEvents {
        /// The hour it is for, in milliseconds since 1970: one job an hour over all nodes.
        slot: i64,
    },
    /// Remove what is left of uploads that came to nothing.
    SweepUploads {
        /// The hour it is for, in milliseconds since 1970: one job an hour over all nodes.
        slot: i64,
    },
    /// Ask WeChat about a picture that others may see.
    CheckUpload {
        /// Which.
        upload: UploadId,
        /// How often it was asked before.
        asked: u32,
    },
    /// Remove what a person who is gone has left in the store and in the log, and what came in while it went.
    EraseUser {
        /// Who.
        user: UserId,
        /// How often it was done before.
        pass: u32,
    },
    /// Make the figures of the days before.
    RollUpDay {
        /// Twenty past midnight in Shanghai of the day after them, in milliseconds since 1970: one job a day over all nodes.
        slot: i64,
    },
    /// Bring in what WeChat counted of the days before.
    ImportVisits {
        /// Nine in the morning in Shanghai of the day after them, in milliseconds since 1970: one job a day over all nodes.
        slot: i64,
    },
}

impl Work {
    /// The stored name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::CloseUnpaidOrder { .. } => "close_unpaid_order",
            Self::QueryPayment { .. } => "query_payment",
            Self::SendRefund { .. } => "send_refund",
            Self::PollRefund { .. } => "poll_refund",
            Self::CleanUp { .. } => "clean_up",
            Self::UploadShipping { .. } => "upload_shipping",
            Self::ReceiveOrder { .. } => "receive_order",
            Self::HandlePush { .. } => "handle_push",
            Self::SendMessage { .. } => "send_message",
            Self::ReconcileBills { .. } => "reconcile_bills",
            Self::ForgetCached { .. } => "forget_cached",
            Self::TrimEvents { .. } => "trim_events",
            Self::SweepUploads { .. } => "sweep_uploads",
            Self::CheckUpload { .. } => "check_upload",
            Self::RollUpDay { .. } => "roll_up_day",
            Self::ImportVisits { .. } => "import_visits",
            Self::EraseUser { .. } => "erase_user",
        }
    }
    /// How often it may fail before it is dead. Money is not given up in a day; news that is an hour old is none.
    pub const fn attempts_max(&self) -> i64 {
        match self {
            Self::CleanUp { .. } | Self::TrimEvents { .. } | Self::SweepUploads { .. } | Self::RollUpDay { .. } => 5,
            Self::SendMessage { .. } | Self::ImportVisits { .. } => 12,
            Self::CloseUnpaidOrder { .. }
            | Self::QueryPayment { .. }
            | Self::SendRefund { .. }
            | Self::PollRefund { .. }
            | Self::UploadShipping { .. }
            | Self::ReceiveOrder { .. }
            | Self::HandlePush { .. }
            | Self::ReconcileBills { .. }
            | Self::CheckUpload { .. }
            | Self::EraseUser { .. }
            | Self::ForgetCached { .. } => 60,
        }
    }
}

/// Whose turn it is when not all that is due can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody waits for it.
    Urgent = 0,
    /// As most.
    Usual = 1,
    /// Whenever there is room.
    Idle = 2,
}

impl Priority {
    /// How much longer than an urgent job one of this stored number has to wait before it goes first: so urgent ones
    /// overtake, and the others are not passed over for ever.
    pub const fn patience(stored: i64) -> Duration {
        match stored {
            ..=0 => Duration::ZERO,
            1 => Duration::from_mins(1),
            2.. => Duration::from_mins(10),
        }
    }
}

impl Work {
    /// Whose turn it is.
    pub const fn priority(&self) -> Priority {
        match self {
            Self::QueryPayment { .. } | Self::ForgetCached { .. } => Priority::Urgent,
            Self::CleanUp { .. }
            | Self::SweepUploads { .. }
            | Self::ReconcileBills { .. }
            | Self::ImportVisits { .. } => Priority::Idle,
            _ => Priority::Usual,
        }
    }
    /// What patterns of queues are held against: `job.send_refund`.
    pub fn routing_key(&self) -> String {
        format!("job.{}", self.kind())
    }
    /// What of it stands in the name of its lane: all jobs of a queue, a priority and a kind are in one.
    pub fn lane_in_queue(&self) -> String {
        format!(":{}:{}", self.priority() as i64, self.kind())
    }
}

/// The queue and the kind of a lane; `None` for rows of a version that knew no lanes.
pub fn lane_parts(lane: &str) -> Option<(&str, &str)> {
    let (queue, rest) = lane.split_once(':')?;
    rest.split_once(':').map(|(_, kind)| (queue, kind))
}

/// How the jobs of a queue stand in one state.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct QueueFigures {
    /// Which.
    pub queue: String,
    /// The state: ready, running or dead.
    pub state: JobState,
    /// How many.
    pub jobs: i64,
    /// Those whose time has come.
    pub due: i64,
    /// Those that failed before and were not given up.
    pub retried: i64,
    /// How often they were tried again by staff after they had been given up.
    pub redriven: i64,
    /// The earliest time at which one is or was due.
    pub oldest_ms: Timestamp,
}

/// A job that a worker has claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which.
    pub id: JobId,
    /// Random for each claim: whoever does not hold the present one may not finish the job.
    pub lease_token: i64,
    /// The how-manieth attempt this is, from 1.
    pub attempt: i64,
}

/// A job with its claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What is held.
    pub claim: Claim,
    /// What there is to do.
    pub work: Work,
    /// How often it may be tried.
    pub attempts_max: i64,
    /// When it was due.
    pub run_ms: Timestamp,
}

/// A job as it stands, for people who look.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct JobRow {
    /// Which.
    pub id: JobId,
    /// What there is to do.
    pub kind: String,
    /// Where it stands.
    pub state: JobState,
    /// When it is or was due.
    pub run_ms: Timestamp,
    /// How often it was tried.
    pub attempt: i64,
    /// How often it may be tried.
    pub attempts_max: i64,
    /// What it follows, if it follows one thing.
    pub dedupe_key: Option<String>,
    /// Why it failed last.
    pub last_error: Option<String>,
    /// When it was enqueued.
    pub created_ms: Timestamp,
    /// When it ended.
    pub ended_ms: Option<Timestamp>,
    /// Where it waits or waited.
    pub queue: String,
    /// How often staff tried it again after it had been given up.
    pub redrives: i64,
}

refusals! {
    /// Why a job is not tried once more.
    pub enum JobRefusal {
        /// No such job.
        NotFound = Missing, "job.not_found", "no such job";
        /// Only a job that was given up is tried once more.
        StateForbids { state: JobState } = Conflict, "job.state_forbids", "the job is {state}";
    }
}

impl crate::model::refusal::Refusal for JobRefusal {
    fn kind(&self) -> crate::model::refusal::Kind {
        self.kind_of()
    }
    fn code(&self) -> &'static str {
        self.code_of()
    }
    fn state(&self) -> Option<&'static str> {
        match self {
            Self::StateForbids { state } => Some(state.word()),
            Self::NotFound => None,
        }
    }
}

/// How long a job waits after its `attempt`-th failure: 1 s, 2 s, 4 s … up to 15 min, times `spread` (0.8 to 1.2)
/// so that jobs which failed together do not come back together.
pub fn backoff(attempt: i64, spread: f64) -> Duration {
    let doublings = u32::try_from((attempt - 1).clamp(0, 10)).unwrap_or(0);
    Duration::from_secs((1_u64 << doublings).min(900)).mul_f64(spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_name_is_the_tag() {
        let all = [
            Work::CloseUnpaidOrder { order: OrderId(1) },
            Work::QueryPayment { prepay: PrepayId(1), step: 0 },
            Work::SendRefund { refund: RefundId(1) },
            Work::PollRefund { refund: RefundId(1), step: 2 },
            Work::CleanUp { slot: 0 },
            Work::UploadShipping { order: OrderId(1), version: 2 },
            Work::ReceiveOrder { order: OrderId(1) },
            Work::HandlePush { push: PushId(1) },
            Work::SendMessage { message: MessageId(1) },
            Work::ReconcileBills { slot: 0 },
            Work::ForgetCached { hot: vec![Hot { namespace: "product".to_owned(), name: None }] },
            Work::TrimEvents { slot: 0 },
            Work::SweepUploads { slot: 0 },
            Work::CheckUpload { upload: UploadId(1), asked: 2 },
            Work::RollUpDay { slot: 0 },
            Work::ImportVisits { slot: 0 },
            Work::EraseUser { user: UserId(1), pass: 1 },
        ];
        for work in all {
            let stored = serde_json::to_value(&work).expect("json");
            assert_eq!(stored["kind"], work.kind());
            assert_eq!(serde_json::from_value::<Work>(stored).expect("work"), work);
        }
    }

    #[test]
    fn a_lane_says_its_queue_and_its_kind() {
        let lane = format!("orders{}", Work::CleanUp { slot: 0 }.lane_in_queue());
        assert_eq!((lane.as_str(), lane_parts(&lane)), ("orders:2:clean_up", Some(("orders", "clean_up"))));
        assert_eq!(lane_parts(""), None);
    }

    #[test]
    fn waits_grow_and_stop_growing() {
        let waits: Vec<_> = [1, 2, 5, 10, 11, 50].iter().map(|attempt| backoff(*attempt, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 16, 512, 900, 900]);
    }
}
