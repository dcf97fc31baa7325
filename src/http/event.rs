//! What visitors do, as mini-programs tell it.

use super::{
    extract::{Anybody, Valid},
    problem::Problem,
};
use crate::{
    app::App,
    model::{
        event::{EventKind, Report, Told, detail, is_name},
        id::ProductId,
        time::Timestamp,
    },
    service,
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{
    ToSchema,
    openapi::schema::{AdditionalProperties, Object, ObjectBuilder, SchemaType, Type},
};

/// The end of the year 9999: a time beyond it is none.
const TIME_MAX: i64 = 253_402_300_799_999;

/// Events of one installation of a mini-program.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TellEvents {
    /// A random name that the installation made for itself and keeps. No name of a person or of a device.
    #[garde(custom(named))]
    #[schema(pattern = "^[A-Za-z0-9_-]{8,40}$")]
    source: String,
    /// The client's clock as it sends this, in milliseconds since 1970: times are corrected by its difference to ours.
    #[garde(range(min = 0, max = TIME_MAX))]
    #[schema(minimum = 0, maximum = 253_402_300_799_999_i64)]
    sent_ms: i64,
    /// By what way the visitor came: WeChat's scene number or a word of the shop.
    #[garde(length(chars, max = 32))]
    #[schema(max_length = 32)]
    #[serde(default)]
    channel: String,
    /// What happened, in order; 1 to 100.
    #[garde(length(min = 1, max = 100), dive)]
    #[schema(min_items = 1, max_items = 100)]
    events: Vec<TellEvent>,
}

/// Something that a visitor did.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TellEvent {
    /// A random name of the event: told again, it is the same event and counts once.
    #[garde(custom(named))]
    #[schema(pattern = "^[A-Za-z0-9_-]{8,40}$")]
    id: String,
    /// What happened.
    #[garde(custom(told))]
    #[schema(schema_with = told_kinds)]
    kind: EventKind,
    /// When, by the client's clock, in milliseconds since 1970. Corrected to ours, what is older than seven days counts as
    /// seven days old, and what has not come yet as now.
    #[garde(range(min = 0, max = TIME_MAX))]
    #[schema(minimum = 0, maximum = 253_402_300_799_999_i64)]
    occurred_ms: i64,
    /// Path of the page.
    #[garde(length(chars, max = 100))]
    #[schema(max_length = 100)]
    #[serde(default)]
    page: String,
    /// The product that it is about.
    #[garde(skip)]
    product_id: Option<ProductId>,
    /// The name of a custom event, or the words of a search. Numbers that look like a phone or resident number are not kept,
    /// here, in the page, the channel and the properties.
    #[garde(length(chars, max = 100))]
    #[schema(max_length = 100)]
    #[serde(default)]
    name: String,
    /// Further properties: at most 16 texts, numbers and yes or no, in no more than 1,000 bytes as JSON.
    #[garde(custom(flat))]
    #[schema(schema_with = properties)]
    #[serde(default)]
    detail: Map<String, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the validator hands out references")]
fn named(text: &str, (): &()) -> garde::Result {
    if is_name(text) { Ok(()) } else { Err(garde::Error::new("8 to 40 letters, digits, _ and - are expected")) }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the validator hands out references")]
fn told(kind: &EventKind, (): &()) -> garde::Result {
    if kind.is_told() { Ok(()) } else { Err(garde::Error::new("only the server says this")) }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the validator hands out references")]
fn flat(properties: &Map<String, Value>, (): &()) -> garde::Result {
    let fits = properties.len() <= 16 && detail(properties).is_some();
    let message = "at most 16 texts, numbers and yes or no in 1000 bytes are expected";
    if fits { Ok(()) } else { Err(garde::Error::new(message)) }
}

fn told_kinds() -> Object {
    let kinds = EventKind::ALL.iter().filter(|kind| kind.is_told()).map(|kind| kind.word());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(kinds)).build()
}

fn properties() -> Object {
    let any = [Type::String, Type::Number, Type::Boolean, Type::Null];
    let value = ObjectBuilder::new().schema_type(SchemaType::from_iter(any)).build();
    let mut object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::RefOr(value.into())))
        .build();
    object.max_properties = Some(16);
    object
}

impl From<TellEvents> for Report {
    fn from(body: TellEvents) -> Self {
        let TellEvents { source, sent_ms, channel, events } = body;
        let event = |event: TellEvent| Told {
            // Checked before: one that cannot be kept does not come so far.
            detail: detail(&event.detail).unwrap_or_default(),
            id: event.id,
            kind: event.kind,
            occurred_ms: Timestamp(event.occurred_ms),
            page: event.page,
            product_id: event.product_id,
            name: event.name,
        };
        Self { source, sent_ms: Timestamp(sent_ms), channel, events: events.into_iter().map(event).collect() }
    }
}

/// What became of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TakenView {
    /// Events that were new.
    accepted: usize,
    /// Events that were told before, or twice.
    known: usize,
}

/// Tell what a visitor did. Answered when all of it is on the disk; whoever gets no answer sends the same again. The token is
/// optional and says who the visitor is. No address of the network is kept.
#[utoipa::path(post, path = "/v1/events", operation_id = "event.take", tag = "event", request_body = TellEvents,
    responses((status = 200, body = TakenView)))]
pub(super) async fn take(
    State(app): State<App>,
    Anybody(buyer): Anybody,
    Valid(body): Valid<TellEvents>,
) -> Result<Json<TakenView>, Problem> {
    let taken = service::event::take(&app, buyer.map(|buyer| buyer.id), body.into()).await?;
    Ok(Json(TakenView { accepted: taken.accepted, known: taken.known }))
}
