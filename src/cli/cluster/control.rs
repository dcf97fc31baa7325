//! How another process tells a running cluster what to do: a line to a port of the loopback, with a secret that stands in
//! the directory beside it; lines come back, the last of them is `ok` or says what failed.

use super::{board, house::House};
use crate::{cli::private, wechat::pay::sign::random_text};
use anyhow::{Context as _, bail, ensure};
use std::{io::Write, net::Ipv4Addr, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Where the port and the secret stand.
const FILE: &str = "control";
/// How long whoever connects may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a cluster can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Restart,
    Kill(usize),
    Status,
    Stop,
}

impl Order {
    fn written(self) -> String {
        match self {
            Self::Restart => "restart".to_owned(),
            Self::Kill(number) => format!("kill {number}"),
            Self::Status => "status".to_owned(),
            Self::Stop => "stop".to_owned(),
        }
    }

    fn read(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None if text == "restart" => Some(Self::Restart),
            None if text == "status" => Some(Self::Status),
            None if text == "stop" => Some(Self::Stop),
            Some(("kill", number)) => number.parse().ok().map(Self::Kill),
            _ => None,
        }
    }
}

/// The listening end.
pub(super) struct Control {
    listener: TcpListener,
    secret: String,
}

impl Control {
    /// Listen, and write down where.
    pub(super) async fn open(data: &Path) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let secret = random_text(32);
        private::write(&data.join(FILE), &format!("{} {secret}\n", listener.local_addr()?.port()))?;
        Ok(Self { listener, secret })
    }

    /// Do what is asked for, until the cluster stops.
    pub(super) async fn hear(self, house: Arc<House>, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        while let Some(Ok((stream, _))) = stop.run_until_cancelled(self.listener.accept()).await {
            let (house, stop, secret) = (house.clone(), stop.clone(), self.secret.clone());
            tasks.spawn(async move {
                if let Err(error) = serve(stream, &secret, &house, &stop).await {
                    tracing::debug!(%error, "control");
                }
            });
        }
        tasks.close();
        tasks.wait().await;
    }
}

/// The file means that somebody listens.
pub(super) fn forget(data: &Path) {
    drop(std::fs::remove_file(data.join(FILE)));
}

async fn serve(stream: TcpStream, secret: &str, house: &House, stop: &CancellationToken) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    tokio::time::timeout(PATIENCE, stream.read_line(&mut line)).await??;
    let order = line.trim_end().split_once(' ').filter(|(said, _)| *said == secret).map(|(_, order)| order.to_owned());
    let Some(order) = order else { return Ok(()) };
    let ended = match Order::read(&order) {
        None => Err(anyhow::anyhow!("what is {order:?}?")),
        Some(order) => obey(order, house, stop, &mut stream).await,
    };
    let last = match ended {
        Ok(()) => "ok\n".to_owned(),
        Err(error) => format!("failed: {error:#}\n"),
    };
    stream.write_all(last.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

async fn obey(
    order: Order,
    house: &House,
    stop: &CancellationToken,
    out: &mut (impl tokio::io::AsyncWrite + Unpin),
) -> anyhow::Result<()> {
    match order {
        Order::Status => out.write_all(board::table(house).as_bytes()).await?,
        Order::Stop => stop.cancel(),
        Order::Kill(number) => {
            let node = number.checked_sub(1).and_then(|place| house.nodes.get(place));
            let node = node.with_context(|| format!("there is no node {number}"))?;
            node.kill().await;
            out.write_all(format!("node {number} was killed\n").as_bytes()).await?;
        }
        Order::Restart => {
            let _one = house.rolling.lock().await;
            for node in &house.nodes {
                let (served, ended) = node.restart().await.with_context(|| format!("node {}", node.number))?;
                let (served, ended) = (served.as_millis(), ended.as_millis());
                let line = format!(
                    "node {}: the new process served after {served} ms, the old one ended {ended} ms later\n",
                    node.number
                );
                // Whoever asked may have gone; what was begun is done.
                let _ = out.write_all(line.as_bytes()).await;
            }
        }
    }
    Ok(())
}

/// Tell the cluster of this directory, and print what it says; whether it did it.
pub(super) async fn give(data: &Path, order: Order, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let none = || format!("no weizhan cluster runs in {}", data.display());
    let Ok(text) = std::fs::read_to_string(data.join(FILE)) else { bail!(none()) };
    let (port, secret) = text.trim_end().split_once(' ').with_context(none)?;
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse::<u16>().with_context(none)?)).await;
    let mut stream = BufReader::new(stream.with_context(none)?);
    stream.write_all(format!("{secret} {}\n", order.written()).as_bytes()).await?;
    let (mut line, mut last) = (String::new(), String::new());
    while stream.read_line(&mut line).await? > 0 {
        if line != "ok\n" {
            out.write_all(line.as_bytes())?;
        }
        last = std::mem::take(&mut line);
    }
    ensure!(!last.is_empty(), none());
    Ok(last == "ok\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_written() {
        for order in [Order::Restart, Order::Kill(2), Order::Status, Order::Stop] {
            assert_eq!(Order::read(&order.written()), Some(order));
        }
        assert_eq!((Order::read("kill"), Order::read("kill all"), Order::read("")), (None, None, None));
    }
}
