//! Members of staff and what they may do.

use crate::model::{id::StaffId, time::Timestamp};

word_enum! {
    /// One thing a member of staff may do.
    pub enum Permission {
        /// See orders, payments and refunds.
        OrderRead = "order.read",
        /// Send parcels.
        OrderShip = "order.ship",
        /// Give money back.
        RefundWrite = "refund.write",
        /// Settle money that needs a person: replay callbacks, decide about suspense and differences.
        PaymentWrite = "payment.write",
        /// See jobs and try given-up ones once more.
        JobWrite = "job.write",
        /// Change products and categories.
        ProductWrite = "product.write",
        /// Change stock.
        StockWrite = "stock.write",
        /// Change the price of an order that is not paid.
        OrderPrice = "order.price",
        /// Compare the shop with WeChat's bills and mend what differs.
        BillReconcile = "bill.reconcile",
        /// See the nodes.
        NodeRead = "node.read",
        /// See settings and flags with their histories.
        SettingRead = "setting.read",
        /// Change settings while the shop runs.
        SettingWrite = "setting.write",
        /// Switch features on and off.
        FlagWrite = "flag.write",
        /// See the figures of the shop.
        FigureRead = "figure.read",
    }
}

/// A member of staff.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Staff {
    /// Who.
    pub id: StaffId,
    /// Sign-in name.
    pub name: String,
    /// Argon2id, in PHC form.
    pub password_hash: String,
    /// Permissions, separated by commas.
    pub permissions: String,
    /// Whether the person may sign in.
    pub active: bool,
    /// When the account was made.
    pub created_ms: Timestamp,
}

impl Staff {
    /// What this person may do. A word this version does not know counts for nothing.
    pub fn rights(&self) -> Vec<Permission> {
        self.permissions.split(',').filter_map(|word| word.parse().ok()).collect()
    }
}

refusals! {
    /// Why staff were refused.
    pub enum StaffRefusal {
        /// Name or password is wrong; which one is not said.
        SignInWrong = Unknown, "staff.sign_in_wrong", "name or password is wrong";
        /// Signed in, but without the right.
        Forbidden { permission: Permission } = Forbidden, "staff.forbidden", "this needs the permission {permission}";
        /// The name is taken.
        NameTaken = Conflict, "staff.name_taken", "this name is taken";
    }
}
plain_refusal!(StaffRefusal);
