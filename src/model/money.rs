//! Money in whole fen (1/100 yuan), never a float.

use std::fmt;

/// An amount in fen.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    sqlx::Type,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[sqlx(transparent)]
#[serde(transparent)]
pub struct Fen(
    /// Whole fen.
    pub i64,
);

impl Fen {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount of one order: 1 000 000 yuan.
    pub const ORDER_MAX: Self = Self(100_000_000);

    /// The sum, or `None` when it would not fit.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
    /// The difference, or `None` when it would not fit.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
    /// So many times the amount, or `None` when it would not fit.
    pub fn times(self, count: i64) -> Option<Self> {
        self.0.checked_mul(count).map(Self)
    }
    /// Reads yuan as WeChat's bills write them (`12`, `12.3`, `12.30`, `-0.05`), exactly.
    pub fn parse_yuan(text: &str) -> Option<Self> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.len() > 2 || !number(whole) || !number(part) {
            return None;
        }
        let fen = format!("{part:0<2}").parse::<i64>().ok()?;
        whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(fen)?.checked_mul(sign).map(Self)
    }
}

impl fmt::Display for Fen {
    /// Yuan with two decimals: `12.30`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, fen) = if self.0 < 0 { ("-", self.0.unsigned_abs()) } else { ("", self.0.unsigned_abs()) };
        write!(f, "{sign}{}.{:02}", fen / 100, fen % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_are_read_exactly() {
        for (text, fen) in [("0.29", 29), ("12", 1200), ("12.3", 1230), ("-0.05", -5), ("100000000.01", 10_000_000_001)]
        {
            assert_eq!(Fen::parse_yuan(text), Some(Fen(fen)), "{text}");
        }
        for text in ["", ".5", "1.234", "1e3", "+1", "1,000", "--1", "99999999999999999999"] {
            assert_eq!(Fen::parse_yuan(text), None, "{text}");
        }
        assert_eq!(Fen(-1205).to_string(), "-12.05");
        assert_eq!(Fen(i64::MAX).times(2), None);
    }
}
