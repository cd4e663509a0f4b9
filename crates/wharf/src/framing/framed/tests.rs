//! Framed channels over streams in memory: both directions, both ends, hostile peers, and bounds.

use std::future::poll_fn;
use std::num::NonZeroUsize;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wharf_proto::transport::framing::Ending;

use super::*;
use crate::testing::memory;

const LF: Framing = Framing::Lines { ending: Ending::Lf };

fn framed(stream: memory::Stream, framing: Framing, max: usize) -> Framed {
    let name = match framing {
        Framing::Lines { .. } => "lines",
        Framing::Nul => "nul",
        Framing::Len16 => "len16",
        Framing::Len32 => "len32",
        Framing::Chunk { .. } => "chunk",
    };
    Framed::new(Box::new(stream), framing, max, name, "tcp://a:1")
}

async fn send(framed: &mut Framed, packets: &[&[u8]]) -> io::Result<()> {
    let mut batch = Batch::new();
    for packet in packets {
        batch.push(packet, Facts::default());
    }
    while !batch.is_empty() {
        poll_fn(|cx| framed.poll_send(cx, &mut batch)).await?;
    }
    poll_fn(|cx| framed.poll_flush(cx)).await
}

async fn finish(framed: &mut Framed) {
    poll_fn(|cx| framed.poll_finish(cx, &End::Fin))
        .await
        .unwrap();
}

/// Everything up to the end, and the end.
async fn receive(framed: &mut Framed) -> io::Result<(Vec<Vec<u8>>, End)> {
    let mut packets = Vec::new();
    let mut batch = Batch::new();
    loop {
        let got = poll_fn(|cx| framed.poll_recv(cx, &mut batch)).await?;
        packets.extend(batch.iter().map(|packet| packet.data.to_vec()));
        batch.clear();
        if let Got::End(end) = got {
            return Ok((packets, end));
        }
    }
}

fn inner(error: io::Error) -> Error {
    Error::io(Op::Close, error)
}

#[tokio::test]
async fn boundaries_and_empty_packets_survive() {
    for framing in [LF, Framing::Nul, Framing::Len16, Framing::Len32] {
        let (a, b) = memory::pair(8);
        let (mut a, mut b) = (framed(a, framing, 100), framed(b, framing, 100));
        let packets: [&[u8]; 5] = [b"one", b"", b"two two two", b"", b"x"];
        let (sent, received) = tokio::join!(
            async {
                send(&mut a, &packets).await?;
                finish(&mut a).await;
                Ok::<(), io::Error>(())
            },
            receive(&mut b)
        );
        sent.unwrap();
        assert_eq!(
            received.unwrap(),
            (packets.map(<[u8]>::to_vec).to_vec(), End::Fin),
            "{framing:?}"
        );
        // The other direction is still open.
        send(&mut b, &[b"back"]).await.unwrap();
        finish(&mut b).await;
        assert_eq!(
            receive(&mut a).await.unwrap(),
            (vec![b"back".to_vec()], End::Fin)
        );
    }
}

#[tokio::test]
async fn many_packets_come_in_few_batches() {
    let (a, mut b) = memory::pair(1 << 20);
    let mut a = framed(a, LF, 100);
    b.write_all(&b"line\n".repeat(1000)).await.unwrap();
    let mut batch = Batch::new();
    let got = poll_fn(|cx| a.poll_recv(cx, &mut batch)).await.unwrap();
    assert_eq!(got, Got::Packets(Batch::MAX_PACKETS));
}

#[tokio::test]
async fn records_of_one_size() {
    let len = NonZeroUsize::new(4).unwrap();
    let (a, mut b) = memory::pair(64);
    let mut a = framed(a, Framing::Chunk { len }, 4);
    b.write_all(b"aaaabbbbcc").await.unwrap();
    drop(b);
    let (packets, _) = receive(&mut a).await.unwrap();
    assert_eq!(
        packets,
        [b"aaaa".to_vec(), b"bbbb".to_vec(), b"cc".to_vec()]
    );
}

#[tokio::test]
async fn a_stream_that_ends_inside_a_packet_is_truncated() {
    let (a, mut b) = memory::pair(64);
    let mut a = framed(a, Framing::Len16, 100);
    b.write_all(b"\x00\x01a\x00\x05b").await.unwrap();
    drop(b);
    let mut batch = Batch::new();
    let got = poll_fn(|cx| a.poll_recv(cx, &mut batch)).await.unwrap();
    assert_eq!(got, Got::Packets(1), "what came whole is handed on first");
    let error = inner(receive(&mut a).await.unwrap_err());
    assert_eq!(error.kind(), Kind::Truncated);
    assert_eq!(
        error.to_string(),
        "recv tcp://a:1: len16: the stream ended inside a packet, 3 of 7 octets came"
    );
}

#[tokio::test]
async fn a_peer_that_announces_too_much_is_refused_at_once() {
    let (a, mut b) = memory::pair(64);
    let mut a = framed(a, Framing::Len32, 100);
    b.write_all(&70_000_u32.to_be_bytes()).await.unwrap();
    let error = inner(receive(&mut a).await.unwrap_err());
    assert_eq!(error.kind(), Kind::Protocol);
    assert_eq!(error.reason(), "70000 octets announced, the limit is 100");
    assert_eq!(
        error.try_this(),
        Some("len32.max=70000 if this peer is trusted, or check its framing")
    );
}

#[tokio::test]
async fn a_peer_in_another_framing_is_diagnosed() {
    let (a, mut b) = memory::pair(64);
    let mut a = framed(a, Framing::Len16, 100);
    b.write_all(b"HELO me\r\n").await.unwrap();
    let error = inner(receive(&mut a).await.unwrap_err());
    assert_eq!(
        error.reason(),
        "18501 octets announced, the limit is 100; those octets are the text \"HE\""
    );
    assert!(
        error
            .try_this()
            .unwrap()
            .starts_with("the peer may send lines")
    );
}

#[tokio::test]
async fn an_endless_line_is_refused_at_the_limit() {
    let (a, mut b) = memory::pair(1 << 20);
    let mut a = framed(a, LF, 100_000);
    b.write_all(&[b'x'; 200_000]).await.unwrap();
    let error = inner(receive(&mut a).await.unwrap_err());
    assert!(error.reason().starts_with("no LF within 100000 octets"));
    assert!(a.arrived.bytes.len() <= 200_000, "the buffer is bounded");
}

#[tokio::test]
async fn what_a_framing_cannot_carry_is_refused_alone() {
    let (a, mut b) = memory::pair(64);
    let mut a = framed(a, LF, 8);
    let mut batch = Batch::new();
    for packet in [&b"good"[..], b"a\nb", b"much too long", b"fine"] {
        batch.push(packet, Facts::default());
    }
    let mut errors = Vec::new();
    while !batch.is_empty() {
        if let Err(error) = poll_fn(|cx| a.poll_send(cx, &mut batch)).await {
            errors.push(inner(error));
        }
    }
    finish(&mut a).await;
    let mut all = String::new();
    b.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "good\nfine\n");
    let said: Vec<_> = errors
        .iter()
        .map(|e| (e.op(), e.kind(), e.try_this().unwrap_or_default()))
        .collect();
    assert_eq!(
        said,
        [
            (Op::Send, Kind::Broken, "len16+ and len32+ carry any octets"),
            (Op::Send, Kind::Broken, "lines.max=13"),
        ]
    );
}

#[tokio::test]
async fn a_reset_below_is_a_reset_above() {
    let (a, mut b) = memory::pair(64);
    let mut a = framed(a, LF, 8);
    poll_fn(|cx| b.poll_finish(cx, &End::Reset)).await.unwrap();
    let error = receive(&mut a).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_idle_channel_holds_no_memory() {
    let (a, mut b) = memory::pair(64);
    let mut a = framed(a, LF, 1000);
    b.write_all(b"one\n").await.unwrap();
    let mut batch = Batch::new();
    poll_fn(|cx| a.poll_recv(cx, &mut batch)).await.unwrap();
    send(&mut a, &[b"two"]).await.unwrap();
    let idle = poll_fn(|cx| Poll::Ready(a.poll_recv(cx, &mut batch))).await;
    assert!(idle.is_pending());
    assert_eq!(a.arrived.bytes.capacity() + a.pending.bytes.capacity(), 0);
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_packets(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        capacity in 1_usize..400,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let received = runtime.block_on(async {
            let (a, b) = memory::pair(capacity);
            let (mut a, mut b) = (framed(a, Framing::Len32, 300), framed(b, Framing::Len32, 300));
            let views: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
            let send_all = async {
                send(&mut a, &views).await.unwrap();
                finish(&mut a).await;
            };
            tokio::join!(send_all, receive(&mut b)).1.unwrap().0
        });
        prop_assert_eq!(received, packets);
    }
}
