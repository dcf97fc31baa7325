//! Parcels, and how they are told to WeChat.

use crate::model::{
    id::{OrderId, ShipmentId},
    order::OrderState,
    refusal::{Kind, Refusal},
    time::Timestamp,
};

/// Most parcels of one order: WeChat takes no more (发货信息录入).
pub const PARCELS_MAX: usize = 15;
/// Most characters of what WeChat shows as the contents of a parcel (`item_desc`).
pub const CONTENTS_CHARS_MAX: usize = 120;

word_enum! {
    /// How goods reach the buyer (`logistics_type`).
    pub enum Logistics {
        /// By a parcel service.
        Express = "express",
        /// By a courier of the same city.
        SameCity = "same_city",
        /// Nothing is carried.
        Virtual = "virtual",
        /// The buyer comes for them.
        PickUp = "pick_up",
    }
}

word_enum! {
    /// What WeChat knows of what was sent.
    pub enum UploadState {
        /// It is not to be told: `shipping.upload` was false.
        Off = "off",
        /// It is to be told; a job does it.
        Waiting = "waiting",
        /// It was told.
        Uploaded = "uploaded",
        /// It did not take it: staff must look.
        Refused = "refused",
        /// The money went back before it was told.
        Void = "void",
    }
}

word_enum! {
    /// How a buyer confirmed at WeChat (`confirm_receive_method`).
    pub enum ConfirmMethod {
        /// By letting time pass.
        Auto = "auto",
        /// By hand.
        Manual = "manual",
    }
}

/// A parcel that left.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Shipment {
    /// Which.
    pub id: ShipmentId,
    /// For which order.
    pub order_id: OrderId,
    /// Who carries it: WeChat's carrier code, such as `SF`.
    pub carrier: String,
    /// The carrier's number.
    pub tracking_no: String,
    /// When it left.
    pub created_ms: Timestamp,
}

/// A parcel as staff name it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Parcel {
    /// WeChat's carrier code.
    pub carrier: String,
    /// The carrier's number.
    pub tracking_no: String,
}

/// How an order is sent, and what WeChat knows of it. Orders sent before there was such a row have none.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Shipping {
    /// Of which order.
    pub order_id: OrderId,
    /// How the goods travel.
    pub logistics: Logistics,
    /// What WeChat shows as the contents, up to 120 characters.
    pub contents: String,
    /// In several parcels, or in several steps (`delivery_mode` 2).
    pub split: bool,
    /// Whether nothing more comes (`is_all_delivered`).
    pub all_sent: bool,
    /// Whether WeChat is to be told everything; otherwise only the parcels it lacks.
    pub whole: bool,
    /// Number of changes so far; the first is 1.
    pub version: i64,
    /// What WeChat knows of this version.
    pub upload_state: UploadState,
    /// WeChat's code of a refusal.
    pub upload_code: Option<String>,
    /// WeChat's text of a refusal.
    pub upload_cause: Option<String>,
    /// The `upload_time` of the last try: each is later than the one before.
    pub tried_ms: Option<Timestamp>,
    /// When WeChat took this version.
    pub uploaded_ms: Option<Timestamp>,
    /// When the order counts as received if nobody says so; absent for never, and while more is to come.
    pub receive_ms: Option<Timestamp>,
    /// When the first of it left.
    pub created_ms: Timestamp,
}

/// What WeChat told us about the sending of an order (the events `trade_manage_…`).
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct ShippingReport {
    /// When it first said that the order waits for more than 48 hours.
    pub reminded_ms: Option<Timestamp>,
    /// When it took the order for sent.
    pub shipped_ms: Option<Timestamp>,
    /// When it means to settle.
    pub estimated_settlement_ms: Option<Timestamp>,
    /// How the buyer confirmed.
    pub confirm_method: Option<ConfirmMethod>,
    /// When the buyer confirmed.
    pub confirmed_ms: Option<Timestamp>,
    /// When the money was settled.
    pub settled_ms: Option<Timestamp>,
}

/// Whether what is named suits the way it travels.
pub fn check(logistics: Logistics, parcels: usize, kept: usize, more_to_come: bool) -> Result<(), ShipmentRefusal> {
    match logistics {
        Logistics::Express if parcels + kept == 0 => Err(ShipmentRefusal::ParcelMissing),
        Logistics::Express if parcels + kept > PARCELS_MAX => Err(ShipmentRefusal::TooManyParcels),
        Logistics::Express => Ok(()),
        _ if parcels + kept > 0 => Err(ShipmentRefusal::ParcelUnwanted),
        _ if more_to_come => Err(ShipmentRefusal::NotSplit),
        _ => Ok(()),
    }
}

/// A phone number with all but its last four digits hidden, as WeChat wants it of a receiver (`receiver_contact`).
pub fn masked(phone: &str) -> String {
    let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
    let shown = digits.len().saturating_sub(4);
    // Eleven digits are a number of the mainland, whose first three say no more than the network.
    let head = if digits.len() == 11 { 3 } else { 0 };
    let hide = |(place, digit): (usize, &char)| if place < head || place >= shown { *digit } else { '*' };
    digits.iter().enumerate().map(hide).collect()
}

/// What WeChat shows as the contents: the lines, cut at 120 characters.
pub fn contents<'a>(lines: impl Iterator<Item = (&'a str, i64)>) -> String {
    let all: Vec<_> = lines.map(|(title, qty)| format!("{title}×{qty}")).collect();
    let text: String = all.join("；").chars().map(|symbol| if symbol.is_control() { ' ' } else { symbol }).collect();
    if text.chars().count() <= CONTENTS_CHARS_MAX {
        return text;
    }
    text.chars().take(CONTENTS_CHARS_MAX - 1).chain(['…']).collect()
}

refusals! {
    /// Why something could not be sent.
    pub enum ShipmentRefusal {
        /// No such order.
        NotFound = Missing, "order.not_found", "no such order";
        /// The order's state forbids it.
        StateForbids { state: OrderState } = Conflict, "order.state_forbids", "the order is {state}";
        /// An express shipment without a parcel.
        ParcelMissing = Invalid, "shipment.parcel_missing", "an express shipment needs a carrier and a tracking number";
        /// A parcel of something that no parcel service carries.
        ParcelUnwanted = Invalid, "shipment.parcel_unwanted", "only express shipments have parcels";
        /// One parcel in the body and one in the list.
        ParcelTwice = Invalid, "shipment.parcel_twice", "name one parcel by carrier and tracking_no, or several by parcels";
        /// More than WeChat takes.
        TooManyParcels = Invalid, "shipment.too_many_parcels", "an order has at most 15 parcels";
        /// Only express shipments come in steps.
        NotSplit = Invalid, "shipment.not_split", "only express shipments come in several steps";
        /// What comes later goes the same way.
        LogisticsDiffers = Conflict, "shipment.logistics_differs", "the rest of an order goes the way its first parcel went";
        /// Nothing was sent that could be corrected.
        NothingSent = Conflict, "shipment.nothing_sent", "nothing was sent of this order here";
    }
}

impl Refusal for ShipmentRefusal {
    fn kind(&self) -> Kind {
        self.kind_of()
    }
    fn code(&self) -> &'static str {
        self.code_of()
    }
    fn pointer(&self) -> Option<String> {
        match self {
            Self::ParcelMissing | Self::ParcelUnwanted | Self::ParcelTwice | Self::TooManyParcels => {
                Some("/parcels".to_owned())
            }
            Self::NotSplit => Some("/more_to_come".to_owned()),
            _ => None,
        }
    }
    fn state(&self) -> Option<&'static str> {
        match self {
            Self::StateForbids { state } => Some(state.word()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_express_has_parcels_and_steps() {
        for (logistics, parcels, kept, more, expected) in [
            (Logistics::Express, 1, 0, false, Ok(())),
            (Logistics::Express, 1, 14, true, Ok(())),
            (Logistics::Express, 0, 1, false, Ok(())),
            (Logistics::Express, 0, 0, false, Err(ShipmentRefusal::ParcelMissing)),
            (Logistics::Express, 2, 14, false, Err(ShipmentRefusal::TooManyParcels)),
            (Logistics::Virtual, 0, 0, false, Ok(())),
            (Logistics::PickUp, 1, 0, false, Err(ShipmentRefusal::ParcelUnwanted)),
            (Logistics::SameCity, 0, 0, true, Err(ShipmentRefusal::NotSplit)),
        ] {
            assert_eq!(check(logistics, parcels, kept, more), expected, "{logistics} {parcels} {kept} {more}");
        }
    }

    #[test]
    fn a_masked_number_shows_its_last_four_digits() {
        for (phone, shown) in [
            ("18912345678", "189****5678"),
            ("+86-189-1234-5678", "*********5678"),
            ("0571-88001234", "********1234"),
            ("12345", "*2345"),
            ("123", "123"),
        ] {
            assert_eq!(masked(phone), shown);
        }
    }

    #[test]
    fn contents_are_cut_at_what_wechat_takes() {
        assert_eq!(contents([("龙井", 2), ("碧\n螺春", 1)].into_iter()), "龙井×2；碧 螺春×1");
        let long = contents(std::iter::repeat_n(("很长的名字", 3), 40));
        assert_eq!((long.chars().count(), long.chars().last()), (CONTENTS_CHARS_MAX, Some('…')));
    }
}
