//! Strangers at the p2p port.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use eyre::Result;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use super::{VICTIM, phases::Phases};

/// Connections at one time.
const STRANGERS: usize = 1_000;
/// Longest wait for a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(1);
/// Bytes of garbage that each sends.
const GARBAGE_BYTES: usize = 65_536;

/// All of them.
///
/// # Errors
/// An attack could not be carried out.
pub async fn attacks(phases: &mut Phases<'_>) -> Result<()> {
    let port = phases.network.p2p_port(VICTIM);
    let mut random = load::random::Random::new(11);
    let garbage: Arc<[u8]> = (0..GARBAGE_BYTES).map(|_| random.below(256) as u8).collect();
    let name = "1,000 strangers with garbage at the p2p port";
    phases.alternate(name, |time| strangers(port, time, garbage.clone())).await?;
    // The length of a first message, and then nothing.
    let half: Arc<[u8]> = garbage[..7].into();
    let name = "1,000 half handshakes at the p2p port";
    phases.alternate(name, |time| strangers(port, time, half.clone())).await
}

/// Each from an address of its own, as far as the loopback network has them: the node bounds
/// handshakes by address, and honest peers must not be in the same bound.
async fn strangers(port: u16, time: Duration, bytes: Arc<[u8]>) -> Result<String> {
    let end = Instant::now() + time;
    let mut held = Vec::new();
    let mut refused = 0;
    for number in 0..STRANGERS {
        match timeout(CONNECT_TIME_MAX, stranger(number, port)).await {
            Ok(Ok(mut stream)) => {
                // The node closes whenever it has seen enough.
                let _ = timeout(Duration::from_millis(20), stream.write_all(&bytes)).await;
                held.push(stream);
            }
            _ => refused += 1,
        }
        if Instant::now() > end {
            break;
        }
    }
    sleep(end.saturating_duration_since(Instant::now())).await;
    let cut = held.iter().filter(|stream| stream.try_write(b"x").is_err()).count();
    Ok(format!("{} connected, {refused} refused, {cut} cut off within {time:?}", held.len()))
}

async fn stranger(number: usize, port: u16) -> Result<TcpStream> {
    let [.., high, low] = u32::try_from(number)?.to_be_bytes();
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 66, high, low.max(1)], 0).into())?;
    Ok(socket.connect(([127, 0, 0, 1], port).into()).await?)
}
