//! The broker: its connection, and publishing.
//!
//! **Publishing** returns when the broker has confirmed: every queue that takes the message has it on the disks of a
//! majority (quorum queues). Nothing else counts as published: a lost connection, a refusal and silence are errors, after
//! which the message may be there or not. Every message is mandatory, so one that no queue takes comes back and is told of.
//! A channel carries one unconfirmed message at a time: what comes back then belongs to it and to no other; as many
//! channels are opened as messages are published at the same time.
//!
//! One exception is the broker's: a single `RabbitMQ` 3.10 that is killed in the first moments of a new quorum queue comes
//! back with the queue and without what was in it. Queues are bound before they are used, or the broker is a cluster.
//!
//! **The connection** is opened by whoever needs it, and again by whoever needs it after it broke; then all that is bound is
//! declared again. It is plain: TLS stays out of the build, so it belongs in a private network.

use super::{
    Error, Letter, Message,
    topology::{self, Topology},
};
use crate::{
    config::Secret,
    model::{
        binding::{self, Binding},
        job::backoff,
    },
};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex as Lock, PoisonError, RwLock},
    time::Duration,
};
use tokio::{sync::Mutex, time::timeout};

/// How to reach a broker and how to use it.
#[derive(Debug, Clone)]
pub struct Options {
    /// `amqp://user:password@host:5672/%2f`.
    pub url: Secret,
    /// What the names of all its exchanges and queues begin with: shops can share a broker.
    pub prefix: String,
    /// How long a message waits after its first failure, its second …, the last for all that follow. Each is a queue.
    pub steps: Vec<Duration>,
    /// How long an answer or a confirm is waited for.
    pub patience: Duration,
    /// How many messages a consumer may hold at a time.
    pub prefetch: u16,
}

impl Options {
    /// As jobs are tried again: 1 s, 2 s, 4 s … 15 min.
    pub fn new(url: Secret) -> Self {
        let steps = (1..=11).map(|attempt| backoff(attempt, 1.0)).collect();
        Self { url, prefix: "weizhan".to_owned(), steps, patience: Duration::from_secs(10), prefetch: 8 }
    }
}

/// A connection and its channels that carry no message just now.
pub(super) struct Link {
    connection: Connection,
    idle: Lock<Vec<Channel>>,
}

impl Link {
    /// A channel of its own; it closes, and what it holds goes back, when its last copy is dropped.
    pub(super) async fn channel(&self) -> Result<Channel, Error> {
        Ok(self.connection.create_channel().await?)
    }
    async fn publisher(&self) -> Result<Channel, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(channel) = idle.filter(|channel| channel.status().connected()) {
            return Ok(channel);
        }
        let channel = self.channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    }
    fn give_back(&self, channel: Channel) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
    }
}

/// A `RabbitMQ`. A cheap clone.
#[derive(Clone)]
pub struct RabbitMq(Arc<Inner>);

struct Inner {
    options: Options,
    bindings: RwLock<Arc<Vec<Binding>>>,
    link: Mutex<Option<Arc<Link>>>,
}

impl std::fmt::Debug for RabbitMq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RabbitMq").field(&self.0.options).finish()
    }
}

impl RabbitMq {
    /// A broker; it is connected to when it is needed.
    pub fn new(options: Options) -> Self {
        Self(Arc::new(Inner { options, bindings: RwLock::default(), link: Mutex::default() }))
    }

    pub(super) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(super) fn topology(&self) -> Topology<'_> {
        Topology { prefix: &self.0.options.prefix, steps: &self.0.options.steps }
    }

    fn bindings(&self) -> Arc<Vec<Binding>> {
        self.0.bindings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bind so, and take away what this process bound before and is not among these. Queues stay with what they hold. What
    /// was taken away while no process looked stays bound: see [`Self::unbind`].
    pub async fn bind(&self, bindings: Vec<Binding>) -> Result<(), Error> {
        let (before, after) = (self.bindings(), Arc::new(bindings));
        let gone = |old: &&Binding| !after.iter().any(|new| new.pattern == old.pattern && new.queue == old.queue);
        for old in before.iter().filter(gone) {
            self.unbind(&old.pattern, &old.queue).await?;
        }
        *self.0.bindings.write().unwrap_or_else(PoisonError::into_inner) = after.clone();
        self.ask(async |link| self.topology().bind(&link.channel().await?, &after).await).await
    }

    /// Take a binding away, whoever made it.
    pub async fn unbind(&self, pattern: &str, queue: &str) -> Result<(), Error> {
        let rest = self.bindings().iter().filter(|it| it.pattern != pattern || it.queue != queue).cloned().collect();
        *self.0.bindings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rest);
        self.ask(async |link| self.topology().unbind(&link.channel().await?, pattern, queue).await).await
    }

    /// Publish; how many queues took it, by the bindings that this process knows, or none if the broker sent it back. Then
    /// it is nowhere: whoever must not lose it looks.
    pub async fn publish(&self, message: &Message) -> Result<usize, Error> {
        let known = self.bindings();
        let queues = binding::route(&known, &message.key, &message.subject).len();
        let lanes = topology::lanes(&known, &message.key, &message.subject);
        let routed = self.send(&self.topology().topic(), &message.key, &Letter::of(message)?, lanes).await?;
        Ok(if routed { queues.max(1) } else { 0 })
    }

    /// How many messages a queue has that nobody holds.
    pub async fn waiting(&self, queue: &str) -> Result<u32, Error> {
        self.count(self.topology().queue(queue)).await
    }

    pub(super) async fn count(&self, name: String) -> Result<u32, Error> {
        self.ask(async |link| Topology::count(&link.channel().await?, &name).await).await
    }

    /// Publish a letter and await the confirm; whether a queue took it.
    pub(super) async fn send(
        &self,
        exchange: &str,
        key: &str,
        letter: &Letter,
        lanes: BTreeMap<ShortString, AMQPValue>,
    ) -> Result<bool, Error> {
        let (to, key) = (short(exchange)?, short(key)?);
        let id: String = letter.id.chars().take(60).collect();
        let properties = BasicProperties::default()
            .with_message_id(id.into())
            .with_content_type("application/json".into())
            .with_delivery_mode(2)
            .with_headers(FieldTable::from(lanes));
        let payload = serde_json::to_vec(letter)?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        self.ask(async |link| {
            let channel = link.publisher().await?;
            let sent = channel.basic_publish(to.clone(), key.clone(), options, &payload, properties.clone()).await?;
            // The confirm, not the sending, is what counts.
            match sent.await? {
                Confirmation::Ack(returned) => {
                    link.give_back(channel);
                    Ok(returned.is_none())
                }
                Confirmation::Nack(_) | Confirmation::NotRequested => Err(Error::Unconfirmed),
            }
        })
        .await
        .map_err(|error| if matches!(error, Error::Silent) { Error::Unconfirmed } else { error })
    }

    /// Ask over the connection. Silence ends it, so that the next question has another.
    pub(super) async fn ask<T>(&self, question: impl AsyncFnOnce(Arc<Link>) -> Result<T, Error>) -> Result<T, Error> {
        let link = self.link().await?;
        let answer = self.in_time(question(link.clone())).await;
        if matches!(answer, Err(Error::Silent)) {
            let mut present = self.0.link.lock().await;
            if present.as_ref().is_some_and(|present| Arc::ptr_eq(present, &link)) {
                *present = None;
            }
        }
        answer
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        timeout(self.0.options.patience, answer).await.unwrap_or(Err(Error::Silent))
    }

    /// The connection; another one, with all that is bound declared again, when it is broken.
    pub(super) async fn link(&self) -> Result<Arc<Link>, Error> {
        let mut link = self.0.link.lock().await;
        if let Some(link) = link.as_ref().filter(|link| link.connection.status().connected()) {
            return Ok(link.clone());
        }
        *link = None;
        let opened = self.in_time(async {
            let properties =
                ConnectionProperties::default().with_connection_name(self.0.options.prefix.as_str().into());
            let connection = Connection::connect(self.0.options.url.expose(), properties).await?;
            let opened = Arc::new(Link { connection, idle: Lock::default() });
            let channel = opened.channel().await?;
            self.topology().declare(&channel).await?;
            self.topology().bind(&channel, &self.bindings()).await?;
            Ok(opened)
        });
        let opened = opened.await?;
        *link = Some(opened.clone());
        Ok(opened)
    }
}

/// A name as AMQP carries it.
pub(super) fn short(name: &str) -> Result<ShortString, Error> {
    ShortString::try_new(name).map_err(|_| Error::Unfit(name.chars().take(64).collect()))
}
