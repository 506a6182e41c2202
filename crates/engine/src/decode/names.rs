//! Names of functions, from the custom section `name`: for people only.

use wasmparser::{KnownCustom, Name, Parser, Payload};

/// The name of a function, if the kernel says it. The kernel may be broken.
pub(super) fn function(bytes: &[u8], index: u32) -> Option<String> {
    for payload in Parser::new(0).parse_all(bytes) {
        let Payload::CustomSection(section) = payload.ok()? else { continue };
        let KnownCustom::Name(names) = section.as_known() else { continue };
        for name in names {
            let Name::Function(map) = name.ok()? else { continue };
            for naming in map {
                let naming = naming.ok()?;
                if naming.index == index {
                    return Some(naming.name.to_owned());
                }
            }
        }
    }
    None
}
