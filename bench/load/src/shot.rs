//! Single shots: how long a program takes from its start to its end, again and again.
//!
//! With `--serve` a server takes one connection a shot and reads it to its end; `{port}` in the
//! program's arguments is where it listens. Standard input is what `--input` says, then its end. Also
//! here: `drain`, which reads standard input to its end and counts.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use crate::histogram::Histogram;
use crate::{Failure, control};

#[derive(Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 100)]
    count: u64,
    /// Takes connections, and says how many octets came
    #[arg(long)]
    serve: bool,
    /// What the program finds on its standard input
    #[arg(long, default_value = "")]
    input: String,
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let octets = Arc::new(AtomicU64::new(0));
    let mut port = String::new();
    if options.serve {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        port = listener.local_addr()?.port().to_string();
        let count = Arc::clone(&octets);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(read_all(stream), Ordering::Relaxed);
            }
        });
    }
    let words = options.command.iter();
    let words: Vec<_> = words.map(|word| word.replace("{port}", &port)).collect();
    let (program, arguments) = words.split_first().ok_or("no program")?;
    let (mut times, mut failed) = (Histogram::new(), 0u64);
    for _ in 0..options.count {
        let begin = Instant::now();
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read ends before, which is its right.
            let _ = stdin.write_all(options.input.as_bytes());
        }
        failed += u64::from(!child.wait()?.success());
        times.add(begin.elapsed());
    }
    thread::sleep(std::time::Duration::from_millis(50));
    control::say(&json!({
        "times": times.to_json(),
        "failed": failed,
        "octets": octets.load(Ordering::Relaxed),
    }))
}

fn read_all(mut stream: TcpStream) -> u64 {
    let mut buffer = [0; 4096];
    let mut total = 0;
    while let Ok(got) = stream.read(&mut buffer)
        && got > 0
    {
        total += got as u64;
    }
    total
}

/// Reads standard input to its end and prints how much came, from the first octet on.
pub(crate) fn drain() -> Result<(), Failure> {
    let mut buffer = vec![0; 1 << 20];
    let (mut octets, mut begin) = (0u64, None);
    let mut input = std::io::stdin().lock();
    loop {
        let got = input.read(&mut buffer)?;
        if got == 0 {
            break;
        }
        begin.get_or_insert_with(Instant::now);
        octets += got as u64;
    }
    let seconds = begin.map_or(0.0, |begin| begin.elapsed().as_secs_f64());
    control::say(&json!({ "octets": octets, "seconds": seconds }))
}
