//! Subscribers that never read, and messages that never end.

use std::time::{Duration, Instant};

use eyre::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use super::{VICTIM, phases::Phases};

/// Connections, each with all kinds of subscriptions.
const SUBSCRIBERS: usize = 100;
/// What the system keeps for a subscriber that does not read, bytes: as little as it allows, so
/// that the node notices soon.
const RECEIVE_BUFFER_BYTES: u32 = 2_304;
/// Connections with a message each that never ends.
const UNFINISHED_MESSAGES: usize = 400;
/// Length that such a message has by its head, bytes.
const ANNOUNCED_BYTES: u64 = 7 << 20;
/// What is sent of it, MiB.
const SENT_MIB: usize = 6;
/// Longest wait for the answer to the upgrade, and for a mebibyte to be taken.
const UPGRADE_TIME_MAX: Duration = Duration::from_secs(2);

/// All of them.
///
/// # Errors
/// An attack could not be carried out.
pub async fn attacks(phases: &mut Phases<'_>) -> Result<()> {
    let port = phases.network.rpc_port(VICTIM);
    let name = "100 subscribers that never read";
    phases.alternate(name, |time| subscribe(port, time)).await?;
    let name = "400 messages of 6 MiB that never end";
    phases.alternate(name, |time| unfinished(port, time)).await
}

/// The most of a message, and never its end.
async fn unfinished(port: u16, time: Duration) -> Result<String> {
    let end = Instant::now() + time;
    let (mut held, mut sent) = (Vec::new(), 0);
    // Binary, final, masked with zeros, 8 bytes of length (RFC 6455 section 5.2).
    let mut head = vec![0x82, 0x80 | 127];
    head.extend_from_slice(&ANNOUNCED_BYTES.to_be_bytes());
    head.extend_from_slice(&[0; 4]);
    let part = vec![b' '; 1 << 20];
    for _ in 0..UNFINISHED_MESSAGES {
        let Ok(mut stream) = upgraded(port).await else { continue };
        let mut write = timeout(UPGRADE_TIME_MAX, stream.write_all(&head)).await;
        for _ in 0..SENT_MIB {
            if !matches!(write, Ok(Ok(()))) {
                break;
            }
            write = timeout(UPGRADE_TIME_MAX, stream.write_all(&part)).await;
            sent += u64::from(matches!(write, Ok(Ok(()))));
        }
        held.push(stream);
    }
    sleep(end.saturating_duration_since(Instant::now())).await;
    let cut = held.iter().filter(|stream| is_cut(stream)).count();
    Ok(format!("{} connections, {sent} MiB sent, {cut} cut off", held.len()))
}

async fn subscribe(port: u16, time: Duration) -> Result<String> {
    let end = Instant::now() + time;
    let mut held = Vec::new();
    for _ in 0..SUBSCRIBERS {
        held.extend(subscriber(port).await.ok());
    }
    sleep(end.saturating_duration_since(Instant::now())).await;
    let cut = held.iter().filter(|stream| is_cut(stream)).count();
    Ok(format!("{} subscribed, {cut} cut off within {time:?}", held.len()))
}

async fn subscriber(port: u16) -> Result<TcpStream> {
    let mut stream = upgraded(port).await?;
    for topic in [r#""newHeads""#, r#""logs",{}"#, r#""newPendingTransactions",true"#] {
        let call =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":[{topic}]}}"#);
        stream.write_all(&text_frame(&call)).await?;
    }
    Ok(stream)
}

/// Upgraded by hand, because a library would read.
async fn upgraded(port: u16) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await?;
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
              sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        )
        .await?;
    let mut answer = [0; 256];
    let read = timeout(UPGRADE_TIME_MAX, stream.read(&mut answer)).await??;
    eyre::ensure!(answer[..read].starts_with(b"HTTP/1.1 101"), "not upgraded");
    Ok(stream)
}

/// A masked text frame (RFC 6455 section 5.2) with a mask of zeros; below 126 bytes.
fn text_frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap_or(125).min(125);
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(&text.as_bytes()[..usize::from(length)]);
    frame
}

/// Whether the node has closed it: what is unread hides the end, so it is the write that fails.
fn is_cut(stream: &TcpStream) -> bool {
    stream.try_write(&text_frame("[]")).is_err()
}
