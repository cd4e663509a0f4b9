//! TAP and TUN devices: network devices whose other end is a descriptor of ours.
//!
//! Sources: the kernel's `Documentation/networking/tuntap.rst`, `linux/if_tun.h`, `drivers/net/tun.c`.
//! A TAP device carries Ethernet frames, a TUN device IP packets; a `read` gives one and a `write`
//! takes one. A device that is not persistent goes with its last descriptor.
//! Not here: addresses, routes and bringing it up (`netdev`).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// What the device carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ethernet frames.
    Tap,
    /// IP packets.
    Tun,
}

/// How a device is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// What it carries.
    pub kind: Kind,
    /// It must not be there yet.
    pub exclusive: bool,
    /// It has several descriptors, among which the kernel spreads what leaves.
    pub multi_queue: bool,
    /// Each packet has a `virtio_net_hdr` before it, of ten octets.
    pub vnet_header: bool,
}

impl Mode {
    /// One descriptor, plain packets, an existing device as well as a new one.
    pub const fn new(kind: Kind) -> Mode {
        Mode {
            kind,
            exclusive: false,
            multi_queue: false,
            vnet_header: false,
        }
    }
}

/// An open device.
#[derive(Debug)]
pub struct Opened {
    /// Non-blocking.
    pub fd: OwnedFd,
    /// What it is called in its namespace.
    pub name: String,
}

/// Opens the device of that name, or makes it, in the calling thread's network namespace; for an empty
/// name, or one with `%d` in it, the kernel chooses.
///
/// # Errors
/// `NotFound` or `ENODEV` if the kernel has no such devices; `PermissionDenied` without CAP_NET_ADMIN,
/// unless it is there and ours; `ResourceBusy` if somebody has it, or with `exclusive` if it is there;
/// `InvalidInput` if the name cannot be, or is that of a device of another kind; `Unsupported` other
/// than on Linux.
/// # Source
/// `TUNSETIFF`.
pub fn open(name: &str, mode: Mode) -> io::Result<Opened> {
    linux_only!({
        use rustix::fs::{Mode as Permissions, OFlags};
        let mut request = Request::new(name)?;
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open("/dev/net/tun", flags, Permissions::empty())?;
        let mut bits = libc::IFF_NO_PI;
        bits |= match mode.kind {
            Kind::Tap => libc::IFF_TAP,
            Kind::Tun => libc::IFF_TUN,
        };
        for (is_wanted, bit) in [
            (mode.exclusive, libc::IFF_TUN_EXCL),
            (mode.multi_queue, libc::IFF_MULTI_QUEUE),
            (mode.vnet_header, libc::IFF_VNET_HDR),
        ] {
            if is_wanted {
                bits |= bit;
            }
        }
        // The flags have 16 bits, of which the last is one of them.
        request.flags = bits as u16 as i16;
        request.set(&fd)?;
        let name = request.name();
        Ok(Opened { fd, name })
    })
}

/// Whether the device stays when its last descriptor is closed.
///
/// # Errors
/// `EBADFD` if it is gone; `Unsupported` other than on Linux.
/// # Source
/// `TUNSETPERSIST`.
pub fn set_persistent(fd: impl AsFd, persistent: bool) -> io::Result<()> {
    linux_only!({ order(fd, libc::TUNSETPERSIST, libc::c_ulong::from(persistent)) })
}

/// Lets the user `uid` open the device without privilege.
///
/// # Errors
/// As [`set_persistent`].
/// # Source
/// `TUNSETOWNER`.
pub fn set_owner(fd: impl AsFd, uid: u32) -> io::Result<()> {
    linux_only!({ order(fd, libc::TUNSETOWNER, libc::c_ulong::from(uid)) })
}

/// An ioctl whose argument is a number.
#[cfg(target_os = "linux")]
fn order(fd: impl AsFd, request: libc::Ioctl, value: libc::c_ulong) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: both requests that come here take the number itself and no pointer.
    crate::call::check(unsafe { libc::ioctl(fd, request, value) }).map(drop)
}

/// A `struct ifreq` with flags in it.
#[cfg(target_os = "linux")]
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    flags: i16,
    rest: [u8; size_of::<libc::ifreq>() - libc::IFNAMSIZ - 2],
}

#[cfg(target_os = "linux")]
impl Request {
    fn new(name: &str) -> io::Result<Request> {
        let mut request = Request {
            name: [0; libc::IFNAMSIZ],
            flags: 0,
            rest: [0; _],
        };
        // The last octet ends the name.
        if name.len() >= libc::IFNAMSIZ || name.contains('\0') {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        Ok(request)
    }

    /// `TUNSETIFF`, which writes the name that the device has.
    fn set(&mut self, fd: &OwnedFd) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        const { assert!(size_of::<Request>() == size_of::<libc::ifreq>()) };
        let request: *mut Request = self;
        // SAFETY: the structure has the layout and the length of `ifreq`, and outlives the call; any
        // octets are valid in it.
        crate::call::check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TUNSETIFF, request) })
            .map(drop)
    }

    fn name(&self) -> String {
        let end = self.name.iter().position(|octet| *octet == 0);
        let name = self.name.get(..end.unwrap_or(self.name.len()));
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netdev::{Change, Routing};
    use crate::testing::{namespace, privileged};

    /// Opens devices in a namespace of the test's own.
    fn inside<T: Send>(open: impl FnOnce() -> io::Result<T> + Send) -> Option<T> {
        let space = namespace()?;
        privileged(
            "TUNSETIFF",
            crate::netns::inside(space.as_fd(), open).unwrap(),
        )
    }

    #[test]
    fn the_kernel_chooses_a_name_and_the_device_goes_with_its_descriptor() {
        let Some((opened, routing)) =
            inside(|| Ok((open("", Mode::new(Kind::Tun))?, Routing::new()?)))
        else {
            return;
        };
        assert_eq!(opened.name, "tun0");
        let link = routing.link("tun0").unwrap();
        assert_eq!((link.hardware, link.mac), (0xfffe, None));
        drop(opened);
        assert!(routing.link("tun0").is_err());
    }

    #[test]
    fn a_frame_that_is_written_arrives_and_one_that_leaves_is_read() {
        let Some((opened, routing)) =
            inside(|| Ok((open("t0", Mode::new(Kind::Tap))?, Routing::new()?)))
        else {
            return;
        };
        let index = routing.link("t0").unwrap().index;
        // Nothing can be written while it is down.
        let frame = [0xff; 60];
        let error = rustix::io::write(&opened.fd, &frame).unwrap_err();
        assert_eq!(error, rustix::io::Errno::IO);
        let up = Change {
            up: Some(true),
            ..Change::default()
        };
        routing.change(index, up).unwrap();
        assert_eq!(rustix::io::write(&opened.fd, &frame).unwrap(), frame.len());
        // A device that comes up speaks of its own accord: a router solicitation, a report of MLD.
        crate::testing::readable(&opened.fd);
        let mut buffer = [0; 2048];
        assert!(rustix::io::read(&opened.fd, &mut buffer).unwrap() > 14);
    }

    #[test]
    fn what_stays_is_opened_again_and_what_is_open_is_busy() {
        let Some((again, busy, other)) = inside(|| {
            let new = Mode {
                exclusive: true,
                ..Mode::new(Kind::Tap)
            };
            let first = open("t1", new)?;
            set_persistent(&first.fd, true)?;
            set_owner(&first.fd, 1234)?;
            let busy = open("t1", Mode::new(Kind::Tap)).unwrap_err();
            drop(first);
            let other = open("t1", Mode::new(Kind::Tun)).unwrap_err();
            assert_eq!(
                open("t1", new).unwrap_err().kind(),
                io::ErrorKind::ResourceBusy
            );
            Ok((open("t1", Mode::new(Kind::Tap))?, busy, other))
        }) else {
            return;
        };
        assert_eq!(again.name, "t1");
        assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
        assert_eq!(other.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for name in ["sixteen-octets-x", "a\0b", "a/b"] {
            let error = open(name, Mode::new(Kind::Tap)).unwrap_err();
            let expected = [io::ErrorKind::InvalidInput, io::ErrorKind::PermissionDenied];
            assert!(expected.contains(&error.kind()), "{name}: {error}");
        }
    }
}
