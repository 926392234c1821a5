//! The little HTTP that this tool needs: is a listener ready, what does the supervisor say.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks a listener of this machine; the status and the body.
///
/// # Errors
/// When nobody listens or the answer is no HTTP.
pub(crate) fn get(port: u16, path: &str) -> Result<(u16, String)> {
    let stream = connect(port)?;
    exchange(stream, "GET", path)
}

/// A connection to this machine with deadlines on it.
pub(crate) fn connect(port: u16) -> Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// One request without a body on a fresh connection.
pub(crate) fn exchange(
    stream: impl Read + Write,
    method: &str,
    path: &str,
) -> Result<(u16, String)> {
    send(stream, (method, path), &[], "")
}

/// One request on a fresh connection. HTTP/1.0, so that the answer's body ends where the connection does.
pub(crate) fn send(
    mut stream: impl Read + Write,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> Result<(u16, String)> {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = body.len();
    // One write, so that the request arrives whole.
    let request = format!(
        "{method} {path} HTTP/1.0\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> Result<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n").context("no http answer")?;
    let mut words = head.split(' ');
    if !words
        .next()
        .is_some_and(|version| version.starts_with("HTTP/1."))
    {
        bail!("no http answer");
    }
    let status = words.next().context("no http status")?;
    Ok((status.get(..3).unwrap_or(status).parse()?, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart() {
        let (status, body) = parse("HTTP/1.0 503 Busy\r\na: b\r\n\r\n{}").unwrap();
        assert_eq!((status, body.as_str()), (503, "{}"));
        assert!(parse("AMQP").is_err());
        assert!(parse("SSH-2.0\r\n\r\n").is_err());
    }
}
