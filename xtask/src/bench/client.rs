//! A client that keeps its connections and counts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;

/// How long an answer may take before the measurement is worth nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer of a server.
pub(super) struct Answer<'c> {
    pub(super) status: u16,
    pub(super) body: &'c [u8],
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Sends a whole request and reads the whole answer, which has to tell its length.
    pub(super) fn ask(&mut self, request: &[u8]) -> Outcome<Answer<'_>> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        let (status, begin, end) = loop {
            let mut chunk = [0; 16 * 1024];
            let read = self.stream.read(&mut chunk)?;
            if read == 0 {
                return Err("the server closed the connection".into());
            }
            self.buffer
                .extend_from_slice(chunk.get(..read).unwrap_or_default());
            if let Some(found) = measure(&self.buffer)?
                && self.buffer.len() >= found.2
            {
                break found;
            }
        };
        Ok(Answer {
            status,
            body: self.buffer.get(begin..end).unwrap_or_default(),
        })
    }
}

/// The status, and where the body begins and ends, once the head is there.
fn measure(answer: &[u8]) -> Outcome<Option<(u16, usize, usize)>> {
    let Some(head) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(answer.get(..head).unwrap_or_default())?;
    let status = text.split(' ').nth(1).ok_or("no status")?.parse()?;
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .ok_or("the answer does not tell its length")?
        .1
        .trim()
        .parse::<usize>()?;
    Ok(Some((status, head + 4, head + 4 + length)))
}

/// One side of a load: what it asks next, and what it makes of an answer.
pub(super) trait Side: Send {
    /// The next request.
    fn request(&mut self) -> &[u8];
    /// Looks at an answer. An error ends the measurement.
    fn take(&mut self, answer: &Answer<'_>) -> Outcome;
}

/// Asks the same thing again and again.
pub(super) struct Same(pub(super) Vec<u8>);

impl Side for Same {
    fn request(&mut self) -> &[u8] {
        &self.0
    }

    fn take(&mut self, answer: &Answer<'_>) -> Outcome {
        expect_ok(answer)
    }
}

/// An error for everything but 200.
pub(super) fn expect_ok(answer: &Answer<'_>) -> Outcome {
    if answer.status == 200 {
        return Ok(());
    }
    let body = String::from_utf8_lossy(answer.body);
    Err(format!("answered {}: {body}", answer.status).into())
}

/// Lets every side ask over a connection of its own for this long, and answers how many requests were answered.
pub(super) fn load(address: SocketAddr, sides: &mut [Box<dyn Side>], time: Duration) -> Outcome<u64> {
    let stop = AtomicBool::new(false);
    let counts: Vec<Result<u64, String>> = thread::scope(|scope| {
        let asking: Vec<_> = sides
            .iter_mut()
            .map(|side| {
                let stop = &stop;
                scope
                    .spawn(move || ask_until(stop, address, side.as_mut()).map_err(|error| error.to_string()))
            })
            .collect();
        let began = Instant::now();
        while began.elapsed() < time && !asking.iter().any(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        let joined = asking.into_iter().map(thread::ScopedJoinHandle::join);
        joined
            .map(|count| count.unwrap_or_else(|_| Err("a client gave up".to_owned())))
            .collect()
    });
    let mut answered = 0;
    for count in counts {
        answered += count?;
    }
    Ok(answered)
}

fn ask_until(stop: &AtomicBool, address: SocketAddr, side: &mut dyn Side) -> Outcome<u64> {
    let mut connection = Connection::open(address)?;
    let mut answered = 0;
    while !stop.load(Ordering::Relaxed) {
        let answer = connection.ask(side.request())?;
        side.take(&answer)?;
        answered += 1;
    }
    Ok(answered)
}

#[cfg(test)]
mod tests {
    use super::measure;

    #[test]
    fn an_answer_is_whole_when_its_body_is_there() {
        assert_eq!(measure(b"HTTP/1.1 200 OK\r\ncontent-le").unwrap(), None);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(
            measure(answer).unwrap(),
            Some((200, answer.len() - 2, answer.len()))
        );
    }
}
