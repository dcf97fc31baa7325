//! All that is held of one person, for that person.

use crate::{
    app::App,
    data,
    model::{
        cart::CartItem,
        id::UploadId,
        message::Message,
        order::OrderRefusal,
        page::Page,
        token::SignIn,
        upload::Upload,
        user::{Seen, UserRefusal},
    },
    service::{
        Error, address,
        order::{self, Detail},
        token::Buyer,
        user::{self, Profile},
    },
};

pub use crate::data::message::Agreed;

/// Orders that are read at once.
const ORDERS_MAX: i64 = 20;
/// Pictures that are read at once.
const UPLOADS_MAX: i64 = 500;

/// What is held of a person besides the orders.
#[derive(Debug, Clone)]
pub struct Dossier {
    /// The person.
    pub profile: Profile,
    /// Its accounts in our mini-programs.
    pub accounts: Vec<Seen>,
    /// Its signed-in devices, also those that were signed out.
    pub sign_ins: Vec<SignIn>,
    /// Its addresses.
    pub addresses: Vec<address::Entry>,
    /// What it means to buy.
    pub cart: Vec<CartItem>,
    /// Its pictures.
    pub uploads: Vec<Upload>,
    /// What it agreed to be told.
    pub consents: Vec<Agreed>,
    /// What it was told, the latest 1,000.
    pub messages: Vec<Message>,
}

/// What is held of the person behind a token. All of it is bounded by rules of the shop but sign-ins and pictures, of which
/// there are as many as the person made.
pub async fn open(app: &App, buyer: &Buyer) -> Result<Dossier, Error<UserRefusal>> {
    let profile = user::view(app, buyer).await?;
    let mut session = app.database.read().await?;
    let accounts = data::user::list_seen(&mut session, buyer.id).await?;
    let sign_ins = data::token::list_of(&mut session, buyer.id).await?;
    let cart = data::cart::list(&mut session, buyer.id).await?;
    let mut uploads: Vec<Upload> = Vec::new();
    loop {
        let after = uploads.last().map_or(UploadId(0), |last| last.id);
        let page = data::upload::list_of(&mut session, buyer.id, after, UPLOADS_MAX).await?;
        if page.is_empty() {
            break;
        }
        uploads.extend(page);
    }
    let rows = data::address::list(&mut session, buyer.id).await?;
    let addresses = rows.iter().map(|row| address::open(app, row)).collect::<Result<_, _>>()?;
    let consents = data::message::list_consents(&mut session, buyer.id).await?;
    let messages = data::message::list_of(&mut session, buyer.id).await?;
    Ok(Dossier { profile, accounts, sign_ins, addresses, cart, uploads, consents, messages })
}

/// The next orders with all that belongs to them, latest first, below this id.
pub async fn orders(app: &App, buyer: &Buyer, before: i64) -> Result<Page<Detail>, Error<OrderRefusal>> {
    let page = order::list(app, buyer, None, Some(before), ORDERS_MAX).await?;
    let mut items = Vec::new();
    for bought in page.items {
        items.push(order::view(app, buyer, bought.order.id).await?);
    }
    Ok(Page { items, next: page.next })
}
