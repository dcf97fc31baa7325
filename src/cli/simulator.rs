//! `weizhan simulator`: WeChat and COS by themselves, in front of any backend.

use super::{Sources, private, signal::asked_to_stop};
use crate::{
    app::SystemClock,
    config::Purpose,
    simulator::{CosOptions, CosSimulator, Materials, Options, PushFormat, PushMode, PushTarget, Simulator},
    telemetry,
    wechat::pay::sign::random_text,
};
use anyhow::Context as _;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Options of `simulator`. Secrets that are not given are made up once and kept.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address and port to listen on. There is no login: keep it on loopback.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Address and port of the simulated COS, whose only protection are its signatures.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8082")]
    cos_listen: SocketAddr,
    /// Its bucket, with the number of the account.
    #[arg(long, default_value = "shop-1250000000")]
    cos_bucket: String,
    /// Its region.
    #[arg(long, default_value = "ap-guangzhou")]
    cos_region: String,
    /// Folder for keys, secrets and the ledger; what a backend is configured with stands there in files.
    #[arg(long, value_name = "DIR", default_value = "weizhan-simulator")]
    data: PathBuf,
    /// The mini-program.
    #[arg(long, default_value = "wxsimulator0000001")]
    appid: String,
    /// Its `AppSecret`.
    #[arg(long)]
    secret: Option<String>,
    /// The merchant.
    #[arg(long, default_value = "1900000001")]
    mchid: String,
    /// The `APIv3` key, 32 characters.
    #[arg(long)]
    api_v3_key: Option<String>,
    /// How much faster than in life callbacks are repeated and refunds arrive.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Where the mini-program wants its messages (消息推送), such as
    /// `http://127.0.0.1:8080/callback/wechat/push/wxsimulator0000001`; without it there are none.
    #[arg(long, value_name = "URL")]
    push_url: Option<String>,
    /// How messages are protected.
    #[arg(long, value_enum, default_value = "secure")]
    push_mode: PushMode,
    /// How messages are written.
    #[arg(long, value_enum, default_value = "json")]
    push_format: PushFormat,
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    // Of the settings only how to log counts here, and people read it.
    telemetry::init(&sources.load(Purpose::Dev, &[("log.format", "pretty".to_owned())])?.log);
    private::make_folder(&args.data)?;
    let kept = |name: &str, given: Option<String>| match given {
        Some(text) => private::write(&args.data.join(name), &format!("{text}\n")).map(|()| text),
        None => private::keep(&args.data.join(name), || random_text(32)),
    };
    let push = PushTarget {
        url: args.push_url.clone().unwrap_or_default(),
        token: private::keep(&args.data.join("push_token"), || random_text(24))?,
        aes_key: private::keep(&args.data.join("push_aes_key"), || random_text(43))?,
        mode: args.push_mode,
        format: args.push_format,
    };
    let (secret, api_v3_key) = (kept("app_secret", args.secret)?, kept("api_v3_key", args.api_v3_key)?);
    let simulator = Simulator::new(Options {
        clock: Arc::new(SystemClock),
        journal: Some(args.data.join("ledger.jsonl")),
        keys: Some(args.data.join("keys")),
        apps: vec![(args.appid.clone(), secret)],
        mchid: args.mchid,
        api_v3_key,
        speed: args.speed,
        automatic: true,
    })?;
    simulator.push_to(&args.appid, args.push_url.is_some().then_some(push))?;
    let cos_options = CosOptions {
        clock: Arc::new(SystemClock),
        folder: args.data.join("cos"),
        bucket: args.cos_bucket,
        region: args.cos_region,
        secret_id: "AKIDsimulator0000001".to_owned(),
        secret_key: private::keep(&args.data.join("cos_secret_key"), || random_text(32))?,
    };
    let cos = CosSimulator::new(cos_options.clone())?;
    let (listener, address) = bind(args.listen).await?;
    let (cos_listener, cos_address) = bind(args.cos_listen).await?;
    let sealed = args.push_mode != PushMode::Plain;
    let mut sections = wechat(&simulator.materials(), &args.appid, &address, &args.data, sealed)?;
    sections["storage"] = json!({ "kind": "cos" });
    sections["cos"] = bucket(&cos_options, &cos_address, &args.data)?;
    let settings = write(&sections, &args.data)?;
    println!("模拟微信 simulated WeChat: {address} (console, cashier, api.weixin.qq.com and api.mch.weixin.qq.com)");
    println!("模拟对象存储 simulated COS and STS: {cos_address}");
    println!("密钥 keys: {}", args.data.join("keys").display());
    println!("微栈的设置 settings for weizhan: {}", settings.display());

    let stop = CancellationToken::new();
    let served =
        async { tokio::try_join!(simulator.serve(listener, stop.clone()), cos.serve(cos_listener, stop.clone())) };
    tokio::pin!(served);
    tokio::select! {
        ended = &mut served => return ended.map(drop).context("the simulator failed"),
        asked = asked_to_stop() => drop(asked?),
    }
    stop.cancel();
    served.await.map(drop).context("the simulator failed")
}

async fn bind(address: SocketAddr) -> anyhow::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("{address} cannot be used"))?;
    let base_url = format!("http://{}", listener.local_addr()?);
    Ok((listener, base_url))
}

/// The section `cos` that points to the simulated one.
fn bucket(options: &CosOptions, address: &str, folder: &Path) -> anyhow::Result<Value> {
    Ok(json!({
        "bucket": options.bucket,
        "region": options.region,
        "secret_id": options.secret_id,
        "secret_key_file": std::path::absolute(folder)?.join("cos_secret_key").display().to_string(),
        "base_url": address,
        "sts_base_url": address,
    }))
}

/// The sections that point weizhan to the simulated WeChat; other backends read the files that they name.
fn wechat(materials: &Materials, appid: &str, address: &str, folder: &Path, sealed: bool) -> anyhow::Result<Value> {
    let folder = std::path::absolute(folder)?;
    let file = |name: &str| folder.join(name).display().to_string();
    let mut app = json!({
        "appid": appid,
        "secret_file": file("app_secret"),
        "push_token_file": file("push_token"),
    });
    if sealed {
        app["push_aes_key_file"] = json!(file("push_aes_key"));
    }
    Ok(json!({
        "wechat": { "base_url": address, "apps": [app] },
        "pay": {
            "base_url": address,
            "notify_base_url": "http://127.0.0.1:8080",
            "mchid": materials.mchid,
            "merchant_serial": materials.merchant_serial,
            "merchant_key_file": file("keys/apiclient_key.pem"),
            "api_v3_key_file": file("api_v3_key"),
            "public_key_id": materials.public_key_id,
            "public_key_file": file("keys/pub_key.pem"),
        },
    }))
}

fn write(sections: &Value, folder: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(folder)?.join("weizhan.toml");
    let note = "# Written by `weizhan simulator` at each start: the sections of a settings file that point to it.\n";
    private::write(&path, &format!("{note}{}", toml::to_string(sections)?))?;
    Ok(path)
}
