//! Conditions of uploads that are made at the same time: what one of them changed the others see.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Begins to put three octets to `/small`, until they are asked for: by then the condition held.
async fn begun(server: &Served, condition: &str) -> TcpStream {
    let head = format!(
        "PUT /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\
         Connection: close\r\n{condition}\r\n\r\n"
    );
    let mut stream = server.connect(&head).await;
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Sends the octets. Returns the status.
async fn finished(mut stream: TcpStream, octets: &str) -> String {
    stream.write_all(octets.as_bytes()).await.unwrap();
    let answer = ending(&mut stream).await;
    String::from_utf8_lossy(answer.get(9..12).unwrap_or_default()).into_owned()
}

/// The field ETag of `/small`.
async fn tag(server: &Served) -> String {
    let mut stream = server
        .connect("HEAD /small HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await;
    let answer = String::from_utf8(ending(&mut stream).await).unwrap();
    let fields = answer.lines();
    let tag = fields
        .filter_map(|field| field.strip_prefix("etag: "))
        .next();
    tag.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test]
async fn of_two_with_one_tag_the_later_is_refused() {
    let server = served(Patience::default()).await;
    let condition = format!("If-Match: {}", tag(&server).await);
    let first = begun(&server, &condition).await;
    let second = begun(&server, &condition).await;
    assert_eq!(finished(first, "one").await, "204");
    assert_eq!(finished(second, "two").await, "412");
    let place = server._folder.path().join("small");
    assert_eq!(std::fs::read(place).unwrap(), b"one");
}

#[tokio::test]
async fn of_many_at_once_one_is_stored() {
    let server = served(Patience::default()).await;
    for condition in ["If-Match", "If-None-Match"] {
        let condition = match condition {
            "If-Match" => format!("If-Match: {}", tag(&server).await),
            _ => {
                std::fs::remove_file(server._folder.path().join("small")).unwrap();
                "If-None-Match: *".to_owned()
            }
        };
        let mut uploads = Vec::new();
        for _ in 0..8 {
            uploads.push(begun(&server, &condition).await);
        }
        let all = uploads.into_iter().map(|stream| finished(stream, "new"));
        let mut statuses = futures_util::future::join_all(all).await;
        statuses.sort();
        assert!(statuses[0].starts_with("20"), "{statuses:?}");
        assert!(
            statuses[1..].iter().all(|status| status == "412"),
            "{statuses:?}"
        );
    }
}
