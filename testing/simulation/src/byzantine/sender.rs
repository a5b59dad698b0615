//! The sending end of a channel, where a liar's messages are counted or changed.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use commonware_actor::{Feedback, Unreliable};
use commonware_p2p::{CheckedSender, LimitedSender, Recipients, utils::mux};
use commonware_runtime::IoBufs;
use consensus::PublicKey;

use super::Forger;
use crate::wires::PlainSender;

/// The second half of an Ed25519 signature, least significant byte first.
const SCALAR_BYTES: usize = 32;

/// What happens to a message on its way out.
#[derive(Clone)]
pub enum Tamper {
    /// Nothing: an honest node.
    Nothing,
    /// It is counted: a mock's.
    Count(Arc<AtomicU64>),
    /// Blocks are forged.
    Blocks(Arc<Forger>),
    /// Votes for blocks that were forged are held back.
    Votes(Arc<Forger>),
    /// The signatures of votes are spoiled.
    Signatures,
}

/// The sending end of a channel.
#[derive(Clone)]
pub struct TamperedSender {
    inner: PlainSender,
    tamper: Tamper,
}

impl TamperedSender {
    /// `inner` with `tamper` on the way.
    pub const fn new(inner: PlainSender, tamper: Tamper) -> Self {
        Self { inner, tamper }
    }
}

impl fmt::Debug for TamperedSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TamperedSender").finish_non_exhaustive()
    }
}

impl LimitedSender for TamperedSender {
    type PublicKey = PublicKey;
    type Checked<'a> = TamperedChecked<'a>;

    fn check(
        &mut self,
        recipients: Recipients<PublicKey>,
    ) -> Result<TamperedChecked<'_>, SystemTime> {
        let inner = self.inner.check(recipients)?;
        Ok(TamperedChecked { inner, tamper: &self.tamper })
    }
}

/// A message about to leave.
pub struct TamperedChecked<'a> {
    inner: <PlainSender as LimitedSender>::Checked<'a>,
    tamper: &'a Tamper,
}

impl CheckedSender for TamperedChecked<'_> {
    type PublicKey = PublicKey;

    fn recipients(&self) -> Vec<PublicKey> {
        self.inner.recipients()
    }

    fn send(self, message: impl Into<IoBufs> + Send, priority: bool) -> Unreliable<Feedback> {
        match self.tamper {
            Tamper::Nothing => self.inner.send(message, priority),
            Tamper::Count(count) => {
                count.fetch_add(1, Ordering::SeqCst);
                self.inner.send(message, priority)
            }
            Tamper::Blocks(forger) => {
                let bytes = message.into().coalesce();
                match forger.forge(bytes.as_ref()) {
                    Some(forged) => self.inner.send(forged, priority),
                    None => self.inner.send(bytes, priority),
                }
            }
            Tamper::Votes(forger) => {
                let bytes = message.into().coalesce();
                if forger.holds_back(bytes.as_ref()) {
                    return Unreliable::new(Feedback::Ok);
                }
                self.inner.send(bytes, priority)
            }
            Tamper::Signatures => {
                let bytes = message.into().coalesce();
                self.inner.send(spoiled(bytes.as_ref()), priority)
            }
        }
    }
}

/// A vote ends in its signature. One bit of the scalar changes: it stays a signature in form.
fn spoiled(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let is_of_an_epoch = mux::parse(message.clone().into()).is_ok();
    let scalar = message.len().checked_sub(SCALAR_BYTES);
    if let Some(byte) = scalar.filter(|_| is_of_an_epoch).and_then(|at| message.get_mut(at)) {
        *byte ^= 1;
    }
    message
}
