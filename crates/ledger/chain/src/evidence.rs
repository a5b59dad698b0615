//! Evidence against validators that signed two conflicting votes. It is bounded: nobody can fill a
//! disk by signing.

use alloy_primitives::{B256, Bytes};
use types::{Evidence, SignedVote, VOTE_MESSAGE_BYTES_MAX, ValidatorKey, VoteKind};

use crate::{ChainError, ChainStore, encoding::Reason};

/// Entries kept for one validator. The first ones are kept: one is proof enough.
pub const EVIDENCE_PER_VALIDATOR_MAX: usize = 64;
/// Entries kept in all.
pub const EVIDENCE_MAX: usize = 4_096;

const VERSION: u8 = 1;
/// Kind, parent view, block hash, signature, length of the message.
const VOTE_HEAD_BYTES: usize = 1 + 8 + 32 + 64 + 2;

impl ChainStore {
    /// Keeps evidence, durable when this returns. False where the same validator, epoch, view and
    /// kinds of votes are known already or a limit is reached: [`EVIDENCE_PER_VALIDATOR_MAX`],
    /// [`EVIDENCE_MAX`].
    ///
    /// # Errors
    /// Failures of the disk.
    pub fn put_evidence(&self, evidence: &Evidence) -> Result<bool, ChainError> {
        let table = &self.tables.evidence;
        let key = key_of(evidence);
        let too_long =
            evidence.votes.iter().any(|vote| vote.message.len() > VOTE_MESSAGE_BYTES_MAX);
        if too_long || table.contains_key(key)? {
            return Ok(false);
        }
        let of_validator = table.prefix(evidence.validator.0).take(EVIDENCE_PER_VALIDATOR_MAX);
        if of_validator.count() == EVIDENCE_PER_VALIDATOR_MAX
            || table.iter().take(EVIDENCE_MAX).count() == EVIDENCE_MAX
        {
            return Ok(false);
        }
        table.insert(key, encode(evidence))?;
        self.persist()?;
        Ok(true)
    }

    /// Evidence in the order of validators, epochs and views, at most `limit` entries.
    ///
    /// # Errors
    /// An entry is damaged; failures of the disk.
    pub fn evidence(&self, limit: usize) -> Result<Vec<Evidence>, ChainError> {
        let mut found = Vec::new();
        for entry in self.tables.evidence.iter().take(limit.min(EVIDENCE_MAX)) {
            let (key, value) = entry.into_inner()?;
            found.push(decode(&key, &value).map_err(|reason| ChainError::Damaged {
                what: "evidence",
                place: alloy_primitives::hex::encode(&key),
                reason,
            })?);
        }
        Ok(found)
    }

    /// Height of the newest certificate in the store.
    ///
    /// # Errors
    /// Failures of the disk.
    pub fn certificate_head(&self) -> Result<Option<u64>, ChainError> {
        let Some(entry) = self.tables.certificates.last_key_value() else { return Ok(None) };
        let key = entry.key()?;
        let height = crate::encoding::height_suffix(&key);
        height.map(Some).map_err(|reason| ChainError::Damaged {
            what: "certificate",
            place: alloy_primitives::hex::encode(&key),
            reason,
        })
    }
}

/// Validator (32), epoch (8), view (8), kinds of both votes (1 each).
fn key_of(evidence: &Evidence) -> [u8; 50] {
    let mut key = [0; 50];
    key[..32].copy_from_slice(&evidence.validator.0);
    key[32..40].copy_from_slice(&evidence.epoch.to_be_bytes());
    key[40..48].copy_from_slice(&evidence.view.to_be_bytes());
    key[48] = code_of(evidence.votes[0].kind);
    key[49] = code_of(evidence.votes[1].kind);
    key
}

const fn code_of(kind: VoteKind) -> u8 {
    match kind {
        VoteKind::Notarize => 0,
        VoteKind::Nullify => 1,
        VoteKind::Finalize => 2,
    }
}

fn kind_of(code: u8) -> Result<VoteKind, Reason> {
    match code {
        0 => Ok(VoteKind::Notarize),
        1 => Ok(VoteKind::Nullify),
        2 => Ok(VoteKind::Finalize),
        other => Err(format!("kind of vote {other}")),
    }
}

fn encode(evidence: &Evidence) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&evidence.seen_ms.to_be_bytes());
    for vote in &evidence.votes {
        out.push(code_of(vote.kind));
        out.extend_from_slice(&vote.parent_view.to_be_bytes());
        out.extend_from_slice(vote.block_hash.unwrap_or_default().as_slice());
        out.extend_from_slice(&vote.signature);
        let length = u16::try_from(vote.message.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&vote.message);
    }
    out
}

fn decode(key: &[u8], value: &[u8]) -> Result<Evidence, Reason> {
    let key = <[u8; 50]>::try_from(key).map_err(|_| format!("key of {} bytes", key.len()))?;
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut validator = [0; 32];
    validator.copy_from_slice(&key[..32]);
    let mut rest = value;
    let head = take(&mut rest, 9)?;
    if head[0] != VERSION {
        return Err(format!("version {}", head[0]));
    }
    let votes = [decode_vote(&mut rest)?, decode_vote(&mut rest)?];
    if !rest.is_empty() {
        return Err(format!("{} bytes too many", rest.len()));
    }
    Ok(Evidence {
        validator: ValidatorKey(validator),
        epoch: number(&key[32..40]),
        view: number(&key[40..48]),
        seen_ms: number(&head[1..]),
        votes,
    })
}

fn decode_vote(rest: &mut &[u8]) -> Result<SignedVote, Reason> {
    let head = take(rest, VOTE_HEAD_BYTES)?;
    let kind = kind_of(head[0])?;
    let mut signature = [0; 64];
    signature.copy_from_slice(&head[41..105]);
    let length = usize::from(head[105]) << 8 | usize::from(head[106]);
    let message = take(rest, length)?;
    Ok(SignedVote {
        kind,
        block_hash: (kind != VoteKind::Nullify).then(|| B256::from_slice(&head[9..41])),
        parent_view: head[1..9].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        message: Bytes::copy_from_slice(message),
        signature,
    })
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Reason> {
    let (taken, left) = rest
        .split_at_checked(count)
        .ok_or_else(|| format!("{} bytes left, {count} expected", rest.len()))?;
    *rest = left;
    Ok(taken)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ChainOptions;

    fn vote(kind: VoteKind, number: u8) -> SignedVote {
        SignedVote {
            kind,
            block_hash: (kind != VoteKind::Nullify).then(|| B256::repeat_byte(number)),
            parent_view: if kind == VoteKind::Nullify { 0 } else { 7 },
            message: Bytes::copy_from_slice(&[number; 90]),
            signature: [number; 64],
        }
    }

    fn evidence(validator: u8, view: u64) -> Evidence {
        Evidence {
            validator: ValidatorKey([validator; 32]),
            epoch: 3,
            view,
            seen_ms: 1_700_000_000_000,
            votes: [vote(VoteKind::Nullify, 1), vote(VoteKind::Finalize, 2)],
        }
    }

    #[test]
    fn evidence_outlives_the_store_and_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let open = || ChainStore::open(folder.path(), ChainOptions::default()).unwrap();
        let store = open();
        assert!(store.put_evidence(&evidence(1, 9)).unwrap());
        let later = Evidence { seen_ms: 5, ..evidence(1, 9) };
        assert!(!store.put_evidence(&later).unwrap(), "the same view again");
        drop(store);
        assert_eq!(open().evidence(10).unwrap(), [evidence(1, 9)]);
    }

    #[test]
    fn one_validator_cannot_crowd_out_another() {
        let folder = tempfile::tempdir().unwrap();
        let store = ChainStore::open(folder.path(), ChainOptions::default()).unwrap();
        let kept = (0..70).filter(|view| store.put_evidence(&evidence(1, *view)).unwrap()).count();
        assert_eq!(kept, EVIDENCE_PER_VALIDATOR_MAX);
        assert!(store.put_evidence(&evidence(2, 1)).unwrap());
        assert_eq!(store.evidence(EVIDENCE_MAX).unwrap().len(), EVIDENCE_PER_VALIDATOR_MAX + 1);
        let mut long = evidence(3, 1);
        long.votes[0].message = vec![0; VOTE_MESSAGE_BYTES_MAX + 1].into();
        assert!(!store.put_evidence(&long).unwrap());
    }

    #[test]
    fn damaged_entries_are_refused() {
        let whole = encode(&evidence(1, 9));
        let key = key_of(&evidence(1, 9));
        assert_eq!(decode(&key, &whole).unwrap(), evidence(1, 9));
        for length in 0..whole.len() {
            assert!(decode(&key, &whole[..length]).is_err(), "{length}");
        }
        assert!(decode(&key, &[&whole[..], &[0]].concat()).is_err());
        assert!(decode(&key[1..], &whole).is_err());
    }
}
