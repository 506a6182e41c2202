//! Well-formed things out of arbitrary bytes.

use arbitrary::{Arbitrary as _, Result, Unstructured};
use soru_base::{Binary, Mutez, Reader};
use soru_merkle::{Proof, ProofError};
use soru_protocol::operation::Operation;
use soru_pvm::host::{HostFunction, HostValue, ValueType};

/// The bytes of a proof with the hashes that its tree has, before and after: else hardly any would be looked into. `bytes` may go
/// on behind the proof.
pub(crate) fn honest(proof: &Proof, bytes: &[u8]) -> Option<Vec<u8>> {
    let found = match proof.to_tree() {
        Ok(_) => proof.before(),
        Err(ProofError::Before { found, .. }) => found,
        Err(_) => return None,
    };
    // A tag that says the kinds of both trees, a version, both hashes.
    let kinds = [0, 3].into_iter().map(|tag| {
        let mut bytes = bytes.to_vec();
        bytes[0] = tag;
        bytes[3..35].copy_from_slice(&found.0);
        bytes[35..67].copy_from_slice(&found.0);
        bytes
    });
    kinds.into_iter().find(|bytes| {
        let proof = Proof::read(&mut Reader::new(bytes));
        proof.is_ok_and(|proof| proof.to_tree().is_ok())
    })
}

/// Accounts that have tez and revealed keys.
pub(crate) const STAKERS: usize = 5;
/// When the chain begins, in seconds since 1970.
pub(crate) const FIRST_LEVEL: i64 = 1_000;

/// Something that happens to a chain.
pub(crate) enum Deed {
    /// So many blocks end.
    Blocks(u8),
    /// An account asks for something. Source and counters are not yet those of the account.
    Operation { account: usize, operation: Operation },
}

/// What happens, in order: one byte says who or how many blocks, two how long the operation is that follows in binary form.
pub(crate) fn deeds(bytes: &[u8]) -> Vec<Deed> {
    let mut source = Unstructured::new(bytes);
    let mut all = Vec::new();
    while !source.is_empty() && all.len() < 64 {
        match deed(&mut source) {
            Ok(Some(deed)) => all.push(deed),
            Ok(None) => {}
            Err(_) => break,
        }
    }
    all
}

fn deed(source: &mut Unstructured<'_>) -> Result<Option<Deed>> {
    let who: u8 = source.arbitrary()?;
    if who >= 0xf0 {
        return Ok(Some(Deed::Blocks(who & 0xf)));
    }
    let length = usize::from(u16::from_be_bytes(source.arbitrary()?)).min(source.len());
    let Ok(mut operation) = Operation::from_bytes(source.bytes(length)?) else { return Ok(None) };
    for content in &mut operation.contents {
        // Most of what is arbitrary would be refused for its limits: half of the accounts are more modest.
        if who & 8 == 0 {
            content.fee = Mutez(content.fee.0 % 10_000);
            content.gas_limit = content.gas_limit.clamp(1_000, 200_000);
            content.storage_limit = content.storage_limit.clamp(1_000, 60_000);
        }
    }
    Ok(Some(Deed::Operation { account: usize::from(who) % STAKERS, operation }))
}

/// A host call whose arguments have the right types: mostly small, since most addresses and lengths that work are.
pub(crate) fn call(source: &mut Unstructured<'_>) -> Result<(HostFunction, Vec<HostValue>)> {
    if source.is_empty() {
        return Err(arbitrary::Error::NotEnoughData);
    }
    let which: u8 = source.arbitrary()?;
    let function = HostFunction::ALL[usize::from(which & 0x1f) % HostFunction::ALL.len()];
    let mut args = Vec::new();
    for ty in function.params() {
        args.push(match (ty, which >> 5) {
            (ValueType::I32, 0..=4) => HostValue::I32(u8::arbitrary(source)?.into()),
            (ValueType::I32, 5 | 6) => HostValue::I32(u16::arbitrary(source)?.into()),
            (ValueType::I32, _) => HostValue::I32(source.arbitrary()?),
            (ValueType::I64, 0..=4) => HostValue::I64(u8::arbitrary(source)?.into()),
            (ValueType::I64, _) => HostValue::I64(source.arbitrary()?),
        });
    }
    Ok((function, args))
}

/// A valid kernel that ends, without floats.
pub(crate) fn kernel(bytes: &[u8]) -> Result<Vec<u8>> {
    use wasm_smith::{Config, Module};
    let wasm = |text: &str| wat::parse_str(text).map_err(|_| arbitrary::Error::IncorrectFormat);
    let config = Config {
        available_imports: Some(wasm(&host())?),
        exports: Some(wasm(EXPORTS)?),
        allow_floats: false,
        allow_start_export: true,
        bulk_memory_enabled: true,
        reference_types_enabled: true,
        multi_value_enabled: true,
        sign_extension_ops_enabled: true,
        saturating_float_to_int_enabled: false,
        simd_enabled: false,
        relaxed_simd_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        memory64_enabled: false,
        extended_const_enabled: false,
        wide_arithmetic_enabled: false,
        max_memories: 1,
        max_tables: 1,
        max_memory32_bytes: 4 << 20,
        max_table_elements: 1_000,
        ..Config::default()
    };
    let mut module = Module::new(config, &mut Unstructured::new(bytes))?;
    module.ensure_termination(10_000).map_err(|_| arbitrary::Error::IncorrectFormat)?;
    Ok(module.to_bytes())
}

const EXPORTS: &str = r#"(module (memory (export "mem") 1) (func (export "kernel_run")))"#;

/// A module that imports all host functions.
fn host() -> String {
    let ty = |ty: &ValueType| match ty {
        ValueType::I32 => " i32",
        ValueType::I64 => " i64",
    };
    let imports = HostFunction::ALL.iter().map(|function| {
        let params: String = function.params().iter().map(ty).collect();
        let results: String = function.results().iter().map(ty).collect();
        format!(
            "(import \"{}\" \"{}\" (func (param{params}) (result{results})))",
            HostFunction::MODULE,
            function.name()
        )
    });
    format!("(module {})", imports.collect::<String>())
}
