//! A web server of one file that follows a script: it breaks off, stalls, refuses, changes, has no parts.
//!
//! One answer a connection, HTTP/1.1 with `Connection: close`. What was asked is kept, to be looked at. Not
//! here: servers that behave (`peer::Nginx`).

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::tcp;
use crate::wait::DEADLINE;

/// What the server does with one request; without a step it gives what was asked for.
#[derive(Clone, Debug)]
pub enum Step {
    /// It closes after so many octets of the body.
    Cut(usize),
    /// It resets the connection after so many octets of the body.
    Reset(usize),
    /// It says no more after so many octets of the body, and holds the connection.
    Stall(usize),
    /// It answers with this status and these further fields, each line with its end.
    Status(u16, &'static str),
    /// It has something else from now on, with this entity tag.
    Change(Vec<u8>, &'static str),
    /// It gives all of it, whatever part was asked for.
    Whole,
    /// It gives all of it without a length, a tag, or the offer of parts.
    Bare,
    /// It gives all of it with these further fields, each line with its end.
    With(String),
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// The first line.
    pub line: String,
    /// The fields, names in lower case.
    pub fields: Vec<(String, String)>,
    /// The body, as its length or its chunks say.
    pub body: Vec<u8>,
}

impl Request {
    /// The first field of that name, which is in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The server. It ends with the test.
pub struct Site {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    content: Vec<u8>,
    tag: &'static str,
    steps: VecDeque<Step>,
    asked: Vec<Request>,
    held: Vec<TcpStream>,
}

impl Site {
    /// A server of `content`, whose first answers are `steps`.
    ///
    /// # Panics
    /// If there is no port.
    pub fn start(content: &[u8], steps: impl Into<VecDeque<Step>>) -> Self {
        let (listener, address) = tcp::listen();
        let state = Arc::new(Mutex::new(State {
            content: content.to_vec(),
            tag: "\"one\"",
            steps: steps.into(),
            asked: Vec::new(),
            held: Vec::new(),
        }));
        let shared = state.clone();
        std::thread::spawn(move || serve(&listener, &shared));
        Self { address, state }
    }

    /// The address of a file there.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it does next.
    pub fn then(&self, steps: impl Into<VecDeque<Step>>) {
        lock(&self.state).steps = steps.into();
    }

    /// What was asked since the last call.
    pub fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut lock(&self.state).asked)
    }

    /// The ranges that were asked for since the last call; `all` where none was.
    pub fn ranges(&self) -> Vec<String> {
        let range = |request: Request| {
            let range = request.field("range").unwrap_or("all");
            range.trim_start_matches("bytes=").to_owned()
        };
        self.asked().into_iter().map(range).collect()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(listener: &TcpListener, state: &Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept() {
        let state = state.clone();
        std::thread::spawn(move || {
            let _ = stream.set_read_timeout(Some(DEADLINE));
            let _ = stream.set_write_timeout(Some(DEADLINE));
            // A client that goes is none of the server's errors.
            let _ = answer(stream, &state);
        });
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut fields = Vec::new();
    loop {
        let mut field = String::new();
        reader.read_line(&mut field)?;
        let Some((name, value)) = field.trim_end().split_once(':') else {
            break;
        };
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        line: line.trim_end().to_owned(),
        fields,
        body: Vec::new(),
    };
    if let Some(length) = request.field("content-length") {
        let length = length.parse().unwrap_or(0);
        reader.take(length).read_to_end(&mut request.body)?;
    } else if request.field("transfer-encoding") == Some("chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16).unwrap_or(0);
            reader.by_ref().take(size).read_to_end(&mut request.body)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(request)
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let request = read(&stream)?;
    let mut state = lock(state);
    state.asked.push(request.clone());
    let step = state.steps.pop_front();
    if let Some(Step::Change(content, tag)) = &step {
        (state.content, state.tag) = (content.clone(), tag);
    }
    if let Some(Step::Status(status, fields)) = step {
        let body = "refused\n";
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Scripted\r\nContent-Length: {length}\r\n{fields}Connection: close\r\n\r\n"
        );
        return stream.write_all(format!("{head}{body}").as_bytes());
    }
    let (tag, size) = (state.tag, state.content.len());
    let fresh = request.field("if-range").is_none_or(|wanted| wanted == tag);
    let parts = !matches!(step, Some(Step::Whole | Step::Bare));
    let range = request.field("range").filter(|_| fresh && parts);
    let range = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let (first, last) = match range {
        Some((first, last)) => (
            first.parse().unwrap_or(0),
            last.parse().unwrap_or(size.saturating_sub(1)),
        ),
        None => (0, size.saturating_sub(1)),
    };
    let body = state.content[first..size.min(last + 1)].to_vec();
    let mut head = match range {
        Some(_) => format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{size}\r\n"
        ),
        None => "HTTP/1.1 200 OK\r\n".to_owned(),
    };
    if !matches!(step, Some(Step::Bare)) {
        let length = body.len();
        head += &format!("Content-Length: {length}\r\nETag: {tag}\r\nAccept-Ranges: bytes\r\n");
    }
    if let Some(Step::With(fields)) = &step {
        head += fields;
    }
    head += "Connection: close\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    let most = match step {
        Some(Step::Cut(n) | Step::Reset(n) | Step::Stall(n)) => n.min(body.len()),
        _ => body.len(),
    };
    if let Some(Step::Stall(_)) = step {
        state.held.push(stream.try_clone()?);
    }
    drop(state);
    stream.write_all(&body[..most])?;
    if let Some(Step::Reset(_)) = step {
        tcp::reset(stream);
    }
    Ok(())
}
