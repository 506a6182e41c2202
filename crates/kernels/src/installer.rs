//! The program of the installer kernel, in the form of the network's own installer: see `kernels/installer`.

use thiserror::Error;

/// Where the machine looks for the kernel.
pub const BOOT: &str = "/kernel/boot.wasm";
/// Most bytes of a key of the durable storage.
const KEY_MAX: usize = 250;
/// Most bytes of an instruction.
const INSTRUCTION_MAX: usize = 4096;
/// Name of the custom section.
const SECTION: &str = "config";

/// One thing that the installer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instruction<'a> {
    /// Writes what a tree of pages holds to a key.
    Reveal {
        /// Hash of the root with the byte of its scheme.
        root: [u8; 33],
        /// The key.
        to: &'a str,
    },
    /// Moves a key and all below to another.
    Move {
        /// The key that is there.
        from: &'a str,
        /// The key that it becomes.
        to: &'a str,
    },
    /// Writes bytes to a key.
    Set {
        /// The bytes.
        value: &'a [u8],
        /// The key.
        to: &'a str,
    },
}

/// The installer cannot be given this program.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProgramError {
    /// No key of the durable storage is that long.
    #[error("a key has {KEY_MAX} bytes at most, `{0}` has {len}", len = .0.len())]
    Key(String),
    /// The value is too long for one instruction.
    #[error(
        "an instruction of the installer has {INSTRUCTION_MAX} bytes at most, that for `{key}` has {bytes}"
    )]
    Instruction {
        /// The key that it writes to.
        key: String,
        /// Its bytes.
        bytes: usize,
    },
}

/// An installer that carries out these instructions, and reboots.
pub fn kernel(program: &[Instruction<'_>]) -> Result<Vec<u8>, ProgramError> {
    let mut bytes = Vec::new();
    for instruction in program {
        append(&mut bytes, &encoded(instruction)?);
    }
    bytes.extend_from_slice(&length(&bytes));

    let mut section = vec![SECTION.len() as u8];
    section.extend_from_slice(SECTION.as_bytes());
    section.extend_from_slice(&bytes);
    let mut kernel = crate::INSTALLER.to_vec();
    // A custom section.
    kernel.push(0);
    leb128(&mut kernel, section.len());
    kernel.extend_from_slice(&section);
    Ok(kernel)
}

fn encoded(instruction: &Instruction<'_>) -> Result<Vec<u8>, ProgramError> {
    let mut bytes = Vec::new();
    let to = match *instruction {
        Instruction::Reveal { root, to } => {
            bytes.push(0);
            append(&mut bytes, &root);
            to
        }
        Instruction::Move { from, to } => {
            bytes.push(1);
            key(&mut bytes, from)?;
            to
        }
        Instruction::Set { value, to } => {
            bytes.push(2);
            append(&mut bytes, value);
            to
        }
    };
    key(&mut bytes, to)?;
    if bytes.len() > INSTRUCTION_MAX {
        return Err(ProgramError::Instruction { key: to.to_owned(), bytes: bytes.len() });
    }
    Ok(bytes)
}

fn key(bytes: &mut Vec<u8>, key: &str) -> Result<(), ProgramError> {
    if key.len() > KEY_MAX {
        return Err(ProgramError::Key(key.to_owned()));
    }
    bytes.push(key.len() as u8);
    bytes.extend_from_slice(key.as_bytes());
    Ok(())
}

fn append(bytes: &mut Vec<u8>, more: &[u8]) {
    bytes.extend_from_slice(&length(more));
    bytes.extend_from_slice(more);
}

fn length(bytes: &[u8]) -> [u8; 4] {
    (bytes.len() as u32).to_le_bytes()
}

fn leb128(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The network's own installer ends with the same section for the same program.
    #[test]
    fn the_program_has_the_network_s_form() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/kernels/sdk/installer/");
        let official = std::fs::read(format!("{folder}installer.wasm")).unwrap();
        let root = "000d8b557cb96e4e90262bea3f1942baecc3a1ae5573fc4b00068b5acc61bcb85c";
        let mut hash = [0; 33];
        for (byte, digits) in hash.iter_mut().zip(root.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
        }
        let program = [
            Instruction::Reveal { root: hash, to: "/installer/kernel/boot.wasm" },
            Instruction::Move { from: "/installer/kernel/boot.wasm", to: BOOT },
        ];
        let ours = kernel(&program).unwrap();
        let section = ours.strip_prefix(crate::INSTALLER).unwrap();
        assert_eq!(section.len(), 135);
        assert!(official.ends_with(section));
    }

    #[test]
    fn what_the_installer_would_not_take_is_refused() {
        let long = format!("/{}", "a".repeat(KEY_MAX));
        assert_eq!(
            kernel(&[Instruction::Move { from: BOOT, to: &long }]),
            Err(ProgramError::Key(long.clone()))
        );
        let fits = INSTRUCTION_MAX - 1 - 4 - 1 - 2;
        assert!(kernel(&[Instruction::Set { value: &vec![0; fits], to: "/a" }]).is_ok());
        let error = kernel(&[Instruction::Set { value: &vec![0; fits + 1], to: "/a" }]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "an instruction of the installer has 4096 bytes at most, that for `/a` has 4097"
        );
    }
}
