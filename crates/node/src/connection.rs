//! Accepting connections: never more than configured, none that stays silent or does not read for
//! ever. When all places are taken, the connection that was not answered for the longest time gives
//! way, so that silent and slow ones cannot keep others out.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use futures::task::AtomicWaker;
use prometheus_client::metrics::gauge::Gauge;
use rpc::{UNFINISHED_EXCEEDED, Unfinished};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep, timeout},
};

/// A connection on which nothing was read or written this long is closed, seconds. WebSocket
/// connections are kept alive by pings.
const IDLE_MAX: Duration = Duration::from_secs(300);
/// A peer that takes nothing of what is written to it this long is cut off.
const UNREAD_MAX: Duration = Duration::from_secs(30);
/// A connection that was answered within this time never gives way to a new one.
const ANSWERED_RECENTLY: Duration = Duration::from_millis(100);
/// Longest wait for a connection that gives way to end.
const GIVE_WAY_TIME_MAX: Duration = Duration::from_millis(100);
/// Pause after the system refused to accept (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the listener knows of an open connection.
struct Place {
    /// When something was written last, or the connection began, milliseconds since the listener.
    answered_ms: AtomicU64,
    /// Whether it has to give way.
    gives_way: AtomicBool,
    /// The task that reads from it.
    reader: AtomicWaker,
    /// What it has sent of a message.
    unfinished: Arc<Unfinished>,
}

/// All open connections.
struct Places {
    begin: Instant,
    taken: Mutex<HashMap<u64, Arc<Place>>>,
    /// Bytes of unfinished messages.
    unfinished: Arc<AtomicU64>,
}

impl Places {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A poisoned lock only means that another task ended; each change is whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Place>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, number: u64) -> Arc<Place> {
        let place = Arc::new(Place {
            answered_ms: AtomicU64::new(self.now_ms()),
            gives_way: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            unfinished: Arc::new(Unfinished::new(self.unfinished.clone())),
        });
        self.lock().insert(number, place.clone());
        place
    }

    /// Ends the connection that was not answered for the longest time; whether there is one.
    fn make_room(&self) -> bool {
        let answered = |place: &Place| place.answered_ms.load(Ordering::Relaxed);
        let staying = |place: &&Arc<Place>| !place.gives_way.load(Ordering::Relaxed);
        let taken = self.lock();
        let Some(place) = taken.values().filter(staying).min_by_key(|place| answered(place)) else {
            return false;
        };
        let silent_ms = self.now_ms().saturating_sub(answered(place));
        if u128::from(silent_ms) < ANSWERED_RECENTLY.as_millis() {
            return false;
        }
        place.gives_way.store(true, Ordering::Relaxed);
        place.reader.wake();
        true
    }
}

/// A listener with a limit on open connections.
pub struct LimitedListener {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    open: Arc<Gauge>,
    places: Arc<Places>,
    accepted: u64,
}

impl LimitedListener {
    /// At most `connections_max` at one time; `open` counts them.
    pub fn new(listener: TcpListener, connections_max: usize, open: Arc<Gauge>) -> Self {
        let places =
            Places { begin: Instant::now(), taken: Mutex::default(), unfinished: Arc::default() };
        Self {
            listener,
            permits: Arc::new(Semaphore::new(connections_max)),
            open,
            places: Arc::new(places),
            accepted: 0,
        }
    }

    /// A place for one more connection.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Some(permit);
        }
        if !self.places.make_room() {
            return None;
        }
        timeout(GIVE_WAY_TIME_MAX, self.permits.clone().acquire_owned()).await.ok()?.ok()
    }
}

impl Listener for LimitedListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Closing at once tells the caller more than a connection that nobody answers.
            let Some(permit) = self.permit().await else {
                tracing::debug!(%peer, "connection closed: rpc.connections_max reached");
                continue;
            };
            // Without it small answers wait for the peer's acknowledgement; an error only costs
            // that.
            let _ = stream.set_nodelay(true);
            self.open.inc();
            self.accepted += 1;
            let connection = Connection {
                stream,
                idle: Box::pin(sleep(IDLE_MAX)),
                unread: false,
                number: self.accepted,
                place: self.places.take(self.accepted),
                places: self.places.clone(),
                open: self.open.clone(),
                _permit: permit,
            };
            return (connection, peer);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// What it has sent of a message.
    pub unfinished: Arc<Unfinished>,
}

impl Connected<IncomingStream<'_, LimitedListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, LimitedListener>) -> Self {
        let unfinished = stream.io().place.unfinished.clone();
        Self { address: *stream.remote_addr(), unfinished }
    }
}

/// A connection that ends itself when idle, unread, or to give way.
pub struct Connection {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    /// Whether the peer has not yet taken what was written; `idle` then ends [`UNREAD_MAX`] after
    /// that began.
    unread: bool,
    number: u64,
    place: Arc<Place>,
    places: Arc<Places>,
    open: Arc<Gauge>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn used(&mut self) {
        if !self.unread {
            self.idle.as_mut().reset(Instant::now() + IDLE_MAX);
        }
    }

    /// What a write led to, with the time that the peer has to take it.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.unread = false;
            self.place.answered_ms.store(self.places.now_ms(), Ordering::Relaxed);
            self.used();
            return written;
        }
        if !self.unread {
            self.unread = true;
            self.idle.as_mut().reset(Instant::now() + UNREAD_MAX);
        }
        ready!(self.idle.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.places.lock().remove(&self.number);
        self.open.dec();
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.place.reader.register(context.waker());
        if self.place.gives_way.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(answer) => {
                self.used();
                let bytes = buffer.filled().len().saturating_sub(before);
                if !self.place.unfinished.read(bytes) {
                    return Poll::Ready(Err(io::Error::other(UNFINISHED_EXCEEDED)));
                }
                Poll::Ready(answer)
            }
            Poll::Pending => {
                ready!(self.idle.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
