//! What this COS does wrong, on demand.

use super::{CosOperation, CosSimulator};
use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use std::{
    io,
    sync::{MutexGuard, PoisonError},
};

/// The next requests of a kind go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosFault {
    /// Only this operation.
    #[serde(default)]
    pub operation: Option<CosOperation>,
    /// Only objects whose names begin like this.
    #[serde(default)]
    pub prefix: String,
    /// How many requests.
    pub count: u32,
    /// How.
    pub trouble: CosTrouble,
}

/// How a request goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CosTrouble {
    /// It is refused and not carried out.
    Refuse {
        /// 403, 503.
        status: u16,
        /// `AccessDenied`, `SlowDown`.
        code: String,
    },
    /// It is refused under status 200 and not carried out.
    RefuseInside {
        /// `InternalError`.
        code: String,
    },
    /// It is carried out, and the connection is closed without an answer.
    ReplyLost,
    /// It is neither carried out nor answered.
    Stall,
    /// It is carried out, and the connection is closed after so many bytes of the answer's body.
    BreakOff {
        /// Bytes.
        after: usize,
    },
}

/// The beginning of a body, and then an error.
pub(super) fn broken_off(body: Body, after: usize) -> Body {
    let pieces = stream::try_unfold((body.into_data_stream(), after), async |(mut pieces, left)| {
        if left == 0 {
            return Err(axum::Error::new(io::Error::from(io::ErrorKind::ConnectionReset)));
        }
        let Some(piece) = pieces.next().await else { return Ok(None) };
        let mut piece = piece?;
        piece.truncate(left);
        let left = left - piece.len();
        Ok(Some((piece, (pieces, left))))
    });
    Body::from_stream(pieces)
}

impl CosSimulator {
    /// From now on these go wrong, and nothing else.
    pub fn set_faults(&self, faults: Vec<CosFault>) {
        *self.faults() = faults;
    }

    /// What is going to happen to this request; the first fault that fits is used up by one.
    pub(super) fn trouble(&self, operation: CosOperation, key: &str) -> Option<CosTrouble> {
        let mut faults = self.faults();
        let fits = |fault: &CosFault| {
            fault.count > 0 && fault.operation.is_none_or(|only| only == operation) && key.starts_with(&fault.prefix)
        };
        let fault = faults.iter_mut().find(|fault| fits(fault))?;
        fault.count -= 1;
        Some(fault.trouble.clone())
    }

    fn faults(&self) -> MutexGuard<'_, Vec<CosFault>> {
        // Every change is a whole one.
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
