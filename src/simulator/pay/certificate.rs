//! `GET /v3/certificates`: the platform certificates, sealed with the `APIv3` key.

use super::{Answer, Refusal};
use crate::simulator::Simulator;
use crate::wechat::pay::sign::{SEAL_ALGORITHM, random_text};
use axum::{Json, extract::State};
use serde_json::{Value, json};

/// The certificate, both while it is being replaced, or 404 where the merchant has only the public key.
pub(super) async fn list(State(simulator): State<Simulator>) -> Answer {
    let faults = simulator.faults().get();
    if faults.no_platform_certificate {
        return Err(Refusal::missing("RESOURCE_NOT_EXISTS", "无可用的平台证书，请在商户平台申请使用微信支付公钥"));
    }
    let keys = &simulator.0.keys;
    let (listed, _) = keys.platforms(faults.rotation);
    let sealed = listed.into_iter().map(|platform| {
        let nonce = random_text(12);
        json!({
            "serial_no": platform.certificate.serial,
            "effective_time": platform.certificate.not_before.rfc3339(),
            "expire_time": platform.certificate.not_after.rfc3339(),
            "encrypt_certificate": {
                "algorithm": SEAL_ALGORITHM,
                "nonce": nonce,
                "associated_data": "certificate",
                "ciphertext": keys.seal.seal(&nonce, "certificate", platform.pem.as_bytes()),
            },
        })
    });
    Ok(Json(json!({ "data": sealed.collect::<Vec<Value>>() })))
}
