//! All that is held of a person, as one document that the person can keep.

use super::{
    address::AddressView, cart::CartView, extract::Buyer, order::OrderDetailView, problem::Problem, upload::UploadView,
    user::UserView,
};
use crate::{
    app::App,
    model::{
        id::OrderId,
        message::{Message, MessageState, Occasion},
        page::Place,
        time::Timestamp,
        token::SignIn,
        upload::{Purpose, Upload},
        user::{Seen, shortened},
    },
    service::{
        self,
        dossier::{Agreed, Dossier},
        order::Detail,
        token,
    },
};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::Serialize;
use std::{collections::BTreeMap, io};
use utoipa::ToSchema;

/// An account of a person in a mini-program.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountView {
    /// The mini-program.
    appid: String,
    /// WeChat's name of the person in it, shortened: it says which account it is, and opens nothing.
    openid: String,
    /// First sign-in.
    created_ms: Timestamp,
    /// Last sign-in.
    seen_ms: Timestamp,
}

impl From<Seen> for AccountView {
    fn from(Seen { appid, openid, created_ms, seen_ms }: Seen) -> Self {
        Self { appid, openid: shortened(&openid), created_ms, seen_ms }
    }
}

/// A device that signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignInView {
    /// The mini-program.
    appid: String,
    /// When it signed in.
    created_ms: Timestamp,
    /// Until when it may stay.
    expires_ms: Timestamp,
    /// When it was signed out, if it was.
    revoked_ms: Option<Timestamp>,
}

impl From<SignIn> for SignInView {
    fn from(SignIn { appid, created_ms, expires_ms, revoked_ms, .. }: SignIn) -> Self {
        Self { appid, created_ms, expires_ms, revoked_ms }
    }
}

/// A picture of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PictureView {
    /// What for.
    purpose: Purpose,
    /// When it was begun.
    created_ms: Timestamp,
    #[serde(flatten)]
    upload: UploadView,
}

impl From<Upload> for PictureView {
    fn from(upload: Upload) -> Self {
        Self { purpose: upload.purpose, created_ms: upload.created_ms, upload: upload.into() }
    }
}

/// For how many messages of a template a person gave leave.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsentView {
    /// In which mini-program.
    appid: String,
    /// Which template.
    template_id: String,
    /// How many may still be sent.
    left: i64,
}

impl From<Agreed> for ConsentView {
    fn from(Agreed { appid, template_id, told, confirmed, used }: Agreed) -> Self {
        Self { appid, template_id, left: told.max(confirmed) - used }
    }
}

/// A message of WeChat to a person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ToldView {
    /// What it tells of.
    occasion: Occasion,
    /// About which order.
    order_id: OrderId,
    /// Where it stands.
    state: MessageState,
    /// What it said, by place.
    texts: BTreeMap<String, String>,
    /// When it came up.
    created_ms: Timestamp,
}

impl From<Message> for ToldView {
    fn from(Message { occasion, order_id, state, content, created_ms, .. }: Message) -> Self {
        Self { occasion, order_id, state, texts: serde_json::from_str(&content).unwrap_or_default(), created_ms }
    }
}

/// All that is held of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportView {
    /// When this was put together.
    made_ms: Timestamp,
    /// Who.
    user: UserView,
    /// First sign-in.
    created_ms: Timestamp,
    /// WeChat's name of the person over all mini-programs of its owner, shortened.
    unionid: Option<String>,
    /// The person's accounts in the mini-programs of this shop.
    accounts: Vec<AccountView>,
    /// Signed-in devices, the signed-out ones included.
    sign_ins: Vec<SignInView>,
    /// Addresses, the default one first.
    addresses: Vec<AddressView>,
    /// The cart.
    cart: CartView,
    /// Pictures that were sent.
    uploads: Vec<PictureView>,
    /// What the person agreed to be told by WeChat.
    consents: Vec<ConsentView>,
    /// What it was told so, latest first, at most 1,000.
    messages: Vec<ToldView>,
    /// Orders with their addresses, payments, refunds and parcels, latest first.
    orders: Vec<OrderDetailView>,
}

impl ExportView {
    fn new(dossier: Dossier, now: Timestamp) -> Self {
        let Dossier { profile, accounts, sign_ins, addresses, cart, uploads, consents, messages } = dossier;
        Self {
            made_ms: now,
            created_ms: profile.user.created_ms,
            unionid: profile.user.unionid.as_deref().map(shortened),
            user: profile.into(),
            accounts: accounts.into_iter().map(Into::into).collect(),
            sign_ins: sign_ins.into_iter().map(Into::into).collect(),
            addresses: addresses.into_iter().map(Into::into).collect(),
            cart: cart.into(),
            uploads: uploads.into_iter().map(Into::into).collect(),
            consents: consents.into_iter().map(Into::into).collect(),
            messages: messages.into_iter().map(Into::into).collect(),
            orders: Vec::new(),
        }
    }
}

/// What is still to be sent of a document.
struct Rest {
    app: App,
    buyer: token::Buyer,
    /// Text that is ready.
    ready: String,
    /// Below which id the next page of orders begins; `None` when all is ready.
    before: Option<i64>,
    /// Whether an order was written.
    begun: bool,
}

impl Rest {
    /// Append a page of orders to what is ready.
    async fn read(&mut self) -> Result<(), Problem> {
        let Some(before) = self.before else { return Ok(()) };
        let page = service::dossier::orders(&self.app, &self.buyer, before).await?;
        for order in page.items {
            self.write(order)?;
        }
        self.before = page.next.as_deref().and_then(Place::from_cursor).map(|place| place.id);
        if self.before.is_none() {
            self.ready.push_str("]}");
        }
        Ok(())
    }
    fn write(&mut self, order: Detail) -> Result<(), Problem> {
        if self.begun {
            self.ready.push(',');
        }
        self.begun = true;
        let text = serde_json::to_string(&OrderDetailView::from(order)).map_err(|_| Problem::of("server.fault"))?;
        self.ready.push_str(&text);
        Ok(())
    }
}

/// All that the shop holds of me, as one JSON document: profile, accounts, addresses, cart, pictures, and every order with its
/// address, payments, refunds and parcels. It is written while it is sent, however many orders there are; one that does not end in
/// a brace broke off. Analytic events are kept without a name and are not in it.
#[utoipa::path(get, path = "/v1/me/export", operation_id = "user.export", tag = "user", security(("buyer" = [])),
    responses((status = 200, body = ExportView)))]
pub(super) async fn export(State(app): State<App>, Buyer(buyer): Buyer) -> Result<Response, Problem> {
    let dossier = service::dossier::open(&app, &buyer).await?;
    let head = serde_json::to_string(&ExportView::new(dossier, app.now())).map_err(|_| Problem::of("server.fault"))?;
    // The list of orders is the last field, and empty so far.
    let ready = head.strip_suffix("]}").ok_or_else(|| Problem::of("server.fault"))?.to_owned();
    let mut rest = Rest { app, buyer, ready, before: Some(i64::MAX), begun: false };
    // The first page before the status is said: what fails so early is told as a problem.
    rest.read().await?;
    let pieces = stream::try_unfold(rest, async |mut rest| {
        if rest.ready.is_empty() && rest.read().await.is_err() {
            return Err(io::Error::other("the export broke off"));
        }
        if rest.ready.is_empty() {
            return Ok(None);
        }
        let piece = Bytes::from(std::mem::take(&mut rest.ready));
        Ok(Some((piece, rest)))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"weizhan-export.json\"")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
