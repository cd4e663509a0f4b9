//! Clients of HTTP/2 that open their windows for little or nothing, in memory and on a paused clock.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// What a client says first: the preface, SETTINGS in which the window of a stream is empty, and `GET /large`
/// on stream 1 (RFC 9113, sections 3.4, 6.2, 6.5.2; RFC 7541, appendix A).
fn asking() -> Vec<u8> {
    let fields = [
        &[0x82, 0x86, 0x41, 9][..],
        b"localhost",
        &[0x04, 6],
        b"/large",
    ]
    .concat();
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0][..],
        &[0, 0, fields.len() as u8, 1, 0x5, 0, 0, 0, 1],
        &fields,
    ]
    .concat()
}

/// The connection of a client that answers each PING, asks with one of its own now and then, and opens the
/// window of stream 1 by `window` octets each time.
async fn asked(window: u8, turns: usize) -> (tokio::task::JoinHandle<()>, usize) {
    let visited = visited(Some("h2"));
    let (mut reading, mut writing) = tokio::io::split(visited.client);
    writing.write_all(&asking()).await.unwrap();
    let mut content = 0;
    for _ in 0..turns {
        let turn = async {
            loop {
                let mut head = [0; 9];
                if reading.read_exact(&mut head).await.is_err() {
                    return;
                }
                let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                let mut payload = vec![0; len as usize];
                reading.read_exact(&mut payload).await.unwrap();
                match (head[3], head[4]) {
                    (0, _) => content += payload.len(),
                    (6, 0) => {
                        let answer = [&[0, 0, 8, 6, 1, 0, 0, 0, 0], &payload[..]].concat();
                        let _ = writing.write_all(&answer).await;
                    }
                    _ => {}
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(10), turn).await;
        let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        let _ = writing.write_all(&ping).await;
        if window > 0 {
            let update = [0, 0, 4, 8, 0, 0, 0, 0, 1, 0, 0, 0, window];
            let _ = writing.write_all(&update).await;
        }
    }
    (visited.running, content)
}

#[tokio::test(start_paused = true)]
async fn who_opens_no_window_is_given_up() {
    let (running, content) = asked(0, 30).await;
    assert_eq!(content, 0);
    assert!(running.is_finished());
}

#[tokio::test(start_paused = true)]
async fn who_opens_it_for_little_is_served() {
    let (running, content) = asked(1, 30).await;
    assert!(content > 20, "{content}");
    assert!(!running.is_finished());
}
