use super::*;

fn of(text: &str) -> Survey {
    let kernel = wat::parse_str(text).unwrap();
    let survey = survey(&kernel, Version::V0);
    assert_eq!(survey.is_valid(), check(&kernel, Version::V0).is_ok(), "{survey:?}");
    survey
}

fn told(survey: &Survey, rule: Rule) -> (Verdict, String) {
    let finding = survey.findings.iter().find(|finding| finding.rule == rule).unwrap();
    (finding.verdict, finding.says.join("\n"))
}

const GOOD: &str = r#"(module (import "smart_rollup_core" "write_debug" (func $debug (param i32 i32)))
    (memory (export "mem") 2)
    (func $deep (call $debug (i32.const 0) (i32.const 0))) (func $middle (call $deep))
    (func (export "kernel_run") (call $deep) (call $middle) (call $deep)))"#;

#[test]
fn a_kernel_that_keeps_the_rules() {
    let survey = of(GOOD);
    assert!(survey.findings.iter().all(|finding| finding.verdict == Verdict::Kept), "{survey:?}");
    assert_eq!(survey.findings.len(), 6);
    assert_eq!(told(&survey, Rule::Memory).1, "one, exported as `mem`, 128 KiB to begin with");
    assert_eq!(told(&survey, Rule::Imports).1, "write_debug");
    assert_eq!(told(&survey, Rule::CallStack).1, "3 of 299 functions deep at most");
}

#[test]
fn every_broken_rule_is_told_with_its_reason() {
    let survey = of(r#"(module (import "smart_rollup_core" "read_input" (func (param i32)))
        (import "env" "abort" (func)) (import "smart_rollup_core" "store_exists" (func)) (memory 1)
        (func (export "kernel_run") (param i32)))"#);
    let (verdict, says) = told(&survey, Rule::Imports);
    assert_eq!(verdict, Verdict::Broken);
    for part in ["three parameters", "Unexpected module import: env", "smart_rollup_core.store_exists"] {
        assert!(says.contains(part), "{part}: {says}");
    }
    assert_eq!(told(&survey, Rule::Memory).0, Verdict::Broken);
    let (verdict, says) = told(&survey, Rule::Entry);
    assert_eq!((verdict, says.contains("takes a value")), (Verdict::Broken, true), "{says}");
    assert_eq!(told(&survey, Rule::Module).0, Verdict::Kept);

    let survey = of(r#"(module (memory (export "m") 1) (func $interest (drop (f32.const 1))))"#);
    let (verdict, says) = told(&survey, Rule::Floats);
    assert_eq!(verdict, Verdict::Broken);
    assert!(says.contains("function 0 (interest)"), "{says}");
    assert!(!survey.is_valid() && survey.findings.len() == 1);

    let survey = of(r#"(module)"#);
    assert!(told(&survey, Rule::Entry).1.contains("nothing to call"));
    assert!(told(&survey, Rule::Memory).1.contains("no memory"));
}

#[test]
fn what_the_machine_takes_against_the_rules_is_doubtful() {
    let survey = of(r#"(module (memory 1) (export "a" (memory 0)) (export "b" (memory 0))
        (func (export "kernel_run") (result i32) (i32.const 1)))"#);
    assert!(survey.is_valid());
    assert_eq!(told(&survey, Rule::Memory).0, Verdict::Doubtful);
    assert_eq!(told(&survey, Rule::Entry).0, Verdict::Doubtful);
}

#[test]
fn the_depth_of_calls() {
    let stack = |code: &str| {
        of(&format!(r#"(module (memory (export "m") 1) (table 1 funcref) {code})"#)).call_stack.unwrap()
    };
    let chain: String = (1..299).map(|n| format!("(func $f{n} (call $f{}))", n - 1)).collect();
    let kernel = |first: &str, last: u32| {
        format!(r#"(func $f0 {first}) {chain} (func (export "kernel_run") (call $f{last}))"#)
    };
    let deep = stack(&kernel("", 297));
    assert_eq!((deep.direct, deep.recursive, deep.indirect, deep.is_doubtful()), (299, None, false, false));
    assert!(stack(&kernel("", 298)).is_doubtful());
    assert_eq!(
        stack(&kernel("(call_indirect (i32.const 0))", 3)).to_string(),
        "5 of 299 functions deep by direct calls; there are indirect ones, too"
    );
    let recursive = stack(&kernel("(call $f2)", 5));
    assert!(recursive.recursive.is_some_and(|function| function < 3), "{recursive:?}");
    assert!(recursive.is_doubtful());
    // What cannot be reached does not count, the start function does.
    assert_eq!(stack("(func $a (call $a)) (func (export \"kernel_run\"))").recursive, None);
    assert_eq!(stack("(func $a) (func $s (call $a)) (start $s) (func (export \"kernel_run\"))").direct, 2);
}

/// The survey calls those kernels valid that the check takes, whatever the bytes are.
#[test]
fn the_survey_and_the_check_agree_on_the_vectors() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/kernels");
    let mut count = 0;
    for folder in [folder.clone(), folder.join("invalid"), folder.join("sdk"), folder.join("sdk/installer")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "wasm") {
                continue;
            }
            let kernel = std::fs::read(&path).unwrap();
            let found = survey(&kernel, Version::V0);
            assert_eq!(
                found.is_valid(),
                check(&kernel, Version::V0).is_ok(),
                "{}: {found:?}",
                path.display()
            );
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}
