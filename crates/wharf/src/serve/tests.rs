//! The server against clients that it should serve, and against some that it should not.
