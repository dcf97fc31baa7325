//! Orders: what was bought, for how much, and the states an order passes through.

#[cfg(test)]
mod test;

use crate::model::{
    id::{OrderId, ProductId, SkuId, UserId},
    idempotency::KeyReused,
    money::Fen,
    product::ProductState,
    refusal::{Kind, Refusal},
    time::Timestamp,
};
use std::collections::BTreeMap;

word_enum! {
    /// Where an order stands.
    pub enum OrderState {
        /// Waits for its money; the stock is set aside.
        Pending = "pending",
        /// Paid, to be sent.
        Paid = "paid",
        /// On its way.
        Shipped = "shipped",
        /// With the buyer.
        Received = "received",
        /// Ended unpaid; the stock was given back.
        Closed = "closed",
        /// All its money went back.
        Refunded = "refunded",
    }
}

word_enum! {
    /// What moves an order.
    pub enum OrderMove {
        /// It is placed.
        Place = "place",
        /// Its money arrived.
        Pay = "pay",
        /// Its parcel left.
        Ship = "ship",
        /// The buyer has it.
        Receive = "receive",
        /// Nobody paid: the buyer gave up, staff closed it, or time ran out.
        Close = "close",
        /// The last of its money went back.
        Refund = "refund",
        /// Its money arrived after it had closed, and its stock could be set aside again.
        Revive = "revive",
        /// Staff changed its price before it was paid.
        Reprice = "reprice",
    }
}

impl OrderMove {
    /// Whether the order is paid by it.
    pub const fn pays(self) -> bool {
        matches!(self, Self::Pay | Self::Revive)
    }
}

impl OrderState {
    /// Where a move leads from here; `None` when it is not allowed.
    pub const fn after(self, step: OrderMove) -> Option<Self> {
        match (self, step) {
            (Self::Pending, OrderMove::Pay) | (Self::Closed, OrderMove::Revive) => Some(Self::Paid),
            (Self::Pending, OrderMove::Close) => Some(Self::Closed),
            (Self::Pending, OrderMove::Reprice) => Some(Self::Pending),
            (Self::Paid, OrderMove::Ship) => Some(Self::Shipped),
            (Self::Shipped, OrderMove::Receive) => Some(Self::Received),
            (Self::Paid | Self::Shipped | Self::Received, OrderMove::Refund) => Some(Self::Refunded),
            _ => None,
        }
    }
    /// Whether the order was paid at some time.
    pub const fn was_paid(self) -> bool {
        matches!(self, Self::Paid | Self::Shipped | Self::Received | Self::Refunded)
    }
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
pub struct Order {
    /// Which.
    pub id: OrderId,
    /// What people read to each other: digits, unique, partly random.
    pub number: String,
    /// Whose.
    pub user_id: UserId,
    /// The mini-program it was placed in.
    pub appid: String,
    /// The buyer in that mini-program: the only one who may pay.
    pub openid: String,
    /// Where it stands.
    pub state: OrderState,
    /// Number of moves so far; the first is 1.
    pub version: i64,
    /// Sum of the lines, in fen.
    pub goods_fen: Fen,
    /// Delivery, in fen.
    pub freight_fen: Fen,
    /// What staff added to the price, or took off it when negative, in fen: goods, freight and this are the total.
    #[serde(default)]
    pub adjustment_fen: Fen,
    /// What is to be paid, in fen.
    pub total_fen: Fen,
    /// Set aside for refunds asked for and not refused, in fen; never above the total.
    pub refund_held_fen: Fen,
    /// Given back, in fen.
    pub refunded_fen: Fen,
    /// The sealed address.
    pub address_sealed: Vec<u8>,
    /// What the buyer wishes, up to 200 characters.
    pub remark: String,
    /// When it closes if it is not paid.
    pub expires_ms: Timestamp,
    /// When it was placed.
    pub created_ms: Timestamp,
    /// When it was paid.
    pub paid_ms: Option<Timestamp>,
}

/// One line of an order: what was bought, as it was called and priced then.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct OrderLine {
    /// What.
    pub sku_id: SkuId,
    /// Of which product.
    pub product_id: ProductId,
    /// The product's name then.
    pub title: String,
    /// The SKU's name then.
    pub sku_name: String,
    /// The product's first picture then.
    pub cover_url: String,
    /// Price of one piece then, in fen.
    pub price_fen: Fen,
    /// Pieces.
    pub qty: i64,
}

/// One move of an order.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct OrderTransition {
    /// The order's version after the move.
    pub version: i64,
    /// What moved it.
    #[sqlx(rename = "step")]
    pub step: OrderMove,
    /// Where it stood; absent for the first.
    pub from_state: Option<OrderState>,
    /// Where it stands since.
    pub to_state: OrderState,
    /// Who or what: `buyer`, `staff:…`, `wechat`, `timer`.
    pub actor: String,
    /// When.
    pub created_ms: Timestamp,
}

/// A SKU as the database prices it at this moment.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PricedSku {
    /// Which.
    pub sku_id: SkuId,
    /// Of which product.
    pub product_id: ProductId,
    /// The product's name.
    pub title: String,
    /// The SKU's name.
    pub sku_name: String,
    /// The product's first picture.
    pub cover_url: String,
    /// Price of one piece, in fen.
    pub price_fen: Fen,
    /// Whether the SKU can be bought.
    pub active: bool,
    /// Whether the product can be bought.
    pub state: ProductState,
}

/// What a buyer asks for: pieces of SKUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Wanted {
    /// What.
    pub sku_id: SkuId,
    /// Pieces.
    pub qty: i64,
}

/// The rules of an order that a shop sets.
#[derive(Debug, Clone, Copy)]
pub struct OrderRules {
    /// Most lines.
    pub lines_max: usize,
    /// Most pieces of one SKU.
    pub quantity_max: i64,
    /// Delivery, in fen.
    pub freight: Fen,
    /// From this sum of goods on delivery is free, in fen; 0 for never.
    pub free_freight_from: Fen,
}

/// What an order will cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The lines, ordered by SKU: all orders take stock in the same order, so two cannot wait for each other.
    pub lines: Vec<OrderLine>,
    /// Sum of the lines.
    pub goods: Fen,
    /// Delivery.
    pub freight: Fen,
    /// To be paid.
    pub total: Fen,
}

/// Add up what the same SKU is wanted for, ordered by SKU, within the limits.
pub fn gather(wanted: &[Wanted], rules: &OrderRules) -> Result<Vec<Wanted>, OrderRefusal> {
    let mut sum = BTreeMap::new();
    for want in wanted {
        let qty = sum.entry(want.sku_id).or_insert(0_i64);
        *qty = qty.saturating_add(want.qty);
        if want.qty < 1 || *qty > rules.quantity_max {
            return Err(OrderRefusal::QuantityInvalid { sku: want.sku_id, max: rules.quantity_max });
        }
    }
    match sum.len() {
        0 => Err(OrderRefusal::Empty),
        lines if lines > rules.lines_max => Err(OrderRefusal::TooManyLines { max: rules.lines_max }),
        _ => Ok(sum.into_iter().map(|(sku_id, qty)| Wanted { sku_id, qty }).collect()),
    }
}

/// Price what is wanted (as [`gather`] left it) from the rows of this moment; nothing the client says about
/// prices has a place here.
pub fn quote(wanted: &[Wanted], skus: &[PricedSku], rules: &OrderRules) -> Result<Quote, OrderRefusal> {
    let mut lines = Vec::with_capacity(wanted.len());
    let mut goods = Fen::ZERO;
    for want in wanted {
        let sku = skus.iter().find(|sku| sku.sku_id == want.sku_id);
        let sku = sku.ok_or(OrderRefusal::SkuMissing { sku: want.sku_id })?;
        if !sku.active || sku.state != ProductState::OnSale {
            return Err(OrderRefusal::NotOnSale { sku: want.sku_id });
        }
        let sum = sku.price_fen.times(want.qty).and_then(|line| goods.plus(line));
        goods = sum.filter(|sum| *sum <= Fen::ORDER_MAX).ok_or(OrderRefusal::TotalTooLarge)?;
        lines.push(OrderLine {
            sku_id: sku.sku_id,
            product_id: sku.product_id,
            title: sku.title.clone(),
            sku_name: sku.sku_name.clone(),
            cover_url: sku.cover_url.clone(),
            price_fen: sku.price_fen,
            qty: want.qty,
        });
    }
    let free = rules.free_freight_from > Fen::ZERO && goods >= rules.free_freight_from;
    let freight = if free { Fen::ZERO } else { rules.freight };
    let total = goods.plus(freight).filter(|total| *total > Fen::ZERO).ok_or(OrderRefusal::TotalTooLarge)?;
    Ok(Quote { lines, goods, freight, total })
}

refusals! {
    /// Why an order could not be placed, moved or seen.
    pub enum OrderRefusal {
        /// No such order of this buyer.
        NotFound = Missing, "order.not_found", "no such order";
        /// Nothing is wanted.
        Empty = Invalid, "order.empty", "an order needs at least one line";
        /// Too many different SKUs.
        TooManyLines { max: usize } = Invalid, "order.too_many_lines", "an order has at most {max} lines";
        /// Less than one piece, or more than one order may have.
        QuantityInvalid { sku: SkuId, max: i64 } = Invalid, "order.quantity_invalid", "between 1 and {max} pieces of SKU {sku} can be ordered";
        /// No such SKU.
        SkuMissing { sku: SkuId } = Invalid, "order.sku_missing", "there is no SKU {sku}";
        /// The SKU or its product cannot be bought now.
        NotOnSale { sku: SkuId } = Conflict, "order.not_on_sale", "SKU {sku} is not on sale";
        /// Fewer pieces are left than wanted.
        OutOfStock { sku: SkuId, left: i64 } = Conflict, "order.out_of_stock", "only {left} of SKU {sku} left";
        /// The sum is above what one order may cost, or nothing.
        TotalTooLarge = Invalid, "order.total_invalid", "the total of an order lies between 0.01 and 1000000 yuan";
        /// The buyer saw another total.
        PriceChanged { total: Fen } = Conflict, "order.price_changed", "the total is now {total} yuan";
        /// No such address of this buyer.
        AddressMissing = Invalid, "order.address_missing", "no such address";
        /// The order's state forbids it.
        StateForbids { state: OrderState } = Conflict, "order.state_forbids", "the order is {state}";
        /// The time to pay is over; the order is about to close.
        Expired = Conflict, "order.expired", "the time to pay this order is over";
        /// Staff saw the order as it is no more.
        Changed = Conflict, "order.changed", "the order was changed in between; load it again";
        /// The idempotency key came with another request before.
        KeyReused = Invalid, "idempotency.key_reused", "this Idempotency-Key was used for another request";
    }
}

impl From<KeyReused> for OrderRefusal {
    fn from(_: KeyReused) -> Self {
        Self::KeyReused
    }
}

impl Refusal for OrderRefusal {
    fn kind(&self) -> Kind {
        self.kind_of()
    }
    fn code(&self) -> &'static str {
        self.code_of()
    }
    fn pointer(&self) -> Option<String> {
        match self {
            Self::Empty | Self::TooManyLines { .. } | Self::QuantityInvalid { .. } | Self::SkuMissing { .. } => {
                Some("/lines".to_owned())
            }
            Self::AddressMissing => Some("/address_id".to_owned()),
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
