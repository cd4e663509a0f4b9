use super::*;
use crate::socket::endpoint::Endpoint;
#[test]
fn probe() {
    for text in std::fs::read_to_string("/tmp/probe.txt").unwrap().lines() {
        match Endpoint::parse_with(text, &crate::catalog::CATALOG) {
            Ok(e) => println!(
                "{text}\n  ok {e}   | {}",
                e.address().to_string_with_secrets()
            ),
            Err(e) => {
                println!("{text}\n  {e}");
                if let Some(p) = e.pointer() {
                    println!("    {}\n    {}^", p.text, " ".repeat(p.offset));
                }
                if let Some(h) = e.try_this() {
                    println!("  try: {h}");
                }
            }
        }
    }
}
