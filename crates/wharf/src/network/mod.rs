//! The network layer: places where sockets are opened.

pub mod netns;
