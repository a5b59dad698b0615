//! One WebSocket connection: calls like over HTTP, and subscriptions.
//!
//! Everything of a connection happens in one task. Nothing in the node waits for it: what it
//! subscribes to arrives over rings of bounded length, and a peer that does not read is cut off
//! with a close code.

mod session;

use std::{sync::Arc, time::Duration};

use alloy_primitives::B256;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, close_code};
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    time::{MissedTickBehavior, interval, timeout},
};

use session::{Notice, notification, notification_of};
pub use session::{Session, Subscription};

use crate::{
    answer::Answer,
    envelope,
    error::RpcError,
    follower::NewBlock,
    http::{Caller, Unfinished},
    json_text::JsonText,
    limits::{WEBSOCKET_CLOSE_MS_MAX, WEBSOCKET_REQUESTS_MAX, WEBSOCKET_SEND_MS_MAX},
    render,
    service::{Context, Service, answer},
};

/// Pings without an answer after which a peer counts as gone.
const SILENT_PINGS_MAX: u32 = 2;

/// What a host's reading says where [`Unfinished::read`] does not let it go on.
pub const UNFINISHED_EXCEEDED: &str = "too many unfinished messages";

/// Why a connection ends.
enum Ending {
    /// The peer is told.
    Told(CloseFrame),
    /// The peer ended it, and hears the same from here (RFC 6455, section 5.5.1).
    Answered,
    /// The peer is gone; there is nobody to tell.
    Gone,
}

impl Ending {
    fn with(code: u16, reason: &'static str) -> Self {
        Self::Told(CloseFrame { code, reason: reason.into() })
    }

    /// What the peer sent cannot be read (RFC 6455, section 7.4.1).
    fn unreadable(error: &axum::Error) -> Self {
        // The library's own error type is not at hand, its words are.
        let words = error.to_string();
        if words.contains("too long") || words.contains("Space limit") {
            Self::with(close_code::SIZE, "message too large")
        } else if words.contains(UNFINISHED_EXCEEDED) {
            Self::with(close_code::AGAIN, UNFINISHED_EXCEEDED)
        } else if words.contains("UTF-8") {
            Self::with(close_code::INVALID, "text that is not UTF-8")
        } else {
            Self::with(close_code::PROTOCOL, "malformed frame")
        }
    }
}

/// Who is at the other end.
pub struct Peer {
    /// Whom calls count for.
    pub caller: Caller,
    /// Where the host counts what it reads.
    pub unfinished: Option<Arc<Unfinished>>,
}

struct Connection {
    socket: WebSocket,
    peer: Peer,
    context: Context,
    session: Arc<Session>,
    answers: FuturesUnordered<BoxFuture<'static, Option<Answer>>>,
    blocks: Option<Receiver<Arc<NewBlock>>>,
    pending: Option<Receiver<B256>>,
    silent_pings: u32,
}

/// Serves a connection until either side ends it.
pub async fn serve(
    socket: WebSocket,
    peer: Peer,
    service: Arc<Service>,
    stopping: watch::Receiver<bool>,
) {
    let session = Arc::new(Session::new(service.metrics.clone()));
    let context = Context { service, session: Some(session.clone()) };
    if let Some(unfinished) = &peer.unfinished {
        unfinished.begin();
    }
    let mut connection = Connection {
        socket,
        peer,
        context,
        session,
        answers: FuturesUnordered::new(),
        blocks: None,
        pending: None,
        silent_pings: 0,
    };
    match connection.run(stopping).await {
        Ending::Gone => return,
        Ending::Answered => {}
        Ending::Told(frame) => {
            tracing::debug!(code = frame.code, reason = %frame.reason, "closing websocket");
            let limit = Duration::from_millis(WEBSOCKET_SEND_MS_MAX);
            // The peer may already be gone: then there is nothing left to do.
            let _ = timeout(limit, connection.socket.send(Frame::Close(Some(frame)))).await;
        }
    }
    // Reading writes the answer to a close frame, and gives the peer time to read the code: closing
    // at once would destroy what is still on its way.
    let patience = Duration::from_millis(WEBSOCKET_CLOSE_MS_MAX);
    let _ = timeout(patience, async { while let Some(Ok(_)) = connection.socket.recv().await {} })
        .await;
}

impl Connection {
    async fn run(&mut self, mut stopping: watch::Receiver<bool>) -> Ending {
        let period = Duration::from_millis(self.context.service.config.ping_interval_ms.max(1));
        let mut ping = interval(period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.tick().await;
        loop {
            let step = tokio::select! {
                frame = self.socket.recv(), if self.answers.len() < WEBSOCKET_REQUESTS_MAX => {
                    self.received(frame).await
                }
                Some(told) = self.answers.next() => self.answered(told).await,
                block = next(&mut self.blocks) => self.new_block(block).await,
                hash = next(&mut self.pending) => self.new_pending(hash).await,
                _ = ping.tick() => self.ping().await,
                () = stop(&mut stopping) => {
                    Err(Ending::with(close_code::AWAY, "the node is stopping"))
                }
            };
            if let Err(ending) = step {
                return ending;
            }
        }
    }

    async fn received(&mut self, frame: Option<Result<Frame, axum::Error>>) -> Result<(), Ending> {
        self.silent_pings = 0;
        let body = match frame {
            Some(Ok(Frame::Text(text))) => axum::body::Bytes::from(text),
            Some(Ok(Frame::Binary(bytes))) => bytes,
            Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => return Ok(()),
            Some(Ok(Frame::Close(_))) => return Err(Ending::Answered),
            None => return Err(Ending::Gone),
            Some(Err(error)) => {
                tracing::debug!(%error, "websocket failed");
                return Err(Ending::unreadable(&error));
            }
        };
        if let Some(unfinished) = &self.peer.unfinished {
            unfinished.finished();
        }
        self.accept(&body).await
    }

    async fn accept(&mut self, body: &[u8]) -> Result<(), Ending> {
        let message = match envelope::parse(body) {
            Ok(message) => message,
            Err(error) => return self.send(envelope::failure(None, &error)).await,
        };
        let weight = self.context.service.weight_of(&message);
        let Ok(permit) = self.context.service.weight.clone().try_acquire_many_owned(weight) else {
            let limit = self.context.service.config.weight_max;
            let error = RpcError::limit(format!("too many calls in flight, limit {limit}"));
            return self.send(envelope::refusal(&message, &error)).await;
        };
        if let Err(too_much) = self.context.service.callers.spend(self.peer.caller, weight) {
            let error = RpcError::limit(too_much.text());
            return self.send(envelope::refusal(&message, &error)).await;
        }
        let context = self.context.clone();
        self.answers.push(Box::pin(async move {
            let told = answer(&context, message).await;
            drop(permit);
            told
        }));
        Ok(())
    }

    async fn answered(&mut self, told: Option<Answer>) -> Result<(), Ending> {
        self.follow_new_subscriptions();
        let Some(told) = told else { return Ok(()) };
        // Counted until it is written.
        let (text, _counted) = told.into_text();
        self.session.answered(&text);
        self.send(text).await
    }

    /// Listens to what the session has subscribed to, and to no more.
    fn follow_new_subscriptions(&mut self) {
        let follower = &self.context.service.follower;
        let (blocks, pending) = self.session.needs();
        if !blocks {
            self.blocks = None;
        } else if self.blocks.is_none() {
            self.blocks = Some(follower.blocks());
        }
        if !pending {
            self.pending = None;
        } else if self.pending.is_none() {
            self.pending = Some(follower.pending());
        }
    }

    async fn new_block(&mut self, block: Result<Arc<NewBlock>, RecvError>) -> Result<(), Ending> {
        let block = block.map_err(fell_behind)?;
        let syncing = match self.session.watches_syncing() {
            true => Some(crate::methods::syncing_status(&self.context).await),
            false => None,
        };
        for (id, notice) in self.session.notices(syncing.as_ref()) {
            self.tell(&id, notice, &block).await?;
        }
        Ok(())
    }

    /// Sends one subscription what it asked for of a block, text by text.
    async fn tell(&mut self, id: &str, notice: Notice, block: &NewBlock) -> Result<(), Ending> {
        match notice {
            Notice::Header => self.send(notification(id, &block.header)).await,
            Notice::Syncing(status) => self.send(notification(id, &status.to_string())).await,
            Notice::Finality => {
                let proof =
                    block.finality(&self.context.service.ledger).await.map_err(|error| {
                        tracing::error!(number = block.number, %error, "no proof of a final block");
                        Ending::with(close_code::ERROR, "the proof of a block cannot be read")
                    })?;
                self.send(notification_of("heqi", id, proof)).await
            }
            Notice::Logs(filter) => {
                for entry in &block.logs {
                    // Many logs and a peer that reads fast must not keep others from the thread.
                    tokio::task::consume_budget().await;
                    if filter.matches(&entry.log) {
                        let JsonText(log) = JsonText::of(&render::log(entry));
                        self.send(notification(id, &log)).await?;
                    }
                }
                Ok(())
            }
        }
    }

    /// The object is absent where the transaction has left the pool again; who asked for objects is
    /// not told then.
    async fn new_pending(&mut self, hash: Result<B256, RecvError>) -> Result<(), Ending> {
        let hash = hash.map_err(fell_behind)?;
        let watchers = self.session.pending_watchers();
        let full = watchers.iter().any(|(_, full)| *full);
        let object =
            full.then(|| crate::methods::pending_transaction(&self.context, hash)).flatten();
        let object = object.map(|object| object.to_string());
        let hash = format!("\"{hash}\"");
        for (id, full) in watchers {
            let Some(result) = (if full { object.as_ref() } else { Some(&hash) }) else { continue };
            self.send(notification(&id, result)).await?;
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), Ending> {
        if self.silent_pings >= SILENT_PINGS_MAX {
            return Err(Ending::with(close_code::POLICY, "no answer to pings"));
        }
        self.silent_pings += 1;
        self.send_frame(Frame::Ping(Default::default())).await
    }

    async fn send(&mut self, text: String) -> Result<(), Ending> {
        self.send_frame(Frame::Text(text.into())).await
    }

    async fn send_frame(&mut self, frame: Frame) -> Result<(), Ending> {
        let limit = Duration::from_millis(WEBSOCKET_SEND_MS_MAX);
        match timeout(limit, self.socket.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ending::Gone),
            Err(_) => Err(Ending::with(close_code::POLICY, "slow consumer: messages are not read")),
        }
    }
}

fn fell_behind(error: RecvError) -> Ending {
    match error {
        RecvError::Lagged(_) => Ending::with(close_code::POLICY, "slow consumer: fell behind"),
        RecvError::Closed => Ending::with(close_code::AWAY, "the node is stopping"),
    }
}

/// Resolves once the node stops; never where nobody is left to say so.
async fn stop(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stop| *stop).await.is_err() {
        std::future::pending().await
    }
}

/// The next item; never resolves where nothing is listened to.
async fn next<T: Clone>(receiver: &mut Option<Receiver<T>>) -> Result<T, RecvError> {
    match receiver {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}
