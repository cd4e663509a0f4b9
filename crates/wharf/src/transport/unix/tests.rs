//! Unix sockets against the kernel: the three kinds, what is known of a peer, and what goes wrong.

use crate::socket::info::SocketName;
use crate::testing::conformance::{check, connected};

#[tokio::test]
async fn streams_and_seqpackets_conform() {
    for scheme in ["unix", "unixpacket"] {
        let folder = tempfile::tempdir().unwrap();
        let pair = async || {
            let path = folder.path().join("socket").display().to_string();
            connected(&format!("{scheme}-listen:{path}"), |bound| {
                assert_eq!(*bound, SocketName::Unix(path.clone().into()));
                format!("{scheme}:{bound}")
            })
            .await
        };
        check(pair)
            .await
            .unwrap_or_else(|broken| panic!("{scheme}: {broken}"));
    }
}
