//! Serial lines: speed, framing and flow control of a terminal device.
//!
//! Sources: termios(3), tty_ioctl(4), ioctl_tty(2) (`TCSETS2`: any speed, by rustix).
//! Not here: which device, who may use it, and the modem lines.

use rustix::termios::{
    self, ControlModes, InputModes, OptionalActions, SpecialCodeIndex, Termios, ioctl_tiocexcl,
};
use std::io;
use std::os::fd::AsFd;

/// The settings of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Bits a second, any number: the device may take the nearest it has.
    pub baud: u32,
    /// Bits in a character.
    pub data_bits: DataBits,
    /// The bit that guards a character.
    pub parity: Parity,
    /// Bits between characters.
    pub stop_bits: StopBits,
    /// How a receiver stops a sender.
    pub flow: Flow,
}

/// Bits in a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataBits {
    /// 5
    Five,
    /// 6
    Six,
    /// 7
    Seven,
    /// 8
    Eight,
}

/// The bit that guards a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// No such bit.
    None,
    /// The count of ones is odd with it.
    Odd,
    /// The count of ones is even with it.
    Even,
    /// Always one.
    Mark,
    /// Always zero.
    Space,
}

/// Bits between characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopBits {
    /// 1
    One,
    /// 2
    Two,
}

/// How a receiver stops a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It cannot.
    None,
    /// By the RTS and CTS wires.
    RtsCts,
    /// By the characters XOFF and XON (0x13, 0x11), which then cannot be data.
    XonXoff,
}

/// Sets the line and makes it raw; returns the settings that the device took, which the caller
/// compares.
///
/// The modem lines are ignored and the receiver is on. Characters in flight are sent as they were
/// meant; what was received is kept.
///
/// # Errors
/// `ENOTTY` if `fd` is no terminal; `EINVAL` if the device takes nothing of it.
/// # Source
/// termios(3). tcsetattr(3) succeeds if *any* change was made, hence the reading back.
pub fn set_line(fd: impl AsFd, line: &Line) -> io::Result<Line> {
    let mut termios = termios::tcgetattr(&fd)?;
    termios.make_raw();
    termios.set_speed(line.baud)?;

    let control = &mut termios.control_modes;
    control.insert(ControlModes::CREAD | ControlModes::CLOCAL);
    control.remove(ControlModes::CSIZE);
    control.insert(match line.data_bits {
        DataBits::Five => ControlModes::CS5,
        DataBits::Six => ControlModes::CS6,
        DataBits::Seven => ControlModes::CS7,
        DataBits::Eight => ControlModes::CS8,
    });
    control.remove(parity_bits(Parity::Mark));
    control.insert(parity_bits(line.parity));
    control.set(ControlModes::CSTOPB, line.stop_bits == StopBits::Two);
    control.set(ControlModes::CRTSCTS, line.flow == Flow::RtsCts);
    let input = InputModes::IXON | InputModes::IXOFF;
    termios.input_modes.set(input, line.flow == Flow::XonXoff);
    termios.input_modes.remove(InputModes::IXANY);
    // A read returns as soon as there is one octet, also after somebody's timed reads.
    termios.special_codes[SpecialCodeIndex::VMIN] = 1;
    termios.special_codes[SpecialCodeIndex::VTIME] = 0;

    termios::tcsetattr(&fd, OptionalActions::Drain, &termios)?;
    self::line(fd)
}

/// Reads the settings of the line. For a device that is no serial line (a pty) they are what was
/// last said about it.
///
/// # Errors
/// `ENOTTY` if `fd` is no terminal.
/// # Source
/// termios(3).
pub fn line(fd: impl AsFd) -> io::Result<Line> {
    let termios = termios::tcgetattr(fd)?;
    let control = termios.control_modes;
    let size = control & ControlModes::CSIZE;
    Ok(Line {
        baud: termios.output_speed(),
        data_bits: match size {
            ControlModes::CS5 => DataBits::Five,
            ControlModes::CS6 => DataBits::Six,
            ControlModes::CS7 => DataBits::Seven,
            _ => DataBits::Eight,
        },
        parity: [Parity::Mark, Parity::Space, Parity::Odd, Parity::Even]
            .into_iter()
            .find(|&parity| control.contains(parity_bits(parity)))
            .unwrap_or(Parity::None),
        stop_bits: match control.contains(ControlModes::CSTOPB) {
            true => StopBits::Two,
            false => StopBits::One,
        },
        flow: flow(&termios),
    })
}

fn flow(termios: &Termios) -> Flow {
    if termios.control_modes.contains(ControlModes::CRTSCTS) {
        Flow::RtsCts
    } else if termios
        .input_modes
        .intersects(InputModes::IXON | InputModes::IXOFF)
    {
        Flow::XonXoff
    } else {
        Flow::None
    }
}

/// The control bits of a parity; those of `Mark` contain all others.
fn parity_bits(parity: Parity) -> ControlModes {
    #[cfg(target_os = "linux")]
    let stick = ControlModes::CMSPAR;
    #[cfg(not(target_os = "linux"))]
    let stick = ControlModes::empty(); // mark and space read back as odd and even
    match parity {
        Parity::None => ControlModes::empty(),
        Parity::Even => ControlModes::PARENB,
        Parity::Odd => ControlModes::PARENB | ControlModes::PARODD,
        Parity::Space => ControlModes::PARENB | stick,
        Parity::Mark => ControlModes::PARENB | ControlModes::PARODD | stick,
    }
}

/// Sends a break: a quarter to half a second of zero bits. Waits until it is over.
///
/// # Errors
/// `ENOTTY` if `fd` is no terminal. A device that knows no break ignores it.
/// # Source
/// tcsendbreak(3).
pub fn send_break(fd: impl AsFd) -> io::Result<()> {
    Ok(termios::tcsendbreak(fd)?)
}

/// Waits until everything written has left the device; for ever, if flow control forbids.
///
/// # Errors
/// `ENOTTY` if `fd` is no terminal; `Interrupted` by a signal.
/// # Source
/// tcdrain(3).
pub fn drain(fd: impl AsFd) -> io::Result<()> {
    Ok(termios::tcdrain(fd)?)
}

/// Refuses further opens of the device with `EBUSY`, until it is closed. CAP_SYS_ADMIN opens it
/// all the same.
///
/// # Errors
/// `ENOTTY` if `fd` is no terminal.
/// # Source
/// tty_ioctl(4), `TIOCEXCL`.
pub fn exclusive(fd: impl AsFd) -> io::Result<()> {
    Ok(ioctl_tiocexcl(fd)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tty::open_pty;

    const PLAIN: Line = Line {
        baud: 115_200,
        data_bits: DataBits::Eight,
        parity: Parity::None,
        stop_bits: StopBits::One,
        flow: Flow::None,
    };

    #[test]
    fn what_was_set_is_read_back() {
        let pty = open_pty().unwrap();
        for line in [
            PLAIN,
            Line {
                baud: 12_345,
                ..PLAIN
            },
            Line {
                stop_bits: StopBits::Two,
                flow: Flow::RtsCts,
                ..PLAIN
            },
            Line {
                baud: 3_000_000,
                flow: Flow::XonXoff,
                ..PLAIN
            },
            PLAIN,
        ] {
            assert_eq!(set_line(&pty.slave, &line).unwrap(), line);
            assert_eq!(super::line(&pty.slave).unwrap(), line);
        }
    }

    #[test]
    fn what_a_device_does_not_take_is_seen_in_the_answer() {
        // A pty carries eight bits without parity, whatever it is asked for.
        let pty = open_pty().unwrap();
        let wanted = Line {
            data_bits: DataBits::Seven,
            parity: Parity::Even,
            ..PLAIN
        };
        assert_eq!(set_line(&pty.slave, &wanted).unwrap(), PLAIN);
    }

    #[test]
    fn parities_differ_in_their_bits() {
        use Parity::*;
        for (index, one) in [None, Odd, Even, Mark, Space].into_iter().enumerate() {
            for two in [None, Odd, Even, Mark, Space].into_iter().skip(index + 1) {
                assert_ne!(parity_bits(one), parity_bits(two), "{one:?} {two:?}");
            }
            assert!(parity_bits(Mark).contains(parity_bits(one)));
        }
    }

    #[test]
    fn the_other_calls_are_taken_by_a_terminal_only() {
        let pty = open_pty().unwrap();
        send_break(&pty.slave).unwrap();
        drain(&pty.slave).unwrap();
        exclusive(&pty.slave).unwrap();
        let file = tempfile::tempfile().unwrap();
        assert_eq!(
            exclusive(&file).unwrap_err().raw_os_error(),
            Some(libc::ENOTTY)
        );
        assert_eq!(
            set_line(&file, &PLAIN).unwrap_err().raw_os_error(),
            Some(libc::ENOTTY)
        );
    }
}
