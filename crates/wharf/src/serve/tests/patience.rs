//! Who takes too long, and who does not although it looks like it; in memory and on a paused clock.

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::*;

const LARGE_GET: &str = "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";

impl Visited {
    async fn says(&mut self, request: &str) {
        self.client.write_all(request.as_bytes()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_ends_the_connection() {
    let mut slow = visited(None);
    slow.says("GET / HTTP/1.1\r\nHo").await;
    let second = Duration::from_secs(1);
    // One octet at a time does not buy more.
    let mut octets = 0;
    while timeout(second, &mut slow.running).await.is_err() {
        let _ = slow.client.write_all(b"x").await;
        octets += 1;
        assert!(octets < 60);
    }
    assert!(octets > 8, "{octets}");
    assert_eq!(ending(&mut slow.client).await, b"");
}

#[tokio::test(start_paused = true)]
async fn silence_between_requests_ends_the_connection_and_an_answer_does_not() {
    let mut idle = visited(None);
    idle.says(GET).await;
    let answer = ending(&mut idle.client).await;
    assert!(answer.ends_with(b"\r\n\r\nsmall"));
    // Who takes his time over an answer is not between requests.
    let mut busy = visited(None);
    busy.says(LARGE_GET).await;
    let idle = Patience::default().idle;
    let mut octets = vec![0; 1 << 14];
    for _ in 0..6 {
        assert!(timeout(idle / 2, &mut busy.running).await.is_err());
        busy.client.read_exact(&mut octets).await.unwrap();
    }
    assert!(ending(&mut busy.client).await.len() > LARGE - 7 * octets.len());
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_an_answer_is_given_up() {
    let mut stuck = visited(None);
    stuck.says(LARGE_GET).await;
    stuck.running.await.unwrap();
    let answer = ending(&mut stuck.client).await;
    assert!(!answer.is_empty() && answer.len() < LARGE);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_stops_is_given_up_and_leaves_nothing() {
    let mut stopped = visited(None);
    let head = "PUT /new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf";
    stopped.says(head).await;
    let answer = ending(&mut stopped.client).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.contains(" 408 "), "{answer}");
    stopped.running.await.unwrap();
    let names = std::fs::read_dir(stopped.folder.path()).unwrap();
    assert_eq!(names.count(), 2);
}
