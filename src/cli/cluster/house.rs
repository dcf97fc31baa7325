//! All that belongs to one cluster, opened in order and stopped in the reverse one.

use super::{
    Shape, database, front,
    node::{Node, Plan},
    process::{Guard, Process},
    programs::Programs,
    redis,
    tally::Tally,
};
use crate::{
    app::{App, Role, SystemClock},
    cli::{
        Sources,
        demo::{
            directory::Directory,
            furnish, listen,
            settings::{self, Addresses},
        },
        private,
    },
    config::Purpose,
};
use anyhow::{Context as _, bail, ensure};
use futures_util::future::join_all;
use reqwest::Url;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::Mutex as Turn, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a server of other people may take to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running cluster.
pub(super) struct House {
    /// Where the shop is, through nginx.
    pub(super) api: Url,
    /// The same with TLS, by a certificate of our own.
    pub(super) api_tls: Url,
    pub(super) wechat_url: Url,
    pub(super) nodes: Vec<Arc<Node>>,
    pub(super) tally: Mutex<Tally>,
    /// What else runs: a name, where it is, and whether it is a process that is to be watched.
    pub(super) neighbours: Vec<(&'static str, String)>,
    /// One rolling restart at a time.
    pub(super) rolling: Turn<()>,
    servers: Turn<Servers>,
    wechat: Turn<Option<(JoinHandle<io::Result<()>>, CancellationToken)>>,
    _directory: Directory,
}

#[derive(Default)]
struct Servers {
    front: Option<Process>,
    redis: Option<Process>,
    database: Option<Process>,
}

impl House {
    /// Open everything, in the order in which it is needed.
    pub(super) async fn open(
        directory: Directory,
        programs: &Programs,
        shape: &Shape,
        sources: &Sources,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let logs = directory.file("logs");
        private::make_folder(&logs)?;
        let guard = Arc::new(Guard::over(directory.file("processes"), &directory.file(""))?);
        let (plain, tls, wechat_listener) = addresses(shape.port).await?;
        let wechat = wechat_listener.local_addr()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, plain));

        let database = database::start(&guard, programs, &directory, free_port()?).await?;
        let mut neighbours = vec![("database", format!("127.0.0.1:{}", database.port))];
        let redis = match &programs.redis {
            Some(program) => Some(redis::start(&guard, program, &directory, free_port()?).await?),
            None => None,
        };
        neighbours.push(("redis", redis.as_ref().map_or("-".to_owned(), |(_, url)| after_at(url))));
        let simulator = settings::simulator(&directory)?;
        let mut text =
            settings::of(&directory, &simulator, &Addresses { api: address, wechat, metrics: None, cos: None })?;
        // The socket is handed over; several nodes behind one nginx drain as in the world.
        text["server"] = serde_json::json!({ "drain_ms": 2000, "shutdown_timeout_ms": 15_000 });
        text["database"] = serde_json::json!({ "url": database.url });
        text["cache"] = serde_json::json!({ "redis_url": redis.as_ref().map_or("", |(_, url)| url.as_str()) });
        let config = settings::write(&directory, &text)?;
        let wechat_stop = CancellationToken::new();
        let serving = TaskTracker::new().spawn(simulator.serve(wechat_listener, wechat_stop.clone()));
        fill(&directory, &sources.over(&config)).await?;

        let plan = Arc::new(Plan {
            guard: guard.clone(),
            program: std::env::current_exe().context("our own program")?,
            config,
            logs,
            notify: tempfile::Builder::new().prefix("weizhan-").tempdir().context("no temporary folder")?,
            stop,
        });
        let nodes = (1..=usize::from(shape.nodes)).map(|number| {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for a node")?;
            Node::new(number, socket, plan.clone()).map(Arc::new)
        });
        let nodes = nodes.collect::<anyhow::Result<Vec<_>>>()?;
        for started in join_all(nodes.iter().map(|node| node.start())).await {
            started?;
        }
        let ports: Vec<u16> = nodes.iter().map(|node| node.port).collect();
        let front = front::start(&guard, &programs.nginx, &directory, front::Ports { plain, tls }, &ports).await?;
        let tally = Mutex::new(Tally::of(&front::access_log(&directory.file("nginx"))));
        let servers =
            Servers { front: Some(front), redis: redis.map(|(process, _)| process), database: Some(database.process) };
        Ok(Self {
            api: format!("http://{address}").parse()?,
            api_tls: format!("https://127.0.0.1:{tls}").parse()?,
            wechat_url: format!("http://{wechat}").parse()?,
            nodes,
            tally,
            neighbours,
            rolling: Turn::default(),
            servers: Turn::new(servers),
            wechat: Turn::new(Some((serving, wechat_stop))),
            _directory: directory,
        })
    }

    /// Returns when one of the servers of other people has ended: a cluster without it is none.
    pub(super) async fn watch(&self) -> anyhow::Result<()> {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let mut servers = self.servers.lock().await;
            let Servers { front, redis, database } = &mut *servers;
            for process in [front, redis, database].into_iter().flatten() {
                if let Some(status) = process.has_ended() {
                    bail!("it has ended ({status}):\n{}", process.last_words());
                }
            }
        }
    }

    /// Stop everything: first who asks, last who is asked.
    pub(super) async fn stop(&self) -> anyhow::Result<()> {
        let Servers { front, redis, database } = std::mem::take(&mut *self.servers.lock().await);
        let mut wrong = Vec::new();
        let mut end = async |name: &'static str, process: Option<Process>| {
            if let Some(process) = process
                && !process.stop(PATIENCE).await
            {
                wrong.push(name.to_owned());
            }
        };
        end("nginx", front).await;
        let nodes = join_all(self.nodes.iter().map(|node| node.stop())).await;
        end("redis", redis).await;
        end("the database", database).await;
        wrong.extend(
            self.nodes.iter().zip(nodes).filter(|(_, well)| !well).map(|(it, _)| format!("node {}", it.number)),
        );
        if let Some((serving, stop)) = self.wechat.lock().await.take() {
            stop.cancel();
            serving.await?.context("the simulator failed")?;
        }
        ensure!(wrong.is_empty(), "did not end by themselves or not well: {}", wrong.join(", "));
        Ok(())
    }
}

/// The port wished for and the two after it, or free ones.
async fn addresses(port: u16) -> anyhow::Result<(u16, u16, tokio::net::TcpListener)> {
    let after = |port: u16, far: u16| if port == 0 { 0 } else { port.checked_add(far).unwrap_or(0) };
    let (plain, tls, wechat) = (listen(port).await?, listen(after(port, 1)).await?, listen(after(port, 2)).await?);
    // nginx binds its own; between here and there somebody could take them, and then it says so.
    Ok((plain.local_addr()?.port(), tls.local_addr()?.port(), wechat))
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn after_at(url: &str) -> String {
    url.rsplit('@').next().unwrap_or_default().trim_end_matches("/0").to_owned()
}

/// Schema, account and products.
async fn fill(directory: &Directory, sources: &Sources) -> anyhow::Result<()> {
    let config = sources.load(Purpose::Dev, &[("log.filter", "warn".to_owned())])?;
    let app = App::open(config, Arc::new(SystemClock), Role::Tool).await?;
    let filled = furnish(&app, directory).await;
    app.shut_down().await;
    filled
}
