//! The example kernels.

use crate::support::profile;
use soru_profile::Rows;

#[test]
fn the_echo_kernel() {
    let profile = profile(soru_kernels::ECHO, &[b"one", b"two", b"three"]);
    let [run] = &profile.runs[..] else { panic!("{} runs", profile.runs.len()) };
    let calls = run.calls().unwrap();
    let host = |name: &str| {
        let host = calls.hosts.iter().find(|host| host.function.name() == name);
        host.map(|host| (host.calls, host.failed, host.bytes))
    };
    // Five messages, two of them of the protocol, and once none.
    assert_eq!(host("read_input"), Some((6, 0, 2 + 4 + 4 + 6 + 2)));
    assert_eq!(host("write_output"), Some((3, 0, 3 + 3 + 5)));
    assert!(run.after.keys > run.before.keys);
    assert!(!calls.has_names);
    let lines = run.lines(Rows::default()).join("\n");
    assert!(lines.contains("--keep-names"), "{lines}");
    assert!(lines.contains("kernel_run"), "{lines}");
}

#[test]
fn every_example_kernel_has_a_profile() {
    for (name, kernel) in soru_kernels::all() {
        let profile = profile(kernel, &[b"something"]);
        assert!(profile.runs.iter().all(|run| run.calls().is_some()), "{name}");
    }
}
