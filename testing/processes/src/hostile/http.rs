//! Hostile HTTP.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use eyre::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{VICTIM, phases::Phases};
use crate::raw_http;

/// Connections that say nothing.
const IDLE_CONNECTIONS: usize = 10_000;
/// Connections that say one byte after the other: more than `rpc.connections_max` (2048).
const SLOW_CONNECTIONS: usize = 2_500;
/// Pause between two bytes.
const BYTE_PAUSE: Duration = Duration::from_millis(500);
/// What large bodies are said to have, bytes.
const HUGE_BYTES: usize = 1 << 30;
/// Attackers that send large things at one time.
const WORKERS: usize = 4;
/// Calls in a batch.
const BATCH_CALLS: usize = 100_000;
/// Connections that ask for large answers and do not read them.
const UNREAD_CONNECTIONS: usize = 400;
/// Filters of each kind.
const FILTERS: usize = 334;
/// Connections opened at one time.
const OPENING_MAX: usize = 100;
/// Longest wait for a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
/// Pause of a worker after each request.
const WORKER_PAUSE: Duration = Duration::from_millis(50);

const HEAD: &str = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

/// All of them.
///
/// # Errors
/// An attack could not be carried out.
pub async fn attacks(phases: &mut Phases<'_>) -> Result<()> {
    let port = phases.network.rpc_port(VICTIM);
    phases.alternate("10,000 idle connections", |time| idle(port, time)).await?;
    let head: Arc<str> = "POST / HTTP/1.1\r\n".into();
    phases.alternate("2,500 slow headers", |time| slow(port, time, head.clone())).await?;
    let body: Arc<str> = format!("{HEAD}content-length: 20000000\r\n\r\n[").into();
    phases.alternate("2,500 slow bodies", |time| slow(port, time, body.clone())).await?;
    phases.alternate("bodies of 1 GiB, announced", |time| huge(port, time, false)).await?;
    phases.alternate("bodies of 1 GiB, in chunks", |time| huge(port, time, true)).await?;
    let batch: Arc<[u8]> = batch("eth_chainId", "[]", BATCH_CALLS).into();
    phases.alternate("batches of 100,000 calls", |time| batches(port, time, batch.clone())).await?;
    phases.alternate("large answers that nobody reads", |time| unread(port, time)).await?;
    phases.alternate("1,002 filters never asked", |time| filters(port, time)).await
}

/// As many connections as the node takes, at most `count`.
pub async fn connect(port: u16, count: usize) -> Vec<TcpStream> {
    let mut held = Vec::new();
    while held.len() < count {
        let mut opening = JoinSet::new();
        for _ in 0..OPENING_MAX.min(count - held.len()) {
            opening.spawn(timeout(CONNECT_TIME_MAX, TcpStream::connect(("127.0.0.1", port))));
        }
        let before = held.len();
        while let Some(opened) = opening.join_next().await {
            held.extend(opened.ok().and_then(Result::ok).and_then(Result::ok));
        }
        if held.len() == before {
            break;
        }
    }
    held
}

async fn idle(port: u16, time: Duration) -> Result<String> {
    let begin = Instant::now();
    let held = connect(port, IDLE_CONNECTIONS).await;
    let opened = begin.elapsed();
    sleep(time.saturating_sub(opened)).await;
    Ok(format!("{} opened in {opened:.1?}", held.len()))
}

/// Says `start` at once and then a byte at a time.
async fn slow(port: u16, time: Duration, start: Arc<str>) -> Result<String> {
    let end = Instant::now() + time;
    let mut held = connect(port, SLOW_CONNECTIONS).await;
    for stream in &mut held {
        // The node may close it whenever it likes.
        let _ = stream.write_all(start.as_bytes()).await;
    }
    let mut bytes = 0;
    while Instant::now() < end {
        for stream in &mut held {
            bytes += usize::from(stream.try_write(b"x").is_ok());
        }
        sleep(BYTE_PAUSE).await;
    }
    Ok(format!("{} opened, {bytes} slow bytes taken", held.len()))
}

async fn huge(port: u16, time: Duration, chunked: bool) -> Result<String> {
    let end = Instant::now() + time;
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        workers.spawn(async move {
            let (mut sent, mut last) = (0, 0);
            while Instant::now() < end {
                let (bytes, status) = one_huge(port, chunked, end).await;
                sent += bytes;
                last = status;
                sleep(WORKER_PAUSE).await;
            }
            (sent, last)
        });
    }
    let (mut sent, mut statuses) = (0, Vec::new());
    while let Some(Ok((bytes, status))) = workers.join_next().await {
        sent += bytes;
        statuses.push(status);
    }
    Ok(format!("{} MiB taken, HTTP {statuses:?}", sent >> 20))
}

/// How much the node took, and what it answered.
async fn one_huge(port: u16, chunked: bool, end: Instant) -> (usize, u16) {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return (0, 0) };
    let part = vec![b' '; 1 << 16];
    let (head, before, after) = match chunked {
        true => ("transfer-encoding: chunked".to_string(), "10000\r\n", "\r\n"),
        false => (format!("content-length: {HUGE_BYTES}"), "", ""),
    };
    let part = [before.as_bytes(), &part, after.as_bytes()].concat();
    let _ = stream.write_all(format!("{HEAD}{head}\r\n\r\n").as_bytes()).await;
    let mut sent = 0;
    let (mut reader, mut writer) = stream.split();
    let mut answer = [0; 64];
    let status = loop {
        tokio::select! {
            biased;
            read = reader.read(&mut answer) => break read.ok().map_or(0, |read| {
                let text = String::from_utf8_lossy(&answer[..read]).into_owned();
                text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
            }),
            written = writer.write_all(&part) => match written {
                Ok(()) => sent += part.len(),
                Err(_) => break 0,
            },
        }
        if sent >= HUGE_BYTES || Instant::now() > end {
            break 0;
        }
    };
    (sent, status)
}

fn batch(method: &str, params: &str, calls: usize) -> Vec<u8> {
    let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    format!("[{}]", vec![call; calls].join(",")).into_bytes()
}

async fn batches(port: u16, time: Duration, body: Arc<[u8]>) -> Result<String> {
    let end = Instant::now() + time;
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let body = body.clone();
        workers.spawn(async move {
            let (mut count, mut last) = (0, String::new());
            while Instant::now() < end {
                if let Ok(answer) = raw_http::post(port, &body).await {
                    count += 1;
                    last = format!("{:.90}", answer.body.trim());
                }
                sleep(WORKER_PAUSE).await;
            }
            (count, last)
        });
    }
    let (mut count, mut last) = (0, String::new());
    while let Some(Ok((more, text))) = workers.join_next().await {
        count += more;
        last = text;
    }
    Ok(format!("{count} sent, answered {last}"))
}

/// Asks on many connections for the largest answers that a batch may have, and reads none.
async fn unread(port: u16, time: Duration) -> Result<String> {
    let end = Instant::now() + time;
    let body = batch("eth_getBlockByNumber", "[\"latest\",true]", 1_000);
    let head = format!("{HEAD}content-length: {}\r\n\r\n", body.len());
    let request = [head.as_bytes(), &body].concat();
    let mut held = connect(port, UNREAD_CONNECTIONS).await;
    let mut asked = 0;
    for stream in &mut held {
        if Instant::now() > end {
            break;
        }
        let written = timeout(Duration::from_secs(1), stream.write_all(&request)).await;
        asked += usize::from(matches!(written, Ok(Ok(()))));
    }
    sleep(end.saturating_duration_since(Instant::now())).await;
    Ok(format!("{asked} asked"))
}

async fn filters(port: u16, time: Duration) -> Result<String> {
    let end = Instant::now() + time;
    let mut installed = 0;
    for (method, params) in [
        ("eth_newBlockFilter", "[]"),
        ("eth_newPendingTransactionFilter", "[]"),
        ("eth_newFilter", "[{}]"),
    ] {
        let answer = raw_http::post(port, &batch(method, params, FILTERS)).await?;
        installed += answer.body.matches("\"result\"").count();
    }
    sleep(end.saturating_duration_since(Instant::now())).await;
    Ok(format!("{installed} installed"))
}
