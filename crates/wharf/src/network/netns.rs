//! A network namespace of this machine as a place for `via=`: `netns://NAME`, `netns://PID`,
//! `netns:///PATH`.
//!
//! Sources: network_namespaces(7), ip-netns(8). Sockets are made on a thread inside the namespace and
//! stay there, as does the lookup of names; everything else stays outside.
//! Not here: making namespaces, and opening sockets in one (`socket/net.rs`).

use crate::socket::address::{Address, Host};
use crate::socket::channel::Kind;
use crate::socket::error::{Error, Result};
use crate::socket::net::Net;
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::units::percent_decode;

/// `netns`
pub static SCHEME: Scheme = Scheme {
    name: "netns",
    aliases: &[],
    layer: Layer::Network,
    roles: Roles::Client,
    shape: Shape::Authority {
        port: PortRule::Absent,
    },
    stands_on: StandsOn::Nothing,
    gives: Kind::Either,
    owns_path: true,
    uses: &[],
    privilege: Some("CAP_SYS_ADMIN, to enter the namespace"),
    options: &[],
    standard: "network_namespaces(7)",
    summary: "a network namespace, as a place for sockets (via=)",
    example: "netns://blue",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Net(build),
};

fn build(parts: &Parts<'_>) -> Result<Net> {
    Ok(Net::Namespace(spec(parts.address)?.into()))
}

/// What the namespace is called: a name, a process or a path.
fn spec(address: &Address) -> Result<String> {
    let authority = address.authority().cloned().unwrap_or_default();
    let host = match &authority.host {
        Host::Missing => String::new(),
        Host::Name(name) => name.clone(),
        Host::V4(address) => address.to_string(),
        Host::V6(..) => return Err(unnamed()),
    };
    let path = match authority.path.as_deref() {
        None | Some("/") => String::new(),
        Some(path) => String::from_utf8(percent_decode(path)).map_err(|_| unnamed())?,
    };
    match (host.is_empty(), path.is_empty()) {
        (false, true) => Ok(host),
        (true, false) => Ok(path),
        _ => Err(unnamed()),
    }
}

fn unnamed() -> Error {
    Error::usage("a network namespace is a name, a process or a path")
        .hint("netns://NAME, netns://PID or netns:///run/netns/NAME")
}

#[cfg(test)]
mod tests {
    use crate::Endpoint;

    fn net(text: &str) -> String {
        let endpoint = Endpoint::parse(text).unwrap();
        format!("{:?}", endpoint.stack().via().unwrap())
    }

    #[test]
    fn a_place_is_a_name_a_process_or_a_path() {
        for (option, net_of) in [
            ("via=[netns://blue]", "blue"),
            ("via=[netns://1]", "1"),
            ("via=[netns:///proc/1/ns/net]", "/proc/1/ns/net"),
            ("netns=blue", "blue"),
            ("netns=/proc/1/ns/net", "/proc/1/ns/net"),
        ] {
            let text = format!("tcp://127.0.0.1:1#{option}");
            assert_eq!(net(&text), format!("Namespace({net_of})"), "{option}");
        }
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for option in [
            "via=[netns://]",
            "via=[netns://a/b]",
            "via=[netns://[::1]]",
            "via=[echo:]",
            "via=[netns://a],netns=b",
        ] {
            let error = Endpoint::parse(&format!("tcp://127.0.0.1:1#{option}")).unwrap_err();
            assert_eq!(error.kind(), crate::Kind::Usage, "{option}: {error}");
        }
    }

    #[tokio::test]
    async fn a_namespace_that_is_not_there_is_named() {
        let endpoint = Endpoint::parse("tcp://127.0.0.1:1#netns=no-such-namespace").unwrap();
        let error = endpoint
            .connect(&crate::Env::new(), None)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "open tcp://127.0.0.1:1#netns=no-such-namespace: there is no network namespace no-such-namespace"
        );
        assert_eq!(error.kind(), crate::Kind::Local);
    }
}
