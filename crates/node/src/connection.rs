//! Accepting connections: never more than configured, none that stays silent for ever.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::serve::Listener;
use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep},
};

/// A connection on which nothing was read or written this long is closed, seconds. WebSocket
/// connections are kept alive by pings.
const IDLE_MAX: Duration = Duration::from_secs(300);
/// Pause after the system refused to accept (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener with a limit on open connections.
pub struct LimitedListener {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    open: Arc<Gauge>,
}

impl LimitedListener {
    /// At most `connections_max` at one time; `open` counts them.
    pub fn new(listener: TcpListener, connections_max: usize, open: Arc<Gauge>) -> Self {
        Self { listener, permits: Arc::new(Semaphore::new(connections_max)), open }
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
            let Ok(permit) = self.permits.clone().try_acquire_owned() else {
                tracing::debug!(%peer, "connection closed: rpc.connections_max reached");
                continue;
            };
            // Without it small answers wait for the peer's acknowledgement; an error only costs
            // that.
            let _ = stream.set_nodelay(true);
            self.open.inc();
            let idle = Box::pin(sleep(IDLE_MAX));
            return (Connection { stream, idle, open: self.open.clone(), _permit: permit }, peer);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends itself when idle.
pub struct Connection {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    open: Arc<Gauge>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn used(&mut self) {
        self.idle.as_mut().reset(Instant::now() + IDLE_MAX);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.dec();
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(answer) => {
                self.used();
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
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.used();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices));
        self.used();
        Poll::Ready(written)
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
