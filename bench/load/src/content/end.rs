//! One end of a planned connection: a thread that writes, and one that reads and compares.
//!
//! The two ends differ in who sends the plan. Chunks are of 1 to 64 KiB, and now and then there is a
//! pause, from the plan's seed. A side that moves nothing for a minute has hung, which counts as
//! incomplete.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::Tally;
use super::octets::{Random, differs, fill};
use super::plan::{self, Kill, Plan};

const PATIENCE: Duration = Duration::from_secs(60);
const CHUNK: u64 = 64 << 10;

/// The client's end.
pub(super) fn drive(mut stream: TcpStream, plan: Plan, tally: &Tally) {
    let ready = stream.set_read_timeout(Some(PATIENCE)).is_ok()
        && stream.set_write_timeout(Some(PATIENCE)).is_ok()
        && stream.write_all(&plan.emit()).is_ok();
    if !ready {
        tally.wrong(&tally.incomplete, "the plan could not be sent".into());
        return;
    }
    let kills = plan.kill == Kill::Client;
    if kills {
        tally.killed.fetch_add(1, Ordering::Relaxed);
    }
    thread::scope(|scope| {
        scope.spawn(|| give(&stream, plan.seed, plan.up, kills.then_some(plan.kill_at)));
        take(&stream, "client", plan.down_seed(), plan.down, plan, tally);
    });
}

/// The server's end.
pub(super) fn serve(mut stream: TcpStream, tally: &Tally) {
    let mut head = [0; plan::LEN];
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_write_timeout(Some(PATIENCE));
    let Some((first, rest)) = head.split_first_mut() else {
        return;
    };
    if stream.read_exact(std::slice::from_mut(first)).is_err() {
        return;
    }
    if *first != plan::FIRST {
        echo(stream, *first);
        return;
    }
    if stream.read_exact(rest).is_err() {
        // The client reset before the relay had read its plan; it knows.
        return;
    }
    let Some(plan) = Plan::parse(&head) else {
        tally.wrong(&tally.mismatches, "the plan was changed on the way".into());
        return;
    };
    let kills = plan.kill == Kill::Server;
    if kills {
        tally.killed.fetch_add(1, Ordering::Relaxed);
    }
    thread::scope(|scope| {
        // An echo sends what has arrived already, which is a part of the same stream: so it is enough
        // that it never runs ahead of what it takes; the pace of its own makes no difference.
        scope.spawn(|| {
            give(
                &stream,
                plan.down_seed(),
                plan.down,
                kills.then_some(plan.kill_at),
            )
        });
        take(&stream, "server", plan.seed, plan.up, plan, tally);
    });
}

/// What a storm brings instead of a plan goes back as it came.
fn echo(mut stream: TcpStream, first: u8) {
    let mut buffer = vec![0; 16 << 10];
    let mut answered = stream.write_all(&[first]);
    while answered.is_ok()
        && let Ok(got) = stream.read(&mut buffer)
        && got > 0
    {
        answered = stream.write_all(buffer.get(..got).unwrap_or_default());
    }
}

/// Sends `len` octets and ends, or resets after `kill_at`.
fn give(mut stream: &TcpStream, seed: u64, len: u64, kill_at: Option<u64>) {
    let mut random = Random::new(!seed);
    let mut buffer = vec![0; CHUNK as usize];
    let (mut at, until) = (0, kill_at.unwrap_or(len));
    while at < until {
        let most = if random.below(4) == 0 { 64 } else { CHUNK };
        let part = (1 + random.below(most)).min(until - at);
        let chunk = buffer.get_mut(..part as usize).unwrap_or_default();
        fill(seed, at, chunk);
        if stream.write_all(chunk).is_err() {
            // The peer has reset, or hung: its reading side says which.
            return;
        }
        at += part;
        if random.below(50) == 0 {
            thread::sleep(Duration::from_millis(random.below(40)));
        }
    }
    if kill_at.is_some() {
        let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
        // The reading thread has the same socket: aborting the connection takes effect at once.
        let _ = rustix::net::connect_unspec(stream);
    } else {
        let _ = stream.shutdown(Shutdown::Write);
    }
}

/// Reads to the end and compares everything with the stream of `seed`.
fn take(mut stream: &TcpStream, who: &str, seed: u64, len: u64, plan: Plan, tally: &Tally) {
    let mut random = Random::new(seed.rotate_left(1));
    let (mut buffer, mut expected) = (vec![0; CHUNK as usize], Vec::new());
    let mut at = 0;
    let ended = loop {
        let most = 1 + random.below(CHUNK) as usize;
        let got = match stream.read(buffer.get_mut(..most).unwrap_or_default()) {
            Ok(0) => break Ok(()),
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => break Err(error),
        };
        let data = buffer.get(..got).unwrap_or_default();
        tally.octets.fetch_add(got as u64, Ordering::Relaxed);
        if let Some(place) = differs(seed, at, data, &mut expected) {
            let text = format!("{who}: octet {place} of {len} is wrong: {plan:?}");
            tally.wrong(&tally.mismatches, text);
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
        at += got as u64;
        if random.below(200) == 0 {
            thread::sleep(Duration::from_millis(random.below(20)));
        }
    };
    if at > len {
        tally.wrong(
            &tally.mismatches,
            format!("{who}: {at} octets of {len}: {plan:?}"),
        );
    } else if plan.kill != Kill::Nobody {
        // A right prefix is all that can be asked for; a hang is too much.
        let hung = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
        match ended {
            Ok(()) if at < len => drop(tally.softened.fetch_add(1, Ordering::Relaxed)),
            Err(error) if hung(&error) => {
                let text = format!("{who}: hangs after a reset, at {at} of {len}: {plan:?}");
                tally.wrong(&tally.incomplete, text);
            }
            _ => {}
        }
    } else if at < len || ended.is_err() {
        let how = ended.map_or_else(|error| error.to_string(), |()| "ended".into());
        let text = format!("{who}: {at} octets of {len}, then {how}: {plan:?}");
        tally.wrong(&tally.incomplete, text);
    }
}
