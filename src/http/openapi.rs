//! The OpenAPI 3.1 document: what all operations have in common.

use super::problem::{FieldError, ProblemView};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, ResponseBuilder,
        path::Operation,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

pub use super::route::document;

/// The head of the document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "weizhan",
        description = "Self-hosted backend platform for WeChat mini-programs. Ids are strings, times are milliseconds \
                       since 1970, money is whole fen. Every refusal is a `Problem` with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "user", description = "Signing in, and what a person keeps here"),
        (name = "product", description = "What is sold"),
        (name = "cart", description = "What a buyer means to buy"),
        (name = "upload", description = "Pictures that buyers send"),
        (name = "address", description = "Where parcels go"),
        (name = "order", description = "Orders, from placed to received"),
        (name = "payment", description = "Paying through WeChat"),
        (name = "refund", description = "Money that goes back"),
        (name = "message", description = "What a user agrees to be told by WeChat"),
        (name = "event", description = "What visitors do"),
        (name = "flag", description = "What is on, and for whom"),
        (name = "staff", description = "For the people who run the shop"),
        (name = "wechat", description = "Called by WeChat; answers in WeChat's own form"),
        (name = "system", description = "For machines that watch a node"),
    ),
    components(schemas(ProblemView, FieldError)),
    modifiers(&Security)
)]
pub(super) struct Head;

/// Who may call: a bearer token of a buyer, or of staff.
struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        for (name, text) in [
            ("buyer", "Access token of POST /v1/login"),
            ("staff", "Access token of POST /admin/v1/sign-in; the scopes are the permissions an operation needs"),
        ] {
            let scheme =
                HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(text)).build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
    }
}

/// Add what every operation answers when it refuses. Callbacks refuse in WeChat's form and say so themselves.
pub(super) fn finish(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let refusal = ResponseBuilder::new()
        .description("Refused: a problem with a stable code")
        .content("application/problem+json", content)
        .build();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten().filter(|operation| !is_callback(operation)) {
            operation.responses.responses.entry("default".to_owned()).or_insert_with(|| refusal.clone().into());
        }
    }
    document
}

fn is_callback(operation: &Operation) -> bool {
    operation.tags.iter().flatten().any(|tag| tag == "wechat")
}
