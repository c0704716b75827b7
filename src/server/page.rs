//! The board: one HTML file to open in two windows, made by `just board` from `examples/board`.

use std::sync::LazyLock;

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

const BOARD: &str = include_str!("../board.html");

/// What the page may do: its own scripts, its own server. Styles are also set by scripts, and so cannot be told by hash.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The headers of both its answers: here it is, and it is still the same.
static HEADERS: LazyLock<[(HeaderName, HeaderValue); 7]> = LazyLock::new(|| {
    let etag = format!("\"{}\"", digest(BOARD));
    let policy = format!("{POLICY}; script-src {}", script_sources(BOARD));
    [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        // A server of another version has another page.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::ETAG, ascii(&etag)),
        (header::VARY, HeaderValue::from_static("accept")),
        (header::CONTENT_SECURITY_POLICY, ascii(&policy)),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        // An access token may stand in the page's address.
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
    ]
});

/// Whether a request comes from a browser that shows what it gets.
pub(super) fn is_wanted(request: &HeaderMap) -> bool {
    listed(request, &header::ACCEPT).any(|kind| kind.starts_with("text/html"))
}

/// The board, or, to who has it already, that it is still the same.
pub(super) fn answer(request: &HeaderMap) -> Response {
    let headers = HEADERS.clone();
    if is_known(request) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let body = Body::from(Bytes::from_static(BOARD.as_bytes()));
    (StatusCode::OK, headers, body).into_response()
}

/// RFC 9110, section 13.1.2: also a weak validator means the same page.
fn is_known(request: &HeaderMap) -> bool {
    let etag = HEADERS.iter().find(|(name, _)| name == header::ETAG);
    let etag = etag.and_then(|(_, etag)| etag.to_str().ok());
    listed(request, &header::IF_NONE_MATCH)
        .any(|known| known == "*" || Some(known.strip_prefix("W/").unwrap_or(known)) == etag)
}

/// The entries of a header that is a list.
fn listed<'a>(request: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = request.get_all(name).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(',').map(str::trim))
}

/// The scripts that stand in `page`, as a policy names them.
fn script_sources(page: &str) -> String {
    let mut sources = Vec::new();
    let mut rest = page;
    while let Some((_, tag)) = rest.split_once("<script") {
        let Some((script, behind)) = tag
            .split_once('>')
            .and_then(|(_, body)| body.split_once("</script"))
        else {
            break;
        };
        sources.push(format!("'sha256-{}'", digest(script)));
        rest = behind;
    }
    if sources.is_empty() {
        return "'none'".to_owned();
    }
    sources.join(" ")
}

fn digest(text: &str) -> String {
    BASE64_STANDARD.encode(Sha256::digest(text))
}

#[expect(
    clippy::expect_used,
    reason = "it is made of constants and digests here, all of them ASCII"
)]
fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_each_script_by_its_digest() {
        let none = script_sources("<!doctype html><p>no script</p>");
        assert_eq!(none, "'none'");
        // The digests of the empty text and of "abc", FIPS 180-4.
        let two = script_sources("<script></script><p></p><script type=\"module\">abc</script >");
        assert_eq!(
            two,
            "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' \
             'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='"
        );
        let quoting = script_sources("<script>let tag = '<script>';</script>");
        assert_eq!(quoting.matches("sha256").count(), 1);
    }
}
