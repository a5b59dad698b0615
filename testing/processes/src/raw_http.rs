//! HTTP by hand: what a well-behaved client would never send.

use std::time::Duration;

use eyre::{Result, WrapErr, eyre};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Time for one exchange.
const EXCHANGE_TIME: Duration = Duration::from_secs(40);
/// Longest answer that is read, bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body as text; chunk sizes may be in between.
    pub body: String,
}

/// Sends bytes and reads until the server closes.
///
/// # Errors
/// No connection, no HTTP answer, too slow.
pub async fn send(port: u16, bytes: &[u8]) -> Result<Answer> {
    send_to(&format!("127.0.0.1:{port}"), bytes).await
}

async fn send_to(address: &str, bytes: &[u8]) -> Result<Answer> {
    timeout(EXCHANGE_TIME, exchange(address, bytes)).await.wrap_err("no answer in time")?
}

async fn exchange(address: &str, bytes: &[u8]) -> Result<Answer> {
    let stream = TcpStream::connect(address).await?;
    let (mut reader, mut writer) = stream.into_split();
    let bytes = bytes.to_vec();
    // The server may answer and close before it has read everything.
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(&bytes).await;
        writer
    });
    let mut answer = Vec::new();
    let mut limited = (&mut reader).take(ANSWER_BYTES_MAX);
    // A reset after the answer is how a server ends what it refuses to read.
    let ended = limited.read_to_end(&mut answer).await;
    drop(writing.await);
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| eyre!("no HTTP answer ({ended:?}): {text:.200}"))?;
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_string();
    Ok(Answer { status, body })
}

/// `GET`.
///
/// # Errors
/// As [`send`].
pub async fn get(port: u16, path: &str) -> Result<Answer> {
    get_from(&format!("127.0.0.1:{port}"), path).await
}

/// `GET` from another address than the loopback one, `host:port`.
///
/// # Errors
/// As [`send`].
pub async fn get_from(address: &str, path: &str) -> Result<Answer> {
    let text = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    send_to(address, text.as_bytes()).await
}

/// `POST` of a JSON body.
///
/// # Errors
/// As [`send`].
pub async fn post(port: u16, body: &[u8]) -> Result<Answer> {
    let mut bytes = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    send(port, &bytes).await
}
