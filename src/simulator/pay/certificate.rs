//! `GET /v3/certificates`: the platform certificate, sealed with the `APIv3` key.

use super::{Answer, Refusal};
use crate::simulator::Simulator;
use crate::wechat::pay::sign::{SEAL_ALGORITHM, random_text};
use axum::{Json, extract::State};
use serde_json::json;

/// The one certificate, or 404 where the merchant has only the public key.
pub(super) async fn list(State(simulator): State<Simulator>) -> Answer {
    if simulator.faults().get().no_platform_certificate {
        return Err(Refusal::missing("RESOURCE_NOT_EXISTS", "无可用的平台证书，请在商户平台申请使用微信支付公钥"));
    }
    let (keys, nonce) = (&simulator.0.keys, random_text(12));
    let pem = keys.materials.platform_certificate_pem.as_bytes();
    Ok(Json(json!({ "data": [{
        "serial_no": keys.certificate.serial,
        "effective_time": keys.certificate.not_before.rfc3339(),
        "expire_time": keys.certificate.not_after.rfc3339(),
        "encrypt_certificate": {
            "algorithm": SEAL_ALGORITHM,
            "nonce": nonce,
            "associated_data": "certificate",
            "ciphertext": keys.seal.seal(&nonce, "certificate", pem),
        },
    }] })))
}
