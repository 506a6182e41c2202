//! Words for those who wrote a kernel by the document, where the network's machine does otherwise.

/// What to say of a kernel that was refused for this reason, if the document is to blame.
pub fn hint(reason: &str) -> Option<&'static str> {
    let about = |name: &str| reason.contains(&format!("\"{name}\""));
    if !reason.contains("incompatible import type") {
        return None;
    }
    if about("write_debug") {
        Some(
            "on the network write_debug has no result, unlike in the document's example: import it without one",
        )
    } else if about("read_input") {
        Some(
            "on the network read_input has three parameters, unlike in the document: a pointer to level and id, the \
             destination, the maximum",
        )
    } else if about("reveal_preimage") {
        Some(
            "on the network reveal_preimage has four parameters, unlike in the document: the hash, its length, the \
             destination, the maximum",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn the_kernels_of_the_document_get_a_hint() {
        let reason =
            "incompatible import type for \"smart_rollup_core\" \"write_debug\": expected func [] -> []";
        assert!(hint(reason).unwrap().contains("no result"));
        assert!(hint(&reason.replace("write_debug", "read_input")).unwrap().contains("three parameters"));
        assert_eq!(hint(&reason.replace("write_debug", "store_has")), None);
        assert_eq!(hint("undefined function 9"), None);
    }
}
