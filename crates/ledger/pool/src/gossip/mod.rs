//! Spreading transactions between peers.
//!
//! A node pushes what was submitted to it to all its peers, in batches; of a large transaction it
//! announces hash and size. Every second it announces again what has been executable in its pool
//! for more than a second, so that losses heal and late joiners catch up; a transaction that is
//! known costs its receiver one look-up. A peer that does not know an announced hash asks the
//! announcer for the body, and another announcer if that one does not answer. What arrives goes
//! through the same admission as a local submission.
//!
//! ```text
//! A (submission)            B
//! │        Push [bytes]      │
//! ├────────────────────────▶│  up to a volume per peer and second: admission
//! │  Announce [(hash, size)] │
//! ├────────────────────────▶│  unknown hashes are noted, up to a bound per peer
//! │         Request [hash]   │
//! │◀────────────────────────┤  up to a number and a volume in flight per peer
//! │  Bodies [bytes] [missing]│
//! ├────────────────────────▶│  admission
//! ```
//!
//! Bytes that do not decode block the peer: an honest node holds only what decodes. Transactions
//! refused for any other reason are merely dropped, since peers may be a block apart; but each cost
//! the recovery of a signer, so a peer of which very many are refused is not listened to for some
//! seconds.

mod actor;
mod manners;
mod message;
mod requests;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use actor::{Gossip, GossipConfig};
pub use message::{Announcement, GossipMessage};
use types::limits::{PEERS_MAX, TRANSACTION_BYTES_MAX};

/// Hashes in one announcement or request.
pub const HASHES_MAX: usize = 4_096;
/// Transactions in one message of bodies.
pub const BODIES_MAX: usize = 4_096;
/// Encoded message by default, bytes.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Least value of [`GossipConfig::message_bytes_max`], bytes: the largest transaction fits with
/// the message's own fields.
pub const MESSAGE_BYTES_MIN: usize = TRANSACTION_BYTES_MAX + 64;
/// Least time between two announcements of new transactions.
pub const FLUSH_INTERVAL: Duration = Duration::from_millis(10);
/// Time after which a transaction that is not final is announced again.
pub const REPEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Transactions announced again at a time.
pub const REPEAT_HASHES_MAX: usize = 8_192;
/// Time that a peer has to send a body before another announcer is asked.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);
/// Transactions asked of one peer and not yet answered.
pub const IN_FLIGHT_MAX: usize = 1_024;
/// Announced size of what one peer is asked for and did not yet answer, bytes.
pub const IN_FLIGHT_BYTES_MAX: usize = 1024 * 1024;
/// Hashes announced by one peer that wait to be asked for; further ones are ignored until they are
/// announced again.
pub const ANNOUNCED_PER_PEER_MAX: usize = 8_192;
/// Hashes that are wanted from all peers together: enough that no peer can use up another's part.
pub const WANTED_MAX: usize = PEERS_MAX * (ANNOUNCED_PER_PEER_MAX + IN_FLIGHT_MAX);
/// Further announcers of a wanted hash that are remembered.
pub const ANNOUNCERS_MAX: usize = 4;
/// Bytes of bodies sent in answer to one request; what exceeds them is left to a later request.
pub const RESPONSE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Transactions up to this size are pushed, larger ones announced, bytes.
pub const PUSHED_TRANSACTION_BYTES_MAX: usize = 4 * 1024;
/// Bytes of messages with pushed bodies taken from one peer between two repetitions; what exceeds
/// them is dropped, and comes when it is announced.
pub const PUSHED_BYTES_PER_PEER_MAX: usize = 16 * 1024 * 1024;
/// Transactions pushed by one peer that are looked at between two repetitions: each costs the
/// recovery of a signer.
pub const PUSHED_PER_PEER_MAX: usize = 8_192;
/// Transactions in one push.
pub const PUSH_MAX: usize = 1_024;
/// Transactions of one peer in admission at one time beyond which its pushes are dropped: so many
/// signers are recovered before it is known what they are worth.
pub const ADMITTING_PER_PEER_MAX: usize = 2_048;
/// Bytes of bodies sent to one peer between two repetitions; further requests of it go unanswered.
pub const SERVED_BYTES_PER_PEER_MAX: usize = 32 * 1024 * 1024;
/// Hashes of one peer's announcements, and of its requests, that are looked up between two
/// repetitions; further ones are ignored until they are sent again.
pub const HASHES_PER_PEER_MAX: usize = 65_536;
/// Transactions that a peer may send without having been asked for them; they are dropped unread,
/// and beyond it the peer is blocked. An honest peer sends none.
pub const UNASKED_MAX: usize = 2 * BODIES_MAX;
/// Transactions of one peer that may be refused between two repetitions: an honest peer sends what
/// it admitted itself, and is at most some blocks apart. Beyond it the peer is not listened to.
pub const REFUSED_PER_PEER_MAX: usize = 2_048;
/// Repetitions for which such a peer's announcements and pushes are ignored.
pub const DISTRUST_REPEATS: u32 = 5;
/// Refused transactions that are remembered, so that they are not fetched again at once.
pub const REFUSED_MAX: usize = 32_768;
/// Repetitions after which refused transactions may be fetched again: up to twice as many.
pub const REFUSED_REPEATS: u32 = 5;
/// Batches of bodies in admission at one time; meanwhile further messages wait in the network's
/// bounded queue.
pub const ADMISSIONS_MAX: usize = 16;
