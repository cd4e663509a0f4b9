//! UDP against the kernel on loopback. What has to hold with and without fast paths stands in `suite`,
//! which is run with each set of them.

mod groups;
#[path = "suite/mod.rs"]
mod offload;

#[path = "suite/mod.rs"]
#[expect(
    clippy::duplicate_mod,
    reason = "the same tests, by the name of the module"
)]
mod mmsg;

#[path = "suite/mod.rs"]
#[expect(
    clippy::duplicate_mod,
    reason = "the same tests, by the name of the module"
)]
mod portable;

use crate::{Endpoint, Kind};

#[test]
fn wrong_values_are_refused_before_anything_is_opened() {
    for wrong in [
        "udp-listen://:1#group=10.0.0.1",
        "udp-listen://:1#group=name",
        "udp-listen://:1#source=10.0.0.1",
        "udp-listen://239.1.1.1:1#source=[[::1]]",
        "udp-listen://:1#broadcast",
        "udp-listen://:1#max-peers=0",
        "udp://h:1#idle=5s",
        "udp://h:1#nodelay",
        "udp://h:0",
    ] {
        let error = Endpoint::parse(wrong).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{wrong}");
    }
}
