//! A small HTTP/1.1 client with one kept-alive connection: it costs little, because it shares the
//! processor with the nodes that it measures.

use std::time::Duration;

use eyre::{Context, Result, bail, eyre};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

/// Largest answer that is read (bytes).
pub const ANSWER_MAX_BYTES: usize = 256 * 1024 * 1024;
/// Longest header line (bytes).
const LINE_MAX_BYTES: usize = 16 * 1024;
/// Most header lines.
const LINES_MAX: usize = 100;
/// Longest wait for one exchange.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to one `http://host:port` address, opened on first use and again after a failure.
pub struct Connection {
    authority: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Connection {
    /// Does not connect yet.
    ///
    /// # Errors
    /// The address is not of the form `http://host:port`.
    pub fn new(url: &str) -> Result<Self> {
        let authority = url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|rest| !rest.is_empty() && !rest.contains('/'))
            .ok_or_else(|| eyre!("{url} is not of the form http://host:port"))?;
        Ok(Self { authority: authority.to_owned(), stream: None })
    }

    /// Sends a JSON body and returns the body of the answer.
    ///
    /// # Errors
    /// No connection, a broken answer, a status other than 200, or no answer within 30 s. The
    /// connection is dropped then and opened anew by the next call.
    pub async fn post(&mut self, body: &[u8]) -> Result<Vec<u8>> {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.authority,
            body.len()
        );
        let mut request = Vec::with_capacity(head.len() + body.len());
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(body);
        self.request(&request).await
    }

    /// Reads the body at a path that begins with `/`.
    ///
    /// # Errors
    /// See [`Self::post`].
    pub async fn get(&mut self, path: &str) -> Result<Vec<u8>> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.authority);
        self.request(request.as_bytes()).await
    }

    async fn request(&mut self, request: &[u8]) -> Result<Vec<u8>> {
        let result = match timeout(EXCHANGE_TIMEOUT, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(eyre!("no answer within {EXCHANGE_TIMEOUT:?}")),
        };
        if result.is_err() {
            self.stream = None;
        }
        result.wrap_err_with(|| format!("request to {}", self.authority))
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Vec<u8>> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => {
                let stream = TcpStream::connect(&self.authority).await.wrap_err("connect")?;
                stream.set_nodelay(true)?;
                empty.insert(BufReader::with_capacity(64 * 1024, stream))
            }
        };
        stream.get_mut().write_all(request).await?;
        let head = read_head(stream).await?;
        let body = read_body(stream, &head).await?;
        if head.close {
            self.stream = None;
        }
        if head.status != 200 {
            let text = String::from_utf8_lossy(&body);
            bail!("HTTP status {}: {}", head.status, text.chars().take(200).collect::<String>());
        }
        Ok(body)
    }
}

struct Head {
    status: u16,
    length: Option<usize>,
    chunked: bool,
    close: bool,
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = Vec::new();
    let mut limited = stream.take(LINE_MAX_BYTES as u64);
    limited.read_until(b'\n', &mut line).await?;
    if line.last() != Some(&b'\n') {
        bail!("the connection ended or a header line exceeds {LINE_MAX_BYTES} bytes");
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> Result<Head> {
    let first = read_line(stream).await?;
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| eyre!("not an HTTP answer: {first}"))?;
    let mut head = Head { status, length: None, chunked: false, close: false };
    for _ in 0..LINES_MAX {
        let line = read_line(stream).await?;
        if line.is_empty() {
            return Ok(head);
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = Some(value.parse().wrap_err("content-length")?),
            "transfer-encoding" => head.chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" => head.close = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    bail!("more than {LINES_MAX} header lines")
}

async fn read_body(stream: &mut BufReader<TcpStream>, head: &Head) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    if !head.chunked {
        let length = head.length.ok_or_else(|| eyre!("an answer without a length"))?;
        read_exactly(stream, &mut body, length).await?;
        return Ok(body);
    }
    loop {
        let line = read_line(stream).await?;
        let size = line.split(';').next().unwrap_or("");
        let size = usize::from_str_radix(size, 16).wrap_err("size of a chunk")?;
        read_exactly(stream, &mut body, size).await?;
        read_line(stream).await?;
        if size == 0 {
            return Ok(body);
        }
    }
}

async fn read_exactly(
    stream: &mut BufReader<TcpStream>,
    body: &mut Vec<u8>,
    length: usize,
) -> Result<()> {
    let start = body.len();
    if length > ANSWER_MAX_BYTES - start {
        bail!("an answer exceeds {ANSWER_MAX_BYTES} bytes");
    }
    body.resize(start + length, 0);
    stream.read_exact(&mut body[start..]).await?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::{ANSWER_MAX_BYTES, Connection};

    /// Gives each of the answers on one connection, then closes it.
    async fn server(answers: Vec<String>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                for answer in &answers {
                    let mut request = [0; 4096];
                    if stream.read(&mut request).await.unwrap_or(0) == 0 {
                        break;
                    }
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        url
    }

    #[tokio::test]
    async fn reads_both_framings_and_connects_again() {
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned();
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        let url = server(vec![plain, chunked.to_owned()]).await;
        let mut connection = Connection::new(&url).unwrap();
        assert_eq!(connection.post(b"x").await.unwrap(), b"ok");
        assert_eq!(connection.get("/metrics").await.unwrap(), b"abcd");
        // the server has closed the connection: one call fails, the next opens another
        assert!(connection.post(b"x").await.is_err());
        assert_eq!(connection.post(b"x").await.unwrap(), b"ok");
    }

    #[tokio::test]
    async fn refuses_what_is_no_answer() {
        for answer in [
            "nonsense\r\n\r\n".to_owned(),
            "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", ANSWER_MAX_BYTES + 1),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(),
        ] {
            let mut connection = Connection::new(&server(vec![answer.clone()]).await).unwrap();
            assert!(connection.post(b"x").await.is_err(), "{answer}");
        }
        assert!(Connection::new("https://127.0.0.1:1").is_err());
        assert!(Connection::new("http://127.0.0.1:1/path").is_err());
    }
}
