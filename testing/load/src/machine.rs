//! What this machine can do at most, one core at a time: the yardstick beside the figures. Two runs on
//! machines of different speed compare by their ratio to it.

use std::{
    fs::OpenOptions,
    hint::black_box,
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, Instant},
};

use alloy_consensus::crypto::secp256k1::recover_signer;
use alloy_primitives::{Signature, U256, keccak256};
use ed25519_dalek::{Signer, SigningKey};
use eyre::{Result, eyre};
use k256::sha2::{Digest, Sha256};
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::rpc::Node;

/// Message whose hashes are timed: about the size of a signed ERC-20 transfer (bytes).
const MESSAGE_BYTES: usize = 200;
const COPY_BYTES: usize = 64 * 1024 * 1024;
const PAGE_BYTES: usize = 4_096;
/// Between two looks at the clock, which costs something too.
const REPETITIONS: u32 = 8;
const REQUEST_BYTES_MAX: usize = 4_096;

/// Time of one operation on one core (µs), memory in GB/s.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Recovery of a secp256k1 signer, with the C library that the nodes use.
    pub recover_us: f64,
    /// keccak256 of 200 bytes.
    pub keccak_us: f64,
    /// SHA-256 of 200 bytes.
    pub sha256_us: f64,
    /// Strict check of an Ed25519 signature of 32 bytes.
    pub ed25519_verify_us: f64,
    /// 4 KiB written at the end of a file and made durable.
    pub fsync_us: f64,
    /// The slowest of 100 of those that were timed.
    pub fsync_p99_us: f64,
    /// Copy of 64 MiB (GB/s read; as much is written).
    pub memory_copy_gb_s: f64,
    /// A JSON-RPC call to a server of this process over the loopback interface.
    pub http_round_trip_us: f64,
}

/// Measures everything, each for about `each`; `folder` lies on the volume of the nodes' data.
///
/// # Errors
/// The volume is not writable, or the loopback interface does not work.
pub async fn measure(folder: &Path, each: Duration) -> Result<Machine> {
    let (fsync_us, fsync_p99_us) = fsync(folder, each)?;
    let http_round_trip_us = round_trip(each).await?;
    let message = [7; MESSAGE_BYTES];
    Ok(Machine {
        recover_us: recover_us(each)?,
        keccak_us: time(each, || {
            black_box(keccak256(black_box(&message)));
        }),
        sha256_us: time(each, || {
            black_box(Sha256::digest(black_box(&message)));
        }),
        ed25519_verify_us: ed25519_us(each)?,
        fsync_us,
        fsync_p99_us,
        memory_copy_gb_s: copy_gb_s(each),
        http_round_trip_us,
    })
}

/// Recovery of a signer on one core (µs): the quickest of the yardsticks, taken around each phase.
///
/// # Errors
/// Never in practice: the signature is a good one.
pub fn recover_us(each: Duration) -> Result<f64> {
    let hash = keccak256("heqi load");
    let key = k256::ecdsa::SigningKey::from_slice(keccak256("a key for timing").as_slice())?;
    let (signature, parity) = key.sign_prehash_recoverable(hash.as_slice())?;
    let (r, s) = signature.split_bytes();
    let signature =
        Signature::new(U256::from_be_slice(&r), U256::from_be_slice(&s), parity.is_y_odd());
    recover_signer(&signature, hash).map_err(|error| eyre!("{error}"))?;
    Ok(time(each, || {
        black_box(recover_signer(black_box(&signature), black_box(hash)).ok());
    }))
}

fn ed25519_us(each: Duration) -> Result<f64> {
    let key = SigningKey::from_bytes(&keccak256("a key for timing").0);
    let message = keccak256("heqi load");
    let signature = key.sign(message.as_slice());
    let public = key.verifying_key();
    public.verify_strict(message.as_slice(), &signature)?;
    Ok(time(each, || {
        black_box(public.verify_strict(black_box(message.as_slice()), &signature).is_ok());
    }))
}

fn copy_gb_s(each: Duration) -> f64 {
    let from = vec![1_u8; COPY_BYTES];
    let mut to = vec![0_u8; COPY_BYTES];
    let us = time(each, || black_box(&mut to).copy_from_slice(black_box(&from)));
    COPY_BYTES as f64 / us / 1_000.0
}

/// Mean time of `work` (µs), over at least one and about as many as fit.
fn time(each: Duration, mut work: impl FnMut()) -> f64 {
    work();
    let start = Instant::now();
    let mut count = 0;
    loop {
        for _ in 0..REPETITIONS {
            work();
        }
        count += REPETITIONS;
        let elapsed = start.elapsed();
        if elapsed >= each {
            return elapsed.as_secs_f64() * 1e6 / f64::from(count);
        }
    }
}

fn fsync(folder: &Path, each: Duration) -> Result<(f64, f64)> {
    let path = folder.join("fsync-probe");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    let page = [5; PAGE_BYTES];
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < each || times.is_empty() {
        let one = Instant::now();
        file.seek(SeekFrom::End(0))?;
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(one.elapsed().as_secs_f64() * 1e6);
    }
    std::fs::remove_file(&path)?;
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    times.sort_by(f64::total_cmp);
    let rank = (times.len() * 99).div_ceil(100).max(1) - 1;
    Ok((mean, times[rank]))
}

async fn round_trip(each: Duration) -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(async move {
        let Ok((mut stream, _)) = listener.accept().await else { return };
        let mut request = vec![0; REQUEST_BYTES_MAX];
        let body = r#"{"jsonrpc":"2.0","id":1,"result":"0x1"}"#;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        // one request is one write of a few hundred bytes: it arrives in one piece
        while stream.read(&mut request).await.is_ok_and(|length| length > 0) {
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    let mut node = Node::new(&url)?;
    node.chain_id().await?;
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < each || count == 0 {
        node.chain_id().await?;
        count += 1;
    }
    let us = start.elapsed().as_secs_f64() * 1e6 / f64::from(count);
    server.abort();
    Ok(us)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::{measure, time};

    #[tokio::test]
    async fn everything_takes_some_time() {
        let folder = tempfile::tempdir().unwrap();
        let found = measure(folder.path(), Duration::from_millis(5)).await.unwrap();
        let times = [
            found.recover_us,
            found.keccak_us,
            found.sha256_us,
            found.ed25519_verify_us,
            found.fsync_us,
            found.http_round_trip_us,
        ];
        assert!(times.iter().all(|us| *us > 0.0 && us.is_finite()), "{found:?}");
        assert!(found.memory_copy_gb_s > 0.0 && found.fsync_p99_us >= found.fsync_us / 2.0);
        assert!(found.recover_us > found.keccak_us);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_mean_is_of_all_repetitions() {
        let us = time(Duration::from_millis(20), || std::thread::sleep(Duration::from_millis(2)));
        assert!(us >= 2_000.0, "{us}");
    }
}
