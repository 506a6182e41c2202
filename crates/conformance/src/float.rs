//! Instructions that the machine refuses, or cannot hold in its state, because they are about floats.

/// Whether the instruction at the front of `code` is one of them. Types are not looked at.
pub fn is_float(code: &[u8]) -> bool {
    match code {
        [0x2a | 0x2b | 0x38 | 0x39 | 0x43 | 0x44, ..] => true,
        [0x5b..=0x66 | 0x8b..=0xa6 | 0xb2..=0xbb | 0xbe | 0xbf, ..] => true,
        // Integers from floats: taken, but there is no float to make them of.
        [0xa8..=0xab | 0xae..=0xb1 | 0xbc | 0xbd, ..] => true,
        [0xfc, 0x00..=0x07, ..] => true,
        [0xfd, rest @ ..] => leb(rest).is_some_and(is_float_vector),
        _ => false,
    }
}

/// Of the instructions on vectors. Those that make integers of floats are not among them: the machine has them.
fn is_float_vector(opcode: u32) -> bool {
    let refused = matches!(
        opcode,
        0x13 | 0x14 | 0x1f..=0x22 | 0x41..=0x4c | 0x5e | 0x5f | 0x67..=0x6a | 0xe0 | 0xe1
            | 0xe3..=0xed | 0xef..=0xf7 | 0xfe | 0xff
    );
    let has_no_form = matches!(opcode, 0x74 | 0x75 | 0x7a | 0x94 | 0xfa | 0xfb);
    refused || has_no_form
}

fn leb(bytes: &[u8]) -> Option<u32> {
    let mut value = 0u32;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f).checked_shl(7 * place as u32)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Instructions that take a float or give one, and that the machine takes.
    const INTEGERS_FROM_FLOATS: [&str; 18] = [
        "a8", "a9", "aa", "ab", "ae", "af", "b0", "b1", "bc", "bd", "fc00", "fc01", "fc02", "fc03", "fc04",
        "fc05", "fc06", "fc07",
    ];

    /// As the network's machine was seen to take them or not.
    #[test]
    fn the_vectors_agree() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/expected/opcodes.jsonl");
        let text = std::fs::read_to_string(path).unwrap();
        let mut floats = 0;
        for line in text.lines().skip(1) {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let Some(opcode) = row["opcode"].as_str() else { continue };
            let code = hex::decode(opcode.to_owned() + row["immediates"].as_str().unwrap()).unwrap();
            // Types are not looked at here, nor are lanes that there are not.
            if matches!(code[0], 0x02..=0x04 | 0x1c | 0xd0) || code.starts_with(&[0xfd, 0x0d]) {
                continue;
            }
            let no_form = row.get("fault").is_some();
            let refused = row["error"] == "float instructions are forbidden";
            let expected = refused || no_form || INTEGERS_FROM_FLOATS.contains(&opcode);
            assert_eq!(is_float(&code), expected, "{opcode}: {line}");
            floats += u32::from(expected);
        }
        assert!(floats > 100, "{floats}");
    }

    #[test]
    fn instructions_on_floats_are_told_from_the_others() {
        for (code, float) in [
            (&[0x43, 0, 0, 0, 0][..], true),
            (&[0x41, 0], false),
            (&[0x6a], false),
            (&[0x92], true),
            (&[0xa7], false),
            (&[0xa8], true),
            (&[0xc0], false),
            (&[0xfc, 0x02], true),
            (&[0xfc, 0x0b, 0], false),
            // f32x4.add, i32x4.add, i32x4.trunc_sat_f32x4_s, f64x2.ceil
            (&[0xfd, 0xe4, 0x01], true),
            (&[0xfd, 0xae, 0x01], false),
            (&[0xfd, 0xf8, 0x01], false),
            (&[0xfd, 0x74], true),
        ] {
            assert_eq!(is_float(code), float, "{code:02x?}");
        }
    }
}
