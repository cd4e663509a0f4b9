//! The program starts. Everything else about it is tested from the outside in `tests/cli/`; this
//! test is here because it makes `cargo test` build the program that those tests run.

use std::process::Command;

#[test]
fn the_version_is_that_of_the_package() {
    let output = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .arg("--version")
        .output()
        .expect("the program starts");
    assert!(output.status.success());
    let version = concat!("wharf ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), version);
}
