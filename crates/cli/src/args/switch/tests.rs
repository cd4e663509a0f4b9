//! What may be typed, and what is said of what may not.

use std::num::NonZeroU32;

use clap::Parser;
use wharf::link::switch::{Isolation, Mode};

use super::ports::split_name;
use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    flags: SwitchFlags,
}

fn planned(line: &str) -> Result<Switch> {
    let words = std::iter::once("switch").chain(line.split_whitespace());
    let line = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
    plan(line.flags, Names::default())
}

#[track_caller]
fn refused(line: &str, part: &str) {
    let error = planned(line).unwrap_err();
    let text = format!("{error} {}", error.try_this().unwrap_or_default());
    assert!(text.contains(part), "{text}");
}

#[test]
fn names_are_given_or_numbers() {
    let switch =
        planned("lan=udp://127.0.0.1:1 udp://127.0.0.1:2#bind=[0.0.0.0:1] udp-listen://:0");
    let switch = switch.unwrap();
    let names: Vec<_> = switch
        .members
        .iter()
        .map(|member| &member.name[..])
        .collect();
    assert_eq!(names, ["lan", "2", "3"]);
    assert_eq!(split_name("a-1.b=x"), (Some("a-1.b"), "x"));
    for address in ["exec:A=b", "./a=b", "tcp://h:1#a=b", "-=", "=x"] {
        assert_eq!(split_name(address), (None, address));
    }
}

#[test]
fn vlans_belong_to_names() {
    let switch = planned(
        "a=udp://127.0.0.1:1 b=udp://127.0.0.1:2 c=udp://127.0.0.1:3 \
         --access a:10 --trunk b:10,20-29 --native b:1 --isolated c",
    );
    let switch = switch.unwrap();
    assert_eq!(switch.settings.vlans, Vlans::Aware);
    let ten = VlanId::new(10).unwrap();
    assert_eq!(switch.ports[0].mode, Mode::Access(ten));
    let Mode::Trunk { tagged, native } = &switch.ports[1].mode else {
        panic!("{:?}", switch.ports[1]);
    };
    assert_eq!(tagged.iter().count(), 11);
    assert_eq!(*native, Some(VlanId::DEFAULT));
    assert_eq!(switch.ports[2].mode, Mode::Access(VlanId::DEFAULT));
    assert_eq!(switch.ports[2].isolation, Isolation::Isolated);
    let plain = planned("udp://127.0.0.1:1 udp://127.0.0.1:2").unwrap();
    assert_eq!(plain.settings.vlans, Vlans::Transparent);
}

#[test]
fn mistakes_are_found_before_anything_is_opened() {
    let two = "lan=udp://127.0.0.1:1 b=udp://127.0.0.1:2";
    refused(&format!("{two} --access lam:10"), "did you mean lan?");
    refused(
        &format!("{two} --access b:10 --access b:20"),
        "--trunk b:10,20",
    );
    refused(&format!("{two} --access b:10 --trunk b:20"), "twice");
    refused(&format!("{two} --native b:10"), "no trunk");
    refused(&format!("{two} --allow 10.0.0.0/8"), "no port listens");
    refused(
        "a=udp://127.0.0.1:1 a=udp://127.0.0.1:2",
        "two ports are called a",
    );
    refused("udp://127.0.0.1:1", "nobody to talk with");
    refused(
        "tcp://127.0.0.1:1 udp-listen://:0",
        "len16+tcp://127.0.0.1:1",
    );
    refused("udp-listen://:0 --max-peers 5000", "the limit is 1024");
    assert!(
        planned("udp-listen://:0").is_ok(),
        "its peers talk with one another"
    );
}

#[test]
fn values_of_flags() {
    assert!(access("a:0").is_err() && access("a:4095").is_err() && access("10").is_err());
    assert_eq!(access("a:b:7").unwrap().name, "a:b");
    assert_eq!(trunk("a:all").unwrap().value.0.iter().count(), 4094);
    assert!(trunk("a:20-10").is_err() && trunk("a:1,").is_err());
    assert_eq!(probe("off"), Ok(Probe::Off));
    assert!(probe("1ms").is_err() && ageing("0s").is_err());
    assert_eq!(
        storm("100/s"),
        Ok(StormLimits::each(NonZeroU32::new(100).unwrap()))
    );
    let limits = storm("broadcast=5,unknown=7").unwrap();
    assert_eq!(
        (limits.broadcast.map(NonZeroU32::get), limits.multicast),
        (Some(5), None)
    );
    assert!(storm("0").is_err() && storm("all=5").is_err());
    assert!(frame("59").is_err() && frame("64KiB").is_err());
    assert_eq!(frame("9KiB"), Ok(9216));
}
