//! What the tests of the whole program share: the program, its peers, and the ground they stand on.
//!
//! A test says what runs and what must come of it; this crate finds the program, gives each run a
//! folder and a clean environment, waits for events with a deadline, and shows the command and
//! everything it printed when something is not as it should be. Nothing here sleeps to wait, and
//! every process, port, namespace and file belongs to one test and goes when it ends.
//! Not here: in-memory channels and the conformance suite (`wharf::testing`).

pub mod capture;
pub mod certs;
pub mod namespace;
pub mod need;
pub mod output;
pub mod pattern;
pub mod peer;
pub mod port;
pub mod proc;
pub mod program;
pub mod pty;
pub mod running;
pub mod site;
pub mod snapshot;
pub mod tcp;
pub mod wait;

pub use output::Output;
pub use program::{Program, example, shell, wharf};
pub use running::Running;
pub use rustix::process::Signal;
