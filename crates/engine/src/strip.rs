//! A kernel without what the machine skips.

use wasm_encoder::{Module, RawSection};
use wasmparser::Parser;

/// The kernel without its custom sections, the names of functions among them. The machine runs both alike; they have other hashes.
pub fn strip(kernel: &[u8]) -> Result<Vec<u8>, StripError> {
    const CUSTOM: u8 = 0;
    let mut stripped = Module::new();
    for payload in Parser::new(0).parse_all(kernel) {
        let payload = payload.map_err(|error| StripError(error.to_string()))?;
        let Some((id, range)) = payload.as_section() else { continue };
        if id != CUSTOM {
            let data = kernel.get(range).ok_or_else(|| StripError("a section is cut".into()))?;
            stripped.section(&RawSection { id, data });
        }
    }
    Ok(stripped.finish())
}

/// The bytes are no WebAssembly module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot leave out the custom sections: {0}")]
pub struct StripError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_sections_are_left_out_and_nothing_else() {
        let bare = r#"(module (memory 1) (func $long_name (export "kernel_run")) (data (i32.const 0) "a"))"#;
        let named = bare.replace("(memory", r#"(@custom "config" "left out") (memory"#);
        let named = wat::parse_str(named).unwrap();
        let stripped = strip(&named).unwrap();
        assert!(stripped.len() < named.len());
        assert_eq!(stripped, wat::parse_str(bare.replace("$long_name ", "")).unwrap());
        assert_eq!(strip(&stripped), Ok(stripped));
        assert!(strip(b"\0asm\x01\0\0\0\x0a").is_err());
    }
}
