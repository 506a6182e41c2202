//! Expressions, types, values and scripts.

use crate::laws;
use soru_base::{Binary, IdFamily, Reader};
use soru_michelson::types::Use;
use soru_michelson::{Form, Gas, Micheline, Reading, Script, Source, Type, Value};

/// What an operation may use on the network, in milligas.
const GAS: u64 = 1_040_000_000;

/// Expressions in binary form: stable, and their JSON says the same.
pub fn micheline_binary(bytes: &[u8]) {
    let Some(node) = laws::stable::<Micheline>(bytes) else { return };
    assert_eq!(Micheline::from_json_value(&node.to_json_value()).as_ref(), Ok(&node));
    let _ = (node.node_count(), node.expr_hash());
    // Not every text reads as what it was printed from: `CDR 2` is a macro, annotations may hold anything.
    if let Ok(read) = Micheline::parse(&node.to_string()) {
        assert_eq!(Micheline::parse(&read.to_string()).as_ref(), Ok(&read));
    }
    drop(node.clone());
}

/// Texts: what is read is printed as it reads, and has the same meaning in the other forms.
pub fn micheline_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for source in [Source::expression(text), Source::script(text)].into_iter().flatten() {
        let node = source.node;
        assert_eq!(source.positions.len(), node.node_count());
        let printed = node.to_string();
        assert_eq!(Micheline::parse(&printed).as_ref(), Ok(&node), "printed as {printed}");
        assert_eq!(Micheline::from_bytes(&node.to_bytes()).as_ref(), Ok(&node));
        let mut gas = Gas::new(GAS);
        if let Err(error) = Script::typecheck(&node, &mut gas) {
            let _ = error.to_string();
        }
    }
}

/// JSON: what is read is written as it reads, and has the same meaning in binary form.
pub fn micheline_json(bytes: &[u8]) {
    let Ok(json) = soru_base::json_text::parse(bytes, laws::JSON_DEPTH) else { return };
    let Ok(node) = Micheline::from_json_value(&json) else { return };
    assert_eq!(Micheline::from_json_value(&node.to_json_value()).as_ref(), Ok(&node));
    assert_eq!(Micheline::from_bytes(&node.to_bytes()).as_ref(), Ok(&node));
}

/// Scripts in binary form: typing ends within its gas, and what it says of types is what the parts say alone.
pub fn script(bytes: &[u8]) {
    let Ok(node) = Micheline::from_bytes(bytes) else { return };
    let mut gas = Gas::new(GAS);
    let script = Script::typecheck(&node, &mut gas);
    assert!(gas.used() <= GAS);
    let parameter = Script::parameter_of(&node);
    let storage = Script::storage_of(&node);
    match script {
        Ok(script) => {
            assert!(parameter.ok().is_some_and(|parameter| parameter.ty() == script.parameter().ty()));
            assert!(storage.ok().as_ref() == Some(script.storage()));
            for (name, ty) in script.parameter().entrypoints() {
                assert!(script.parameter().entrypoint(&name).is_some_and(|(_, found)| found == ty));
            }
        }
        Err(error) => drop(error.to_string()),
    }
}

/// A type and a value of it, in binary form: what is read can be written in every form, and reads as the same.
pub fn value(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let (Ok(ty), Ok(node)) = (Micheline::read(&mut reader), Micheline::read(&mut reader)) else { return };
    let Ok(ty) = Type::parse_for(&ty, Use::Pushed) else { return };
    let mut gas = Gas::new(GAS);
    let Ok(value) = Value::parse(&node, &ty, &mut Reading::literal(&mut gas)) else { return };
    let Ok(packed) = value.pack(&ty, &mut gas) else { return };
    for form in
        [Form::Packed, Form::Optimized, Form::Readable(IdFamily::Alpha), Form::Readable(IdFamily::Mainnet)]
    {
        let mut gas = Gas::unlimited();
        let written = value.to_micheline(&ty, form, &mut gas).expect("what can be packed can be written");
        let again = Value::parse(&written, &ty, &mut Reading::literal(&mut gas));
        let again = again.unwrap_or_else(|error| panic!("{form:?} {written}: {error}"));
        let repacked = again.pack(&ty, &mut gas).expect("as before");
        assert_eq!(hex::encode(&repacked), hex::encode(&packed), "{form:?} {written}");
    }
}
