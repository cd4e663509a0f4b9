//! [`wharf_proto::network::echo`]: what is read as an echo is one, and what is written can be read.

use wharf_proto::network::echo::{Echo, HEADER_LEN, Version, header_len};

/// Checks that only whole answers and requests are read, and that a request comes back as it was.
pub fn check(input: &[u8]) {
    if let Some(len) = header_len(input) {
        assert!((20..=60).contains(&len) && len <= input.len());
    }
    for version in [Version::V4, Version::V6] {
        let reply = Echo::parse_reply(version, input);
        let request = Echo::parse_request(version, input);
        assert!(reply.is_none() || request.is_none());
        if let Some(echo) = reply.or(request) {
            let payload = &input[HEADER_LEN..];
            let mut out = Vec::new();
            echo.emit_request(version, payload, &mut out);
            assert_eq!(Echo::parse_request(version, &out), Some(echo));
            assert_eq!(&out[HEADER_LEN..], payload);
        }
    }
}
