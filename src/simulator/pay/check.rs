//! The door of the pay interface: a request is refused unless it is signed as WeChat demands; replies are signed.

use super::Refusal;
use crate::simulator::{Simulator, faults::CallbackKey};
use crate::wechat::pay::sign::{AUTHORIZATION_SCHEME, Authorization, random_text, reply_message, request_message};
use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Above this, no request of this interface is meant.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Seconds that the clocks may differ.
const SKEW_SECONDS: i64 = 300;

/// Marks a reply that WeChat does not sign: files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unsigned;

/// Verifies, lets pass, signs.
pub(super) async fn check(State(simulator): State<Simulator>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let number = format!("{:08X}{}-0", simulator.now().seconds(), random_text(24).to_uppercase());
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return Refusal::bad("INVALID_REQUEST", "请求体过大").into_response();
    };
    let mut response = if let Err(refusal) = verify(&simulator, &parts, &body) {
        // Refusals at the door carry no Wechatpay-* headers.
        refusal.into_response()
    } else {
        let certificate = !wants_public_key(&parts.headers);
        let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
        sign(&simulator, answer, certificate).await
    };
    if let Ok(value) = HeaderValue::from_str(&number) {
        response.headers_mut().insert(HeaderName::from_static("request-id"), value);
    }
    response
}

fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn wants_public_key(headers: &HeaderMap) -> bool {
    text(headers, "wechatpay-serial").starts_with("PUB_KEY_ID_")
}

fn verify(simulator: &Simulator, parts: &Parts, body: &Bytes) -> Result<(), Refusal> {
    let headers = &parts.headers;
    if text(headers, header::USER_AGENT).is_empty() || text(headers, header::ACCEPT).is_empty() {
        return Err(Refusal::bad("INVALID_REQUEST", "Http头缺少Accept或User-Agent"));
    }
    let refuse = |message: &str| Err(Refusal::new(StatusCode::UNAUTHORIZED, "SIGN_ERROR", message));
    let Ok(authorization) = text(headers, header::AUTHORIZATION).parse::<Authorization>() else {
        return refuse("Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》");
    };
    let materials = &simulator.0.keys.materials;
    if authorization.mchid != materials.mchid {
        return refuse("商户号不存在");
    }
    if (simulator.now().seconds() - authorization.timestamp).abs() > SKEW_SECONDS {
        return refuse("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟");
    }
    if !authorization.serial.eq_ignore_ascii_case(&materials.merchant_serial) {
        return refuse("商户证书序列号有误");
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let message = request_message(parts.method.as_str(), path, authorization.timestamp, &authorization.nonce, body);
    if !simulator.0.keys.merchant.verify(&message, &authorization.signature) {
        return refuse("签名错误，请检查后再试");
    }
    let wanted = text(headers, "wechatpay-serial");
    let (listed, _) = simulator.0.keys.platforms(simulator.faults().get().rotation);
    let known = listed.iter().any(|platform| platform.certificate.serial == wanted);
    if !wanted.is_empty() && wanted != materials.public_key_id && !known {
        return Err(Refusal::bad("INVALID_REQUEST", "Http头Wechatpay-Serial中的公钥ID或证书序列号不存在"));
    }
    Ok(())
}

/// Adds the signature over the bytes that go out.
async fn sign(simulator: &Simulator, response: Response, certificate: bool) -> Response {
    let plain = response.extensions().get::<Unsigned>().is_some() || simulator.faults().get().unsigned_replies;
    // Unknown paths and methods are answered by the gateway, with an empty body and no signature.
    let gateway = response.headers().get(header::CONTENT_TYPE).is_none() && !response.status().is_success();
    if plain || gateway {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let key = if certificate { CallbackKey::Certificate } else { CallbackKey::PublicKey };
    let probe = simulator.faults().take_probe();
    let signed = signature(simulator, key, simulator.now().seconds(), &body);
    for (name, value) in signed {
        let value = if probe && name == "wechatpay-signature" { signtest() } else { value };
        if let Ok(value) = HeaderValue::from_str(&value) {
            parts.headers.insert(HeaderName::from_static(name), value);
        }
    }
    Response::from_parts(parts, Body::from(body))
}

/// A signature that is meant to fail: WeChat sends one now and then to see whether anybody looks.
pub(in crate::simulator) fn signtest() -> String {
    format!("WECHATPAY/SIGNTEST/{}", random_text(300))
}

/// The five headers of a signed reply or notice.
pub(in crate::simulator) fn signature(
    simulator: &Simulator,
    key: CallbackKey,
    seconds: i64,
    body: &[u8],
) -> [(&'static str, String); 5] {
    let keys = &simulator.0.keys;
    let certificate = match key {
        CallbackKey::PublicKey => false,
        CallbackKey::Certificate => true,
        CallbackKey::Mixed => random_text(1).as_bytes()[0].is_multiple_of(2),
    };
    let (signer, serial) = if certificate {
        let (_, signing) = keys.platforms(simulator.faults().get().rotation);
        (&signing.key, &signing.certificate.serial)
    } else {
        (&keys.public, &keys.materials.public_key_id)
    };
    let (timestamp, nonce) = (seconds.to_string(), random_text(32));
    let signature = signer.sign(&reply_message(&timestamp, &nonce, body));
    [
        ("wechatpay-serial", serial.clone()),
        ("wechatpay-signature", signature),
        ("wechatpay-timestamp", timestamp),
        ("wechatpay-nonce", nonce),
        ("wechatpay-signature-type", AUTHORIZATION_SCHEME.to_owned()),
    ]
}
