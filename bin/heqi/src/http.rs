//! A small blocking HTTP client for a node's own port: no redirects, no TLS, bounded in time and
//! memory. It talks to nodes on the same machine or inside the operator's network.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::error::{self, CliError};

/// Largest answer, bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Time to connect.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);

/// A node's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    host: String,
    port: u16,
}

impl Url {
    /// A node on this machine.
    pub fn local(port: u16) -> Self {
        Self { host: "127.0.0.1".into(), port }
    }

    /// A node that listens there, asked from the same machine.
    pub fn of_listener(listen: std::net::SocketAddr) -> Self {
        match listen {
            address if address.ip().is_unspecified() => Self::local(address.port()),
            std::net::SocketAddr::V4(address) => {
                Self { host: address.ip().to_string(), port: address.port() }
            }
            std::net::SocketAddr::V6(address) => {
                Self { host: format!("[{}]", address.ip()), port: address.port() }
            }
        }
    }

    /// Reads `http://host[:port][/]`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, CliError> {
        let wrong = || CliError::new(error::ARGUMENT, vec![("argument", format!("{text:.200}"))]);
        let rest = text.strip_prefix("http://").ok_or_else(wrong)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong())?)
            }
            _ => (authority, 80),
        };
        let known = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        match host.is_empty() || !host.chars().all(known) {
            true => Err(wrong()),
            false => Ok(Self { host: host.into(), port }),
        }
    }

    /// One JSON-RPC call.
    ///
    /// # Errors
    /// Unreachable, too slow, or an answer that is an error or not understood.
    pub fn call(&self, method: &str, params: &Value, time: Duration) -> Result<Value, CliError> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let (_, answer) = self.request("POST", "/", body.to_string().as_bytes(), time)?;
        let mut answer: Value =
            serde_json::from_slice(&answer).map_err(|error| self.wrong(error.to_string()))?;
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(self.wrong(format!("{method}: {:.300}", answer["error"].to_string()))),
        }
    }

    /// `GET path`: status and body.
    ///
    /// # Errors
    /// Unreachable, too slow, not HTTP.
    pub fn get(&self, path: &str, time: Duration) -> Result<(u16, Vec<u8>), CliError> {
        self.request("GET", path, b"", time)
    }

    /// `POST path` with a JSON body: status and body.
    ///
    /// # Errors
    /// Unreachable, too slow, not HTTP.
    pub fn post(&self, path: &str, body: &str, time: Duration) -> Result<(u16, Vec<u8>), CliError> {
        self.request("POST", path, body.as_bytes(), time)
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        time: Duration,
    ) -> Result<(u16, Vec<u8>), CliError> {
        let end = Instant::now() + time;
        let mut stream = self.connect(time.min(CONNECT_TIME_MAX))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}:{}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            self.host,
            self.port,
            body.len()
        );
        let sent = stream
            .set_write_timeout(Some(time))
            .and_then(|()| stream.write_all(&[head.as_bytes(), body].concat()));
        sent.map_err(|error| self.unreachable(&error))?;
        let answer = self.read_until(&mut stream, end)?;
        parse_answer(&answer).ok_or_else(|| self.wrong("not an HTTP answer".into()))
    }

    fn connect(&self, time: Duration) -> Result<TcpStream, CliError> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let addresses =
            (host, self.port).to_socket_addrs().map_err(|error| self.unreachable(&error))?;
        let mut last = std::io::Error::from(ErrorKind::AddrNotAvailable);
        for address in addresses {
            match TcpStream::connect_timeout(&address, time) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(self.unreachable(&last))
    }

    fn read_until(&self, stream: &mut TcpStream, end: Instant) -> Result<Vec<u8>, CliError> {
        let mut answer = Vec::new();
        let mut part = [0u8; 16 * 1024];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(CliError::new(error::TIMEOUT, vec![("url", self.to_string())]));
            }
            let read = stream.set_read_timeout(Some(left)).and_then(|()| stream.read(&mut part));
            match read {
                Ok(0) => return Ok(answer),
                Ok(count) => answer.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Err(CliError::new(error::TIMEOUT, vec![("url", self.to_string())]));
                }
                Err(error) => return Err(self.unreachable(&error)),
            }
            if answer.len() > ANSWER_BYTES_MAX {
                return Err(self.wrong(format!("longer than {ANSWER_BYTES_MAX} bytes")));
            }
        }
    }

    fn unreachable(&self, cause: &std::io::Error) -> CliError {
        let values = vec![("url", self.to_string()), ("cause", cause.to_string())];
        CliError::new(error::UNREACHABLE, values)
    }

    fn wrong(&self, cause: String) -> CliError {
        CliError::new(error::ANSWER, vec![("url", self.to_string()), ("cause", cause)])
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

/// Status and body of a whole HTTP/1.1 answer.
fn parse_answer(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let body = &answer[end + 4..];
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    let status = words.next()?.parse().ok()?;
    let chunked = lines.any(|line| {
        let line = line.to_ascii_lowercase();
        line.starts_with("transfer-encoding:") && line.contains("chunked")
    });
    Some((status, if chunked { unchunk(body)? } else { body.to_vec() }))
}

/// RFC 9112 section 7.1.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size.checked_add(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::TcpListener;

    use super::*;

    /// Answers one connection with `answer`.
    fn serve(answer: &'static [u8]) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0u8; 4096];
            let _ = stream.read(&mut buffer);
            stream.write_all(answer).unwrap();
        });
        Url::local(port)
    }

    fn call(answer: &'static [u8]) -> Result<Value, CliError> {
        serve(answer).call("eth_chainId", &json!([]), Duration::from_secs(5))
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(Url::parse("http://127.0.0.1:8545").unwrap(), Url::local(8545));
        assert_eq!(Url::parse("http://[::1]:1/").unwrap().host, "[::1]");
        assert_eq!(Url::parse("http://node.example").unwrap().port, 80);
        for bad in
            ["", "127.0.0.1:8545", "https://x", "http://", "http://a:b", "http://a/b", "http://a b"]
        {
            assert_eq!(Url::parse(bad).unwrap_err().exit(), 1, "{bad}");
        }
    }

    #[test]
    fn answers_are_understood() {
        let plain = b"HTTP/1.1 200 OK\r\ncontent-length: 39\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x7\"}";
        assert_eq!(call(plain).unwrap(), json!("0x7"));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"res\r\nc\r\nult\":\"0x7\"}\n\r\n0\r\n\r\n";
        assert_eq!(call(chunked).unwrap(), json!("0x7"));
    }

    #[test]
    fn bad_answers_are_errors() {
        for bad in [
            &b""[..],
            b"garbage",
            b"HTTP/1.1 200 OK\r\n\r\nno json",
            b"HTTP/1.1 200 OK\r\n\r\n{\"error\":{\"code\":-32601,\"message\":\"no\"}}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx",
        ] {
            let error = call(bad).unwrap_err();
            assert_eq!(error.code().id, "CLI-0009", "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn silence_and_absence_have_their_exit_codes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let silent = Url::local(port).call("x", &json!([]), Duration::from_millis(100));
        assert_eq!(silent.unwrap_err().exit(), 4);
        drop(listener);
        let absent = Url::local(port).call("x", &json!([]), Duration::from_secs(1));
        assert_eq!(absent.unwrap_err().exit(), 3);
    }
}
