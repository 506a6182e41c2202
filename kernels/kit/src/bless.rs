//! Files that the unit tests make, and compare with what is there; `BLESS=1` writes them.

use std::path::Path;

/// Panics if the file has other contents, unless it is to be written.
pub fn compare(path: &Path, expected: &str) {
    let wanted = std::env::var_os("BLESS").is_some();
    if wanted && let Err(error) = std::fs::write(path, expected) {
        panic!("cannot write {}: {error}", path.display());
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{} is out of date: BLESS=1 writes it", path.display());
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An external message in a file of inputs.
pub fn external(message: &[u8]) -> String {
    format!(r#"{{ "external": "{}" }}"#, hex(message.get(1..).unwrap_or_default()))
}

/// A file of inputs: its levels, each a list of messages.
pub fn inputs(levels: &[Vec<String>]) -> String {
    let levels: Vec<_> = levels
        .iter()
        .map(|messages| match messages.len() {
            0 => "  []".to_owned(),
            _ => format!("  [\n    {}\n  ]", messages.join(",\n    ")),
        })
        .collect();
    format!("[\n{}\n]\n", levels.join(",\n"))
}
