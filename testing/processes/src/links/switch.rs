//! The switch between the nodes' network cables, in this process: it reads the Ethernet frames of
//! each cable, and delays, loses or keeps back what the present rules say. What it does to a frame
//! is what a bad link does; the nodes' kernels then do with their connections what they always do.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    fs::File,
    io::{Read, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use load::random::Random;

/// Frames under way at one time; further ones are lost, as in a real queue.
const FRAMES_MAX: usize = 50_000;
/// Longest frame that is read, bytes, with the header that the kernel puts before it.
const FRAME_BYTES_MAX: usize = 70_000;
/// Bytes of the header before a frame (`virtio_net_hdr`).
const KERNEL_HEADER_BYTES: usize = 10;
/// Loss is counted in so many parts.
const LOSS_PARTS: u64 = 1_000;

/// What all links are like.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// How long each frame takes, one way.
    pub delay: Duration,
    /// Of a thousand frames so many are lost.
    pub loss_per_mille: u64,
    /// Ports reach only those with the same number; all zero where empty.
    pub islands: Vec<u8>,
}

/// What happened to frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Lost by chance.
    pub lost: u64,
    /// Not handed on because the ports are apart.
    pub cut: u64,
}

/// Ordered by time, then by arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Frame {
    due: Instant,
    number: u64,
    port: usize,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct State {
    rules: Rules,
    under_way: BinaryHeap<Reverse<Frame>>,
    number: u64,
}

/// The running switch; its threads end when the cables are removed.
pub struct Switch {
    inner: Arc<Inner>,
}

struct Inner {
    ports: Vec<File>,
    state: Mutex<State>,
    more: Condvar,
    lost: AtomicU64,
    cut: AtomicU64,
}

impl Switch {
    /// Switches between these ports. Port `n` has the device address [`address`]`(n)`.
    pub fn start(ports: Vec<File>) -> Self {
        let inner = Arc::new(Inner {
            ports,
            state: Mutex::default(),
            more: Condvar::new(),
            lost: AtomicU64::new(0),
            cut: AtomicU64::new(0),
        });
        for port in 0..inner.ports.len() {
            let inner = inner.clone();
            thread::spawn(move || inner.receive(port));
        }
        let sending = inner.clone();
        thread::spawn(move || sending.send());
        Self { inner }
    }

    /// From now on links are like this. Frames under way arrive.
    pub fn set(&self, rules: Rules) {
        self.inner.lock().rules = rules;
    }

    /// What happened to frames so far.
    pub fn counts(&self) -> Counts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let inner = &self.inner;
        Counts { lost: of(&inner.lost), cut: of(&inner.cut) }
    }
}

/// Device address of a port.
pub fn address(port: usize) -> String {
    format!("02:48:51:00:00:{port:02x}")
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, port: usize) {
        let mut random = Random::new(0x11_4b5 + port as u64);
        let mut buffer = vec![0; FRAME_BYTES_MAX];
        loop {
            let length = match (&self.ports[port]).read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => length,
                // Without a cable there is nothing left to do.
                Err(_) => return,
            };
            if length >= KERNEL_HEADER_BYTES + 14 {
                self.take(port, &buffer[..length], &mut random);
            }
        }
    }

    fn take(&self, from: usize, bytes: &[u8], random: &mut Random) {
        let now = Instant::now();
        let destination = &bytes[KERNEL_HEADER_BYTES..KERNEL_HEADER_BYTES + 6];
        let everybody = destination[0] & 1 == 1;
        let mut state = self.lock();
        for port in 0..self.ports.len() {
            if port == from || !(everybody || usize::from(destination[5]) == port) {
                continue;
            }
            if state.rules.islands.get(from) != state.rules.islands.get(port) {
                self.cut.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let lost = random.below(LOSS_PARTS) < state.rules.loss_per_mille;
            if lost || state.under_way.len() >= FRAMES_MAX {
                self.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            state.number += 1;
            let (due, number) = (now + state.rules.delay, state.number);
            state.under_way.push(Reverse(Frame { due, number, port, bytes: bytes.to_vec() }));
        }
        drop(state);
        self.more.notify_one();
    }

    fn send(&self) {
        loop {
            let frame = self.next();
            if (&self.ports[frame.port]).write(&frame.bytes).is_err() {
                // The kernel's own queue is full, or the cable is gone.
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn next(&self) -> Frame {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let wait = match state.under_way.peek_mut() {
                Some(first) if first.0.due <= now => return PeekMut::pop(first).0,
                Some(first) => first.0.due - now,
                None => Duration::from_secs(1),
            };
            let waited = self.more.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
