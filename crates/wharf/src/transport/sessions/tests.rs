//! The table of peers, alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::Limits;
use super::table::{Found, MAX_HELD, MAX_WAITING, Put, Table};
use crate::socket::packets::{Batch, Facts, Run};

fn table(peers: usize, idle: u64) -> Table<char> {
    Table::new(Limits {
        peers,
        idle: Duration::from_secs(idle),
    })
}

fn put(table: &mut Table<char>, peer: char, data: &[u8], now: Instant) -> Put {
    let run = Run::joined(data, data.len(), Facts::default());
    let (packets, put) = table.put(&peer, &mut std::iter::once(run), now);
    assert_eq!(packets, 1);
    put
}

fn fresh(table: &mut Table<char>) -> Option<(char, u64)> {
    let mut cx = std::task::Context::from_waker(Waker::noop());
    match table.poll_fresh(&mut cx) {
        Poll::Ready(found) => Some(found.unwrap()),
        Poll::Pending => None,
    }
}

#[test]
fn each_peer_has_a_session_and_gets_what_is_its_own() {
    let (mut table, now) = (table(9, 60), Instant::now());
    for (peer, data) in [('a', "1"), ('b', "2"), ('a', "3")] {
        assert_eq!(put(&mut table, peer, data.as_bytes(), now), Put::Kept);
    }
    let (a, b) = (fresh(&mut table).unwrap(), fresh(&mut table).unwrap());
    assert_eq!((a.0, b.0), ('a', 'b'));
    assert!(fresh(&mut table).is_none());
    let mut batch = Batch::new();
    let found = table.take((&a.0, a.1), &mut batch, Waker::noop());
    assert!(matches!(found, Found::Packets(2)));
    let data: Vec<_> = batch.iter().map(|packet| packet.data).collect();
    assert_eq!(data, [b"1", b"3"]);
}

#[test]
fn what_a_session_does_not_take_is_counted() {
    let (mut table, now) = (table(9, 60), Instant::now());
    for n in 1..=MAX_WAITING + 5 {
        let wanted = match n {
            n if n < MAX_WAITING => Put::Kept,
            MAX_WAITING => Put::Filled,
            _ => Put::Lost,
        };
        assert_eq!(put(&mut table, 'a', b"x", now), wanted, "{n}");
    }
    // Another peer does not suffer from it.
    assert_eq!(put(&mut table, 'b', b"x", now), Put::Kept);
    let (peer, id) = fresh(&mut table).unwrap();
    assert_eq!(table.remove(&peer, id), 5);
}

#[test]
fn the_table_is_bounded_and_silent_peers_leave_it() {
    let (mut table, now) = (table(2, 60), Instant::now());
    put(&mut table, 'a', b"", now);
    put(&mut table, 'b', b"", now);
    let turned_away = |first| Put::TurnedAway { first };
    assert_eq!(put(&mut table, 'c', b"", now), turned_away(true));
    assert_eq!(put(&mut table, 'c', b"", now), turned_away(false));

    let (peer, id) = fresh(&mut table).unwrap();
    let mut batch = Batch::new();
    table.take((&peer, id), &mut batch, Waker::noop());
    table.expire(now + Duration::from_secs(59));
    let found = table.take((&peer, id), &mut batch, Waker::noop());
    assert!(matches!(found, Found::Nothing));
    table.expire(now + Duration::from_secs(60));
    let found = table.take((&peer, id), &mut batch, Waker::noop());
    assert!(matches!(found, Found::Expired));
    // The other one has a datagram that nobody took: it is not the peer that is silent.
    assert_eq!(fresh(&mut table).unwrap().0, 'b');
    assert_eq!(put(&mut table, 'c', b"", now), Put::Kept);
    assert_eq!(table.close(), 2);
}

#[test]
fn an_old_session_does_not_touch_a_new_one_of_the_same_peer() {
    let (mut table, now) = (table(9, 60), Instant::now());
    put(&mut table, 'a', b"old", now);
    let (peer, old) = fresh(&mut table).unwrap();
    let mut batch = Batch::new();
    table.take((&peer, old), &mut batch, Waker::noop());
    table.expire(now + Duration::from_secs(60));
    put(&mut table, 'a', b"new", now);
    table.remove(&peer, old);
    let (_, new) = fresh(&mut table).unwrap();
    let found = table.take((&peer, new), &mut batch, Waker::noop());
    assert!(matches!(found, Found::Packets(1)));
}

#[test]
fn all_sessions_together_are_bounded_too() {
    let (mut table, now) = (table(9999, 60), Instant::now());
    let data = vec![0; 60_000];
    let mut peers = '\u{1000}'..;
    for peer in peers.by_ref().take(MAX_HELD / data.len()) {
        assert_eq!(put(&mut table, peer, &data, now), Put::Kept);
    }
    assert_eq!(put(&mut table, '\u{1000}', &data, now), Put::Lost);
    let turned_away = Put::TurnedAway { first: true };
    assert_eq!(put(&mut table, 'a', &data, now), turned_away);
    // What is taken makes room.
    let (peer, id) = fresh(&mut table).unwrap();
    table.take((&peer, id), &mut Batch::new(), Waker::noop());
    assert_eq!(put(&mut table, 'a', &data, now), Put::Kept);
}

#[test]
fn sending_keeps_a_session_alive_and_zero_keeps_it_for_ever() {
    let now = Instant::now();
    let later = now + Duration::from_secs(50);
    let mut batch = Batch::new();
    for (idle, touched) in [(60, true), (0, false)] {
        let mut table = table(9, idle);
        put(&mut table, 'a', b"", now);
        let (peer, id) = fresh(&mut table).unwrap();
        table.take((&peer, id), &mut batch, Waker::noop());
        if touched {
            table.touch((&peer, id), later);
        }
        table.expire(later + Duration::from_secs(50));
        let found = table.take((&peer, id), &mut batch, Waker::noop());
        assert!(matches!(found, Found::Nothing));
    }
}

#[test]
fn looking_for_silent_peers_does_not_forget_who_waits() {
    let (mut table, now) = (table(9, 60), Instant::now());
    put(&mut table, 'a', b"", now);
    let (peer, id) = fresh(&mut table).unwrap();
    let mut batch = Batch::new();
    table.take((&peer, id), &mut batch, Waker::noop());
    let woken = Arc::new(Woken::default());
    table.take((&peer, id), &mut batch, &Waker::from(woken.clone()));
    table.expire(now + Duration::from_secs(1));
    assert!(!woken.0.load(Ordering::Relaxed));
    put(&mut table, 'a', b"", now);
    assert!(woken.0.load(Ordering::Relaxed));
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn reading_waits_only_for_sessions_that_somebody_accepted() {
    let (mut table, now) = (table(9, 60), Instant::now());
    for _ in 0..MAX_WAITING {
        put(&mut table, 'a', b"x", now);
    }
    assert!(!table.is_full(), "nobody is there to make room");
    let (peer, id) = fresh(&mut table).unwrap();
    assert!(table.is_full());
    assert_eq!(put(&mut table, 'b', b"x", now), Put::Kept);
    let found = table.take((&peer, id), &mut Batch::new(), Waker::noop());
    assert!(matches!(found, Found::Packets(MAX_WAITING)));
    assert!(!table.is_full());
}

#[test]
fn what_a_flood_needed_is_given_back_after_it() {
    let (mut table, now) = (table(9999, 60), Instant::now());
    let mut session = |n: u32| {
        let peer = char::from_u32(0x1000 + n).unwrap();
        put(&mut table, peer, b"x", now);
        fresh(&mut table).unwrap()
    };
    let sessions: Vec<_> = (0..2000).map(&mut session).collect();
    for (peer, id) in &sessions {
        table.take((peer, *id), &mut Batch::new(), Waker::noop());
    }
    assert!(!table.expire(now), "they are still there");
    let later = now + Duration::from_secs(60);
    assert!(table.expire(later), "they have gone");
    assert!(!table.expire(later), "that is told once");
}
