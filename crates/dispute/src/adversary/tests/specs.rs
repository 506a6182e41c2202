use super::world::level;
use crate::adversary::spec::Lie;
use crate::{Spec, SpecError, zoo};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn spec(text: &str) -> Result<Spec, SpecError> {
    text.parse()
}

#[test]
fn names_are_told_apart_and_print_back() {
    let names: BTreeSet<_> = zoo().iter().map(|kind| kind.name).collect();
    assert_eq!(names.len(), zoo().len());
    for kind in zoo() {
        for text in [kind.name.to_owned(), format!("{}@123", kind.name)] {
            let spec = spec(&text).unwrap();
            assert_eq!((spec.to_string(), spec.name(), spec.lies()), (text, kind.name, kind.lies));
        }
        assert!(kind.lies.ends_with('.') && kind.lies.len() < 120, "{}", kind.lies);
    }
}

#[test]
fn the_book_tells_of_all_of_them() {
    let page = include_str!("../../../../../book/src/reference/adversaries.md");
    let (_, page) = page.split_once("## Where the machine").unwrap();
    let told = page.lines().filter_map(|line| {
        let (name, lies) = line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ")?;
        Some((name, lies))
    });
    let told: BTreeSet<_> = told.collect();
    assert_eq!(told, zoo().iter().map(|kind| (kind.name, kind.lies)).collect());
}

#[test]
fn places_are_sorted_and_print_back() {
    let two = spec("at:7:1:100,5:0:0@6").unwrap();
    assert_eq!((two.to_string().as_str(), two.name()), ("at:5:0:0,7:1:100@6", "at"));
    assert_eq!(two.from, Some(level(6)));
    assert!(matches!(two.lie, Lie::At(places) if places.len() == 2));
}

#[test]
fn errors_say_what_there_is() {
    let SpecError::Unknown { name, names } = spec("pading").unwrap_err() else { panic!() };
    assert_eq!(name, "pading");
    assert!(names.starts_with("padding, "), "{names}");
    assert!(zoo().iter().all(|kind| names.contains(kind.name)));
    assert_eq!(spec("padding@x"), Err(SpecError::Level("x".to_owned())));
    assert_eq!(spec("padding@2147483648"), Err(SpecError::Level("2147483648".to_owned())));
    for bad in ["", "1", "1:2", "1:2:3:4", "1:x:3", "1:2:-1"] {
        assert_eq!(spec(&format!("at:{bad}")), Err(SpecError::Place(bad.to_owned())));
    }
    let many = vec!["1:2:3"; 65].join(",");
    assert!(matches!(spec(&format!("at:{many}")), Err(SpecError::Place(_))));
    let long = spec(&"x".repeat(1_000)).unwrap_err().to_string();
    assert!(!long.contains(&"x".repeat(65)));
}

proptest! {
    #[test]
    fn what_is_read_prints_back(text in "(at:)?[0-9a-z:,@-]{0,24}") {
        if let Ok(read) = spec(&text) {
            prop_assert_eq!(spec(&read.to_string()), Ok(read));
        }
    }
}
