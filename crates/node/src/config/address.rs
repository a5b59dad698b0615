//! Where a peer listens: a numeric address or a name, with a port.

use std::{fmt, net::SocketAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest host name, characters (RFC 1035 section 2.3.4).
const HOST_CHARACTERS_MAX: usize = 253;

/// `203.0.113.7:30545`, `[2001:db8::7]:30545` or `node1.bank-a.example:30545`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    /// A numeric address.
    Socket(SocketAddr),
    /// A name that is looked up when the connection is made.
    Name {
        /// Host name.
        host: String,
        /// TCP port.
        port: u16,
    },
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => write!(f, "{address}"),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

impl FromStr for PeerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return match address.port() {
                0 => Err(format!("`{text}` has port 0")),
                _ => Ok(Self::Socket(address)),
            };
        }
        let wrong = || {
            format!("`{text:.80}` is not an address like 203.0.113.7:30545 or node.example:30545")
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().map_err(|_| wrong())?;
        let all_known =
            host.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_');
        // A name whose last part is numeric would be a mistyped IPv4 address.
        let numeric_end =
            host.rsplit('.').next().is_some_and(|part| part.chars().all(|c| c.is_ascii_digit()));
        if host.len() > HOST_CHARACTERS_MAX || !all_known || numeric_end || port == 0 {
            return Err(wrong());
        }
        Ok(Self::Name { host: host.into(), port })
    }
}

impl<'de> Deserialize<'de> for PeerAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for PeerAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_the_rest() {
        for good in ["127.0.0.1:8546", "[::1]:8546", "node1.bank-a.example:30545", "localhost:1"] {
            assert_eq!(good.parse::<PeerAddress>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "host",
            ":1",
            "host:",
            "host:0",
            "1.2.3.4:0",
            "1.2.3:5",
            "a b:1",
            "h:65536",
            "http://h:1",
        ] {
            assert!(bad.parse::<PeerAddress>().is_err(), "{bad}");
        }
    }
}
