//! Ids: 53-bit, ordered by time, made by the application, shown as strings.
//!
//! Layout: seconds since 2025-01-01 (32 bits) · node (5 bits) · sequence (16 bits). The largest one stays below
//! 2^53, so that even a JavaScript number would hold it; both databases append to their trees.

use crate::model::time::{Clock, Timestamp};
use std::sync::Mutex;

/// 2025-01-01T00:00:00Z.
const EPOCH_SECONDS: i64 = 1_735_689_600;
const NODE_BITS: i64 = 5;
const SEQUENCE_BITS: i64 = 16;

/// Declare an id type: a positive number inside, a string outside.
macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name(
            /// The number.
            pub i64,
        );
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
        }
        impl std::str::FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> { parse(text).map(Self) }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> { out.collect_str(&self.0) }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'_, str> as serde::Deserialize>::deserialize(input)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some("^[1-9][0-9]{0,15}$"))
                    .into()
            }
        }
        impl utoipa::ToSchema for $name {}
    )+ };
}

id! {
    /// A person.
    UserId,
    /// A person's account in one mini-program.
    IdentityId,
    /// A signed-in device of a buyer or of staff.
    SignInId,
    /// A member of staff.
    StaffId,
    /// A category of products.
    CategoryId,
    /// A product.
    ProductId,
    /// One thing of a product that can be bought.
    SkuId,
    /// A delivery address.
    AddressId,
    /// An order.
    OrderId,
    /// An attempt to be paid through WeChat.
    PrepayId,
    /// Money that arrived.
    PaymentId,
    /// Money that goes back.
    RefundId,
    /// A parcel.
    ShipmentId,
    /// A subscribe message.
    MessageId,
    /// A mini-program code.
    CodeId,
    /// A link into a mini-program.
    LinkId,
    /// A piece of work.
    JobId,
    /// A message that WeChat pushed.
    PushId,
    /// A call to WeChat.
    CallId,
    /// Money in suspense.
    SuspenseId,
    /// A picture that somebody sends.
    UploadId,
    /// Something in which the shop and a bill differ.
    DifferenceId,
}

/// Text that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: up to 16 digits are expected")]
pub struct NotAnId;

fn parse(text: &str) -> Result<i64, NotAnId> {
    let plain = text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let number = if plain { text.parse().ok() } else { None };
    number.filter(|number| *number < 1 << 53).ok_or(NotAnId)
}

/// Makes ids that grow, also when the clock steps back or a second runs out of numbers.
///
/// A node number is held for a time, and its ids speak of no later time ([`hold_until`](Self::hold_until)): a process that was
/// frozen and wakes makes ids of seconds that were its own, while the next holder of the number began after them
/// ([`change`](Self::change)). So two processes never make the same id, whatever their clocks say.
#[derive(Debug)]
pub struct IdSource {
    clock: std::sync::Arc<dyn Clock>,
    salt: i64,
    at: Mutex<At>,
}

#[derive(Debug)]
struct At {
    node: i64,
    /// (seconds, sequence) without the node, so that adding one carries into the next second.
    last: i64,
    /// The last second that ids may speak of while there are numbers left in it.
    until: i64,
}

impl IdSource {
    /// A source for this node, 0 to 31, for any time.
    ///
    /// It starts with the coming second: a process of the same node that was killed a moment ago may have used
    /// any number of the present one.
    pub fn new(clock: std::sync::Arc<dyn Clock>, node: u8) -> Self {
        let coming = (clock.now().seconds() - EPOCH_SECONDS).max(0) + 1;
        let at = At { node: i64::from(node & 31), last: coming << SEQUENCE_BITS, until: i64::MAX };
        Self { clock, salt: 0, at: Mutex::new(at) }
    }

    /// Begin each second at this number instead of 0.
    ///
    /// A second guard: should two processes share a node after all, with a random number each they seldom make the same
    /// id, and the unique key refuses the second, which is a race that was lost.
    #[must_use]
    pub fn salted(self, salt: u16) -> Self {
        let mut at = self.at.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let salt = i64::from(salt);
        at.last += salt;
        Self { salt, at: Mutex::new(at), ..self }
    }

    /// Make ids of another node from now on, all of them later than what the last holder of that number could say.
    pub fn change(&self, node: u8, after: Timestamp, until: Timestamp) {
        let mut at = self.lock();
        at.node = i64::from(node & 31);
        at.until = until.seconds() - EPOCH_SECONDS;
        let first = (after.seconds() - EPOCH_SECONDS + 1).max((self.present() + 1).min(at.until));
        at.last = (first << SEQUENCE_BITS) + self.salt;
    }

    /// The number is held until then.
    pub fn hold_until(&self, until: Timestamp) {
        self.lock().until = until.seconds() - EPOCH_SECONDS;
    }

    /// The end of the last second that an id spoke of.
    pub fn used(&self) -> Timestamp {
        Timestamp::from_seconds((self.lock().last >> SEQUENCE_BITS) + EPOCH_SECONDS + 1)
    }

    /// The next id of any type: `ids.next(OrderId)`.
    pub fn next<T>(&self, wrap: impl FnOnce(i64) -> T) -> T {
        let mut at = self.lock();
        let now = self.present().min(at.until) << SEQUENCE_BITS;
        at.last = (now + self.salt).max(at.last + 1);
        let (seconds, sequence) = (at.last >> SEQUENCE_BITS, at.last & ((1 << SEQUENCE_BITS) - 1));
        wrap((seconds << (NODE_BITS + SEQUENCE_BITS)) | (at.node << SEQUENCE_BITS) | sequence)
    }

    fn present(&self) -> i64 {
        (self.clock.now().seconds() - EPOCH_SECONDS).max(0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, At> {
        self.at.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// When an id was made, to the second.
pub const fn made(id: i64) -> Timestamp {
    Timestamp::from_seconds((id >> (NODE_BITS + SEQUENCE_BITS)) + EPOCH_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::FixedClock;
    use std::sync::Arc;

    #[test]
    fn ids_grow_and_fit_a_javascript_number() {
        let clock = Arc::new(FixedClock::new(Timestamp::from_seconds(EPOCH_SECONDS + 5)));
        let ids = IdSource::new(clock.clone(), 31);
        let mut last = 0;
        for _ in 0..200_000 {
            let id = ids.next(|id| id);
            assert!(id > last && id < 1 << 53);
            last = id;
        }
        assert_eq!(made(ids.next(|id| id)), Timestamp::from_seconds(EPOCH_SECONDS + 9));
        let far = IdSource::new(
            Arc::new(FixedClock::new(Timestamp::from_seconds(EPOCH_SECONDS + i64::from(u32::MAX) - 2))),
            31,
        );
        assert!(far.next(|id| id) < 1 << 53);
    }

    #[test]
    fn two_processes_of_a_node_in_the_same_second_do_not_meet() {
        let clock = Arc::new(FixedClock::new(Timestamp::from_seconds(EPOCH_SECONDS + 5)));
        let (one, two) = (IdSource::new(clock.clone(), 1).salted(7), IdSource::new(clock.clone(), 1).salted(9000));
        for second in 0..3 {
            let mut seen: std::collections::HashSet<i64> = (0..1000).map(|_| one.next(|id| id)).collect();
            assert!((0..1000).all(|_| seen.insert(two.next(|id| id))), "second {second}");
            clock.advance(std::time::Duration::from_secs(2));
        }
    }

    #[test]
    fn a_process_that_wakes_makes_no_id_of_the_next_holder() {
        let start = Timestamp::from_seconds(EPOCH_SECONDS + 1_000);
        let seconds = std::time::Duration::from_secs;
        // The clock of the frozen one is ahead, that of the next holder behind.
        let (ahead, behind) = (Arc::new(FixedClock::new(start.plus(seconds(60)))), Arc::new(FixedClock::new(start)));
        let (frozen, next) = (IdSource::new(ahead.clone(), 9), IdSource::new(behind.clone(), 0));
        let lease = start.plus(seconds(15));
        frozen.change(4, start, lease);
        ahead.advance(seconds(600));
        next.change(4, lease, lease.plus(seconds(15)));
        let mut seen: std::collections::HashSet<i64> = (0..20_000).map(|_| frozen.next(|id| id)).collect();
        for _ in 0..5 {
            assert!((0..20_000).all(|_| seen.insert(next.next(|id| id))), "an id came twice");
            behind.advance(seconds(10));
        }
        // Without the end of its hold it would speak of the next holder's seconds.
        frozen.hold_until(Timestamp(i64::MAX));
        assert!(made(frozen.next(|id| id)) > lease);
        let last = next.next(|id| id);
        assert!(next.used() > made(last));
    }

    #[test]
    fn only_plain_digits_are_an_id() {
        assert_eq!("42".parse(), Ok(OrderId(42)));
        for text in ["", "0", "042", "-1", "+1", " 1", "1.0", "9007199254740992", "99999999999999999999"] {
            assert_eq!(text.parse::<OrderId>(), Err(NotAnId), "{text}");
        }
    }
}
