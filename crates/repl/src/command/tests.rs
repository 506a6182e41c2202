use super::*;
use proptest::prelude::*;

fn ok(line: &str) -> Command {
    parse(line).unwrap().unwrap().command
}

fn error(line: &str) -> String {
    parse(line).unwrap_err().to_string()
}

#[test]
fn all_commands_of_the_document() {
    assert_eq!(ok("show status"), Command::ShowStatus);
    assert_eq!(ok("load inputs"), Command::LoadInputs);
    assert_eq!(ok("show inbox"), Command::ShowInbox);
    assert_eq!(ok("step tick"), Command::Step(Step::Tick(1)));
    assert_eq!(ok("step result"), Command::Step(Step::Result));
    assert_eq!(ok("step kernel_run"), Command::Step(Step::KernelRun));
    assert_eq!(ok("step inbox"), Command::Step(Step::Inbox));
    let key = Key::parse(b"/store/key").unwrap();
    assert_eq!(ok("show key /store/key"), Command::ShowKey(key.clone(), ValueKind::Hex));
    let memory = |address, length, kind| Command::ShowMemory { address, length, kind };
    assert_eq!(ok("show memory at 100 for 0x10 bytes"), memory(100, 16, ValueKind::Hex));
    assert_eq!(ok("show outbox"), Command::ShowOutbox(None));
    assert_eq!(ok("show outbox at level 0"), Command::ShowOutbox(Some(Level::GENESIS)));
    assert_eq!(ok("show durable storage"), Command::ShowDurable);
    assert_eq!(ok("stop"), Command::Stop);
    let timed = parse("time step inbox").unwrap().unwrap();
    assert_eq!(timed, Line { command: Command::Step(Step::Inbox), timed: true });
}

#[test]
fn what_todays_users_write() {
    let root = Key::parse(b"").unwrap();
    assert_eq!(ok("ls"), Command::ShowKeys(root.clone()));
    assert_eq!(ok("show keys /"), Command::ShowKeys(root));
    let store = Key::parse(b"/store").unwrap();
    assert_eq!(ok("show subkeys /store/"), Command::ShowKeys(store.clone()));
    assert_eq!(ok("show keys /store"), Command::ShowKeys(store.clone()));
    assert_eq!(ok("show key /store as u16"), Command::ShowKey(store, ValueKind::Unsigned(2)));
    let memory = |address, length, kind| Command::ShowMemory { address, length, kind };
    assert_eq!(ok("show memory at 4 for 5 bytes as string"), memory(4, 5, ValueKind::Text));
    assert_eq!(ok("show memory at 4 as int64"), memory(4, 8, ValueKind::Signed(8)));
    assert_eq!(ok("reveal preimage"), Command::RevealPreimage(None));
    assert_eq!(ok("reveal preimage of 0aFF"), Command::RevealPreimage(Some(vec![10, 255])));
    assert_eq!(ok("reveal preimage 0aff"), Command::RevealPreimage(Some(vec![10, 255])));
    assert_eq!(ok("reveal metadata"), Command::RevealMetadata);
    assert_eq!(ok("goto tick 11_000_000_000"), Command::GoTo(Tick(11_000_000_000)));
    assert_eq!(ok("\tstep  tick 5 "), Command::Step(Step::Tick(5)));
    assert_eq!((parse(""), parse("  # a remark")), (Ok(None), Ok(None)));
}

#[test]
fn errors_name_the_word_its_place_and_the_nearest_one() {
    assert_eq!(
        error("show  sttaus"),
        "column 7: unexpected `sttaus` after `show`: expected `status`, `tick`, `hash`, `inbox`, `outbox`, `key`, `keys`, \
         `subkeys`, …; did you mean `status`?"
    );
    assert!(error("lod inputs").starts_with("column 1: unexpected `lod` after `the start`"));
    assert!(error("lod inputs").ends_with("did you mean `load`?"));
    assert!(error("step").starts_with("column 6: `step` is not finished"));
    assert!(error("time step").starts_with("column 11: `step` is not finished"));
    assert_eq!(error("goto tick 12x"), "column 11: `12x` is no tick: expected 0 to 18446744073709551615");
    assert!(error("goto tick +1").starts_with("column 11: `+1` is no tick"));
    assert!(error("show outbox at level 2147483648").starts_with("column 22: `2147483648` is no level"));
    assert!(error("show key store").starts_with("column 10: `store` is no key"));
    assert!(error("show key /a as f32").starts_with("column 16: `f32` is no kind of value"));
    assert!(error("show memory at 1 as hex").starts_with("column 21: `hex` is no kind of number"));
    assert!(error("reveal preimage of 0g").starts_with("column 20: `0g` is no hexadecimal value"));
    assert!(error("show memory at 0 for 1048577 bytes").contains("no number of bytes"));
    assert_eq!(error("time time stop"), "column 6: `time` takes another command than `time`");
}

#[test]
fn long_lines_are_refused() {
    let page = "00".repeat(4096);
    assert_eq!(ok(&format!("reveal preimage of {page}")), Command::RevealPreimage(Some(vec![0; 4096])));
    assert!(error(&"x".repeat(65_000)).contains("unexpected"));
    assert_eq!(
        error(&"time ".repeat(20_000)),
        "column 65537: the line has 34464 bytes more than 65536 characters"
    );
}

#[test]
fn help_lists_commands_and_what_they_do() {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(help(&words("stop")), ["  stop", "      end the session"]);
    assert_eq!(help(&words("step tick")).len(), 4);
    assert!(help(&words("stpe")).is_empty());
    assert_eq!(help(&[]).len(), 2 * TABLE.len());
}

#[test]
fn words_and_keys_are_completed() {
    let keys = |key: &Key| match key.steps() {
        [] => vec!["kernel".to_owned(), "key".to_owned()],
        [k] if k == "kernel" => vec!["boot.wasm".to_owned()],
        _ => vec![],
    };
    let complete = |line: &str| complete(line, keys);
    assert_eq!(complete("sh"), (0, vec!["show".to_owned()]));
    assert_eq!(complete("step "), (5, ["tick", "result", "kernel_run", "inbox"].map(str::to_owned).to_vec()));
    assert_eq!(complete("time step k"), (10, vec!["kernel_run".to_owned()]));
    assert_eq!(complete("show key /ke").1, ["/kernel", "/key"]);
    assert_eq!(complete("ls /kernel/"), (3, vec!["/kernel/boot.wasm".to_owned()]));
    assert_eq!(complete("show key /key as u1").1, ["u16", "u128"]);
    assert_eq!(complete("nonsense ").1, [""; 0]);
}

proptest! {
    #[test]
    fn any_line_is_read_without_panic(line in "\\PC{0,80}") {
        let _ = parse(&line);
        let (start, _) = complete(&line, |_| Vec::new());
        prop_assert!(line.is_char_boundary(start));
    }

    #[test]
    fn words_of_commands_in_any_order_are_read_without_panic(
        words in proptest::collection::vec(prop_oneof![
            Just("show"), Just("step"), Just("memory"), Just("at"), Just("for"), Just("bytes"), Just("as"), Just("u16"),
            Just("key"), Just("/a"), Just("time"), Just("tick"), Just("goto"), Just("reveal"), Just("preimage"),
            Just("of"), Just("00"), Just("99999999999999999999"), Just("0x"), Just("-1"), Just("help"), Just("outbox"),
            Just("level"), Just("\u{a0}"), Just("é"),
        ], 0..9),
    ) {
        let _ = parse(&words.join(" "));
        let _ = complete(&words.join(" "), |_| vec!["x".to_owned()]);
    }
}
