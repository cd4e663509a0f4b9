//! What the endpoint does over streams in memory: both ends are ours.
