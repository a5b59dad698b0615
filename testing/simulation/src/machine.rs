//! One machine: the deterministic runtime as a single node sees it, with a clock, a disk and a life
//! of its own.
//!
//! The runtime's own storage faults strike every node alike. A fault that is to hit at most f of n
//! nodes must know whose disk it is, so each node runs on a [`Host`]: its clock may be wrong, its
//! disk (of the network's [`Files`]) may be slow or fail at a chosen operation, and a panic in any
//! of its tasks ends this node, as it ends a process, and no other.

mod disk;
mod files;
mod refusals;

use std::{
    any::Any,
    convert::Infallible,
    future::Future,
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use commonware_parallel::Rayon;
use commonware_runtime::{
    BlobVersion, Clock, Error, Handle, ListenerOf, Metrics, Name, Network, Resolver, SinkOf,
    Spawner, Storage, Strategizer, StreamOf, Supervisor, deterministic,
    signal::Signal,
    telemetry::metrics::{Metric, Registered},
};
use futures::FutureExt as _;
use governor::clock::{Clock as GovernorClock, ReasonablyRealtime};
use rand_core::{TryCryptoRng, TryRng};

use self::refusals::OfNode;
pub(crate) use self::refusals::{listen as listen_to_refusals, take as take_refusals};
pub use self::{
    disk::{DiskBlob, DiskOperation},
    files::Files,
    refusals::{Refusal, layer as refusal_layer},
};

/// What is wrong with one machine in one life of its node. Cloning shares it.
#[derive(Clone, Default)]
pub struct Machine(Arc<Inner>);

#[derive(Default)]
struct Inner {
    clock_offset_ms: AtomicI64,
    skewed_readings: AtomicU64,
    sync_delay_ms: AtomicU64,
    delayed_syncs: AtomicU64,
    failing: Mutex<Option<disk::Failing>>,
    disk_failures: AtomicU64,
    dead: AtomicBool,
    panic: Mutex<Option<String>>,
}

impl Machine {
    /// Moves the clock: positive is ahead of everybody else, milliseconds.
    pub fn set_clock_offset_ms(&self, offset_ms: i64) {
        self.0.clock_offset_ms.store(offset_ms, Ordering::SeqCst);
    }

    /// Readings of the clock while it was wrong.
    pub fn skewed_readings(&self) -> u64 {
        self.0.skewed_readings.load(Ordering::SeqCst)
    }

    /// Makes every sync of the disk take so much longer, milliseconds.
    pub fn set_sync_delay_ms(&self, delay_ms: u64) {
        self.0.sync_delay_ms.store(delay_ms, Ordering::SeqCst);
    }

    /// Syncs that took longer.
    pub fn delayed_syncs(&self) -> u64 {
        self.0.delayed_syncs.load(Ordering::SeqCst)
    }

    /// Makes the disk fail at the `after`-th operation of a kind from now, once.
    pub fn fail_disk(&self, operation: DiskOperation, after: u64) {
        *self.0.failing.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(disk::Failing { operation, after });
    }

    /// Takes back a failure that did not come.
    pub fn spare_disk(&self) {
        *self.0.failing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Disk operations that failed.
    pub fn disk_failures(&self) -> u64 {
        self.0.disk_failures.load(Ordering::SeqCst)
    }

    /// Why the node of this machine died, if it did so by itself.
    pub fn panic(&self) -> Option<String> {
        self.0.panic.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn died(&self, reason: &(dyn Any + Send)) {
        let text = reason
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| reason.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        self.0.dead.store(true, Ordering::SeqCst);
        self.0
            .panic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| text.unwrap_or_else(|| "a panic without words".into()));
    }

    fn is_dead(&self) -> bool {
        self.0.dead.load(Ordering::SeqCst)
    }

    fn offset_ms(&self) -> i64 {
        self.0.clock_offset_ms.load(Ordering::SeqCst)
    }
}

/// The runtime of one node.
pub struct Host {
    inner: deterministic::Context,
    files: Files,
    machine: Machine,
    node: u64,
}

impl Host {
    /// `inner` on `machine`, for the node with this number.
    pub const fn new(
        inner: deterministic::Context,
        files: Files,
        machine: Machine,
        node: u64,
    ) -> Self {
        Self { inner, files, machine, node }
    }
}

/// `time` as a clock shows it that is `offset_ms` ahead.
fn shifted(time: SystemTime, offset_ms: i64) -> SystemTime {
    let offset = Duration::from_millis(offset_ms.unsigned_abs());
    let moved = if offset_ms < 0 { time.checked_sub(offset) } else { time.checked_add(offset) };
    moved.unwrap_or(time).max(SystemTime::UNIX_EPOCH)
}

impl Supervisor for Host {
    fn name(&self) -> Name {
        self.inner.name()
    }

    fn child(&self, label: &'static str) -> Self {
        let Self { inner, files, machine, node } = self;
        Self {
            inner: inner.child(label),
            files: files.clone(),
            machine: machine.clone(),
            node: *node,
        }
    }

    fn with_attribute(self, key: &'static str, value: impl std::fmt::Display) -> Self {
        Self { inner: self.inner.with_attribute(key, value), ..self }
    }
}

impl Spawner for Host {
    fn shared(self, blocking: bool) -> Self {
        Self { inner: self.inner.shared(blocking), ..self }
    }

    fn dedicated(self) -> Self {
        Self { inner: self.inner.dedicated(), ..self }
    }

    fn spawn<F, Fut, T>(self, f: F) -> Handle<T>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let Self { files, machine, node, .. } = self;
        self.inner.spawn(move |inner| {
            // Boxed, because some of these are large and every layer around them moves them.
            let work = Box::pin(f(Self { inner, files, machine: machine.clone(), node }));
            async move {
                match AssertUnwindSafe(OfNode { node, work }).catch_unwind().await {
                    Ok(value) => value,
                    Err(reason) => {
                        machine.died(reason.as_ref());
                        resume_unwind(reason)
                    }
                }
            }
        })
    }

    async fn stop(self, value: i32, timeout: Option<Duration>) -> Result<(), Error> {
        self.inner.stop(value, timeout).await
    }

    fn stopped(&self) -> Signal {
        self.inner.stopped()
    }
}

impl Clock for Host {
    fn current(&self) -> SystemTime {
        let offset_ms = self.machine.offset_ms();
        if offset_ms != 0 {
            self.machine.0.skewed_readings.fetch_add(1, Ordering::SeqCst);
        }
        shifted(self.inner.current(), offset_ms)
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.inner.sleep(duration)
    }

    fn sleep_until(
        &self,
        deadline: SystemTime,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.inner.sleep_until(shifted(deadline, self.machine.offset_ms().saturating_neg()))
    }
}

impl GovernorClock for Host {
    type Instant = SystemTime;

    fn now(&self) -> SystemTime {
        self.inner.current()
    }
}

impl ReasonablyRealtime for Host {}

impl Metrics for Host {
    fn register<N: Into<String>, H: Into<String>, M: Metric>(
        &self,
        name: N,
        help: H,
        metric: M,
    ) -> Registered<M> {
        self.inner.register(name, help, metric)
    }

    fn encode(&self) -> String {
        self.inner.encode()
    }
}

impl TryRng for Host {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.inner.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.inner.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.inner.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for Host {}

impl Strategizer for Host {
    fn strategy(&self, parallelism: NonZeroUsize) -> Rayon {
        self.inner.strategy(parallelism)
    }
}

impl Network for Host {
    type Listener = ListenerOf<deterministic::Context>;

    async fn bind(&self, socket: SocketAddr) -> Result<Self::Listener, Error> {
        self.inner.bind(socket).await
    }

    async fn dial(&self, socket: SocketAddr) -> Result<(SinkOf<Self>, StreamOf<Self>), Error> {
        self.inner.dial(socket).await
    }
}

impl Resolver for Host {
    async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, Error> {
        self.inner.resolve(host).await
    }
}

impl Storage for Host {
    type Blob = DiskBlob;

    async fn open_versioned(
        &self,
        partition: &str,
        name: &[u8],
        versions: std::ops::RangeInclusive<BlobVersion>,
    ) -> Result<(DiskBlob, u64, BlobVersion), Error> {
        self.machine.before(DiskOperation::Open).await?;
        let (file, length, version) = self.files.open(partition, name, &versions)?;
        Ok((DiskBlob::new(file, self.inner.child("disk"), self.machine.clone()), length, version))
    }

    async fn remove(&self, partition: &str, name: Option<&[u8]>) -> Result<(), Error> {
        self.machine.before(DiskOperation::Other).await?;
        self.files.remove(partition, name)
    }

    async fn scan(&self, partition: &str) -> Result<Vec<Vec<u8>>, Error> {
        self.machine.before(DiskOperation::Other).await?;
        self.files.scan(partition)
    }
}
