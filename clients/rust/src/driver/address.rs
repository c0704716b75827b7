//! Where the server is.

use std::fmt;

use http::Uri;

use crate::error::OpenError;

/// A server's address, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// All of it.
    pub(super) uri: Uri,
    /// The host, an IPv6 address without its brackets.
    pub(super) host: String,
    /// The port.
    pub(super) port: u16,
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let refuse = |problem: &str| OpenError::Url {
            url: url.to_owned(),
            problem: problem.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|error| refuse(&format!("{error}")))?;
        match uri.scheme_str() {
            Some("ws") => {}
            Some("wss") => {
                return Err(refuse(
                    "this client has no TLS yet; use ws://, or a TLS proxy beside it",
                ));
            }
            Some("http") => return Err(refuse("write ws:// in place of http://")),
            _ => return Err(refuse("it must look like ws://host:port/v1/ws")),
        }
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(refuse(
                "user and password do not belong in it; use Options::token",
            ));
        }
        let host = uri
            .host()
            .unwrap_or_default()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() {
            return Err(refuse("it names no host"));
        }
        let port = uri.port_u16().unwrap_or(80);
        Ok(Self { uri, host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str) -> String {
        Address::parse(url).expect_err("not an address").to_string()
    }

    #[test]
    fn host_and_port_are_found() {
        let address = Address::parse("ws://127.0.0.1:7700/v1/ws").expect("an address");
        assert_eq!((address.host.as_str(), address.port), ("127.0.0.1", 7700));
        let address = Address::parse("ws://[::1]/v1/ws").expect("an address");
        assert_eq!((address.host.as_str(), address.port), ("::1", 80));
    }

    #[test]
    fn what_cannot_work_says_why() {
        assert!(problem("wss://example.org/v1/ws").contains("TLS"));
        assert!(problem("http://example.org/v1/ws").contains("ws://"));
        assert!(problem("example.org").contains("ws://host:port"));
        assert!(problem("ws://me:secret@example.org/").contains("token"));
        assert!(problem("").contains("url"));
    }
}
