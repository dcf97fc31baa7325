//! WeChat: whether it is there, takes our secrets and keys, and at which time it lives.

use super::{finding::Finding, place::ending, store::clock};
use crate::{
    cli::lang::Said,
    config::Config,
    model::time::Timestamp,
    wechat::{Error, ErrorKind, Wechat, doctor::reach, meaning},
};
use jiff::fmt::rfc2822;
use url::Url;

/// Every address of WeChat that the settings name, and the other site of WeChat Pay.
pub(super) async fn addresses(config: &Config, now: impl Fn() -> Timestamp) -> Vec<Finding> {
    let mut targets =
        vec![("wechat.reach", config.wechat.base_url.clone()), ("pay.reach", config.pay.base_url.clone())];
    let backup: Option<Url> = config.pay.base_url.as_str().replace("api.mch.weixin", "api2.mch.weixin").parse().ok();
    targets.extend(backup.filter(|url| *url != config.pay.base_url).map(|url| ("pay.reach_backup", url)));
    let mut all = Vec::new();
    for (check, url) in targets {
        let host = url.host_str().unwrap_or_default().to_owned();
        match reach(&url).await {
            Ok(reached) => {
                let text = format!("{host} {} ms", reached.took.as_millis());
                all.push(Finding::good(check, text.clone(), text));
                let date = reached.date.as_deref().and_then(|date| rfc2822::parse(date).ok());
                if let Some(date) = date.filter(|_| check == "wechat.reach") {
                    // Its header has whole seconds: on average half a second is missing.
                    let there = Timestamp(date.timestamp().as_millisecond() + 500);
                    all.push(clock("clock.wechat", ("微信", "WeChat"), now(), there));
                }
            }
            Err(error) => {
                all.push(failed(check, &error, (&format!("{host} 连不上"), &format!("{host} cannot be reached"))));
            }
        }
    }
    all
}

/// A call that failed, with what its code means.
fn failed(check: &'static str, error: &Error, what: (&str, &str)) -> Finding {
    let code = error.code();
    let found =
        (format!("{}（{code} {}）", what.0, error.message()), format!("{} ({code} {})", what.1, error.message()));
    let act = meaning::find(code).map_or_else(
        || Said::new(format!("运行 weizhan explain {code}"), format!("run weizhan explain {code}")),
        |known| known.remedy.into(),
    );
    if error.kind().is_temporary() && error.code() != "unreachable" {
        return Finding::warning(check, found, act);
    }
    Finding::failure(check, found, act)
}

/// Whether the secrets and keys of the settings are those that WeChat knows.
pub(super) async fn keys(config: &Config, wechat: &Wechat, now: Timestamp) -> Vec<Finding> {
    let mut all = Vec::new();
    for app in &config.wechat.apps {
        all.push(match wechat.try_secret(&app.appid).await {
            Ok(()) => {
                let zh = format!("{} 能取到 access_token", app.appid);
                Finding::good("wechat.secret", zh, format!("{} gets an access token", app.appid))
            }
            Err(error) => {
                let what =
                    (format!("{} 取不到 access_token", app.appid), format!("{} gets no access token", app.appid));
                failed("wechat.secret", &error, (&what.0, &what.1))
            }
        });
    }
    if config.wechat.apps.is_empty() {
        let act =
            Said::new("在 [[wechat.apps]] 里写上 appid 与 AppSecret", "put appid and AppSecret into [[wechat.apps]]");
        all.push(Finding::failure("wechat.secret", ("没有配置小程序", "no mini-program is configured"), act));
    }
    all.extend(merchant(config, wechat.try_keys().await, now));
    all
}

/// What the list of certificates, or its refusal, says of each key.
fn merchant(config: &Config, listed: Result<Vec<(String, Timestamp)>, Error>, now: Timestamp) -> Vec<Finding> {
    let signs = || {
        Finding::good(
            "pay.merchant_key",
            "私钥与证书序列号配套，微信支付接受签名",
            "key and serial belong together: WeChat Pay takes the signature",
        )
    };
    match listed {
        Ok(certificates) => {
            let mut all = vec![
                signs(),
                Finding::good(
                    "pay.api_v3_key",
                    "APIv3 密钥能解开平台证书",
                    "the APIv3 key opens the platform certificates",
                ),
                Finding::good("pay.public_key", "能验证微信支付的签名", "the signature of WeChat Pay is verified"),
            ];
            all.extend(certificates.iter().map(|(serial, end)| ending("pay.certificate", serial, *end, now)));
            all
        }
        Err(error) if error.code() == "RESOURCE_NOT_EXISTS" => {
            let mut all = vec![signs()];
            if config.pay.platform_certificates {
                let found = ("商户没有平台证书", "the merchant has no platform certificates");
                let act = Said::new(
                    "设 pay.platform_certificates = false，只用微信支付公钥",
                    "set pay.platform_certificates = false and use the public key alone",
                );
                all.push(Finding::failure("pay.certificate", found, act));
            }
            let zh = "APIv3 密钥：没有平台证书可解，第一个回调时才知道；发一笔 1 分钱支付试试";
            let en = "APIv3 key: without certificates there is nothing to open; the first callback shows it";
            all.push(Finding::good("pay.api_v3_key", zh, en));
            all
        }
        Err(error) if error.code() == "pay.api_v3_key" => {
            let found = ("APIv3 密钥解不开平台证书", "the APIv3 key does not open the platform certificates");
            let act = Said::new(
                "在商户平台 → API安全 重新设置 APIv3 密钥，填入 pay.api_v3_key",
                "set the key anew in the merchant's console under API安全 and put it into pay.api_v3_key",
            );
            vec![signs(), Finding::failure("pay.api_v3_key", found, act)]
        }
        Err(error) if error.kind() == ErrorKind::Forged => {
            let what = ("微信支付的签名验证不过", "the signature of WeChat Pay is not verified");
            vec![signs(), failed("pay.public_key", &error, what)]
        }
        Err(error) if error.code() == "INVALID_REQUEST" => {
            let found = (
                format!("公钥 ID {} 不被接受", config.pay.public_key_id),
                format!("the public key id {} is not taken", config.pay.public_key_id),
            );
            let act = Said::new(
                "从商户平台复制 PUB_KEY_ID_…，并下载同一个 pub_key.pem",
                "copy PUB_KEY_ID_… from the merchant's console, with the pub_key.pem of the same name",
            );
            vec![Finding::failure("pay.public_key", found, act)]
        }
        Err(error) => {
            let what = ("微信支付不接受商户签名", "WeChat Pay does not take the merchant's signature");
            vec![failed("pay.merchant_key", &error, what)]
        }
    }
}
