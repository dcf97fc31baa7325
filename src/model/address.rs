//! Where parcels go.

use crate::model::{id::AddressId, time::Timestamp};

/// Most addresses of one buyer.
pub const ADDRESSES_MAX: i64 = 20;

/// A place and the person who takes the parcel. Kept sealed at rest.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, garde::Validate, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Who takes the parcel.
    #[garde(length(chars, min = 1, max = 30))]
    #[schema(min_length = 1, max_length = 30)]
    pub name: String,
    /// Digits, with an optional leading `+` and hyphens.
    #[garde(pattern(r"^\+?[0-9][0-9-]{4,18}[0-9]$"))]
    #[schema(pattern = r"^\+?[0-9][0-9-]{4,18}[0-9]$")]
    pub phone: String,
    /// 省.
    #[garde(length(chars, min = 1, max = 30))]
    #[schema(min_length = 1, max_length = 30)]
    pub province: String,
    /// 市.
    #[garde(length(chars, min = 1, max = 30))]
    #[schema(min_length = 1, max_length = 30)]
    pub city: String,
    /// 区; empty where there is none.
    #[garde(length(chars, max = 30))]
    #[schema(max_length = 30)]
    #[serde(default)]
    pub district: String,
    /// Street, house, door.
    #[garde(length(chars, min = 1, max = 120))]
    #[schema(min_length = 1, max_length = 120)]
    pub detail: String,
}

/// A stored address, still sealed.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredAddress {
    /// Which.
    pub id: AddressId,
    /// The sealed [`Address`].
    pub sealed: Vec<u8>,
    /// Whether it is offered first.
    pub is_default: bool,
    /// When it was made.
    pub created_ms: Timestamp,
}

refusals! {
    /// Why an address could not be used.
    pub enum AddressRefusal {
        /// No such address of this buyer.
        NotFound = Missing, "address.not_found", "no such address";
        /// There are enough.
        TooMany = Conflict, "address.too_many", "there are already 20 addresses";
    }
}
plain_refusal!(AddressRefusal);

/// The address as one line of text.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}{}{}{}", self.name, self.phone, self.province, self.city, self.district, self.detail)
    }
}
