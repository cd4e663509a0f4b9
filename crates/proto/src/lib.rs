//! proto
#![no_std]
extern crate alloc;
