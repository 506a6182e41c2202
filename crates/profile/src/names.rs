//! Names of a kernel's functions.

use soru_pvm::run::ENTRYPOINT;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use wasmparser::{ExternalKind, KnownCustom, Name, NameSectionReader, Parser, Payload, TypeRef};

/// Most characters of a name.
const LENGTH_MAX: usize = 200;

/// Names of the functions of a kernel, as far as it says any: those of its imports, of its name section, of its exports.
#[derive(Debug, Clone, Default)]
pub struct Names {
    names: BTreeMap<u32, String>,
    has_section: bool,
    entry: u32,
}

impl Names {
    /// Reads what can be read; what cannot be has no names.
    pub fn of_kernel(kernel: &[u8]) -> Self {
        let mut entry = 0;
        let (mut imported, mut said, mut exported) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for payload in Parser::new(0).parse_all(kernel) {
            match payload {
                Ok(Payload::ImportSection(imports)) => {
                    let imports = imports.into_imports().map_while(Result::ok);
                    let functions = imports.filter(|import| matches!(import.ty, TypeRef::Func(_)));
                    imported.extend((0..).zip(functions.map(|import| import.name.to_owned())));
                }
                Ok(Payload::ExportSection(exports)) => {
                    for export in exports.into_iter().map_while(Result::ok) {
                        if export.kind == ExternalKind::Func {
                            if export.name == ENTRYPOINT {
                                entry = export.index;
                            }
                            exported.entry(export.index).or_insert_with(|| export.name.to_owned());
                        }
                    }
                }
                Ok(Payload::CustomSection(section)) => {
                    if let KnownCustom::Name(names) = section.as_known() {
                        functions(names, &mut said);
                    }
                }
                Ok(_) => (),
                Err(_) => break,
            }
        }
        let has_section = !said.is_empty();
        // The host's own names are better than what a compiler makes of them.
        let mut names = exported;
        names.extend(said);
        names.extend(imported);
        names.values_mut().for_each(|name| *name = readable(name));
        tell_apart(&mut names);
        Self { names, has_section, entry }
    }

    /// Whether the kernel has a name section.
    pub fn has_section(&self) -> bool {
        self.has_section
    }

    /// The function that is exported as `kernel_run`.
    pub(crate) fn entry(&self) -> u32 {
        self.entry
    }

    /// The name of a function: `function[12]` if it has none.
    pub fn name(&self, function: u32) -> String {
        self.names.get(&function).cloned().unwrap_or_else(|| format!("function[{function}]"))
    }
}

fn functions(section: NameSectionReader<'_>, names: &mut BTreeMap<u32, String>) {
    for part in section.into_iter().map_while(Result::ok) {
        if let Name::Function(functions) = part {
            for function in functions.into_iter().map_while(Result::ok) {
                if !function.name.is_empty() {
                    names.insert(function.index, function.name.to_owned());
                }
            }
        }
    }
}

/// Several functions of one name, such as the instances of a generic one, get their index to it.
fn tell_apart(names: &mut BTreeMap<u32, String>) {
    let mut count = BTreeMap::<String, u32>::new();
    names.values().for_each(|name| *count.entry(name.clone()).or_default() += 1);
    for (index, name) in names {
        if count.get(name).is_some_and(|count| *count > 1) {
            *name = format!("{name}[{index}]");
        }
    }
}

/// As people write it, on one line, without what parts the frames of folded text.
fn readable(name: &str) -> String {
    let mut short = Short::default();
    if write!(short, "{:#}", rustc_demangle::demangle(name)).is_err() {
        short.text.push('…');
    }
    let clean = |c: char| match c {
        ';' => ',',
        c if c.is_control() => '?',
        c => c,
    };
    short.text.chars().map(clean).collect()
}

/// The beginning of a name: a short one can stand for a very long one.
#[derive(Default)]
struct Short {
    text: String,
    length: usize,
}

impl Write for Short {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        for c in more.chars() {
            if self.length == LENGTH_MAX {
                return Err(fmt::Error);
            }
            self.text.push(c);
            self.length += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_and_tell_functions_apart() {
        let wat = r#"(module
            (import "smart_rollup_core" "write_debug" (func $_ZN3own5debug17h0123456789abcdefE (param i32 i32)))
            (memory 1) (export "mem" (memory 0))
            (func $_ZN3app4main17h0123456789abcdefE (export "kernel_run"))
            (func $_ZN3app3get17h0123456789abcdefE)
            (func $_ZN3app3get17hfedcba9876543210E)
            (func $_RNvCs1234_7mycrate3foo)
            (func)
            (func (@name "[u8; 4]\0a"))
            (func (export "other")))"#;
        let names = Names::of_kernel(&wat::parse_str(wat).unwrap());
        assert!(names.has_section());
        let found: Vec<_> = (0..9).map(|index| names.name(index)).collect();
        assert_eq!(
            found,
            [
                "write_debug",
                "app::main",
                "app::get[2]",
                "app::get[3]",
                "mycrate::foo",
                "function[5]",
                "[u8, 4]?",
                "other",
                "function[8]"
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_has_no_names() {
        let good = wat::parse_str(r#"(module (func $a) (func $bb (export "kernel_run")))"#).unwrap();
        for length in 0..good.len() {
            let names = Names::of_kernel(&good[..length]);
            assert!(["a", "function[0]"].contains(&names.name(0).as_str()));
        }
        let long = format!("(module (func ${}))", "x".repeat(1000));
        let names = Names::of_kernel(&wat::parse_str(long).unwrap());
        assert_eq!(names.name(0).chars().count(), LENGTH_MAX + 1);
        // Tuples, each of the one before twice: what it is called doubles each time.
        let mut mangled = String::from("_RINvC1a1bTmmE");
        let (mut before, digits) =
            (8, ['0'..='9', 'a'..='z', 'A'..='Z'].into_iter().flatten().collect::<Vec<_>>());
        for _ in 0..12 {
            let here = mangled.len() - 2;
            let (one, digit) = (before - 1, |n: usize| digits[n % 62]);
            let place =
                if one < 62 { digit(one).to_string() } else { format!("{}{}", digit(one / 62), digit(one)) };
            mangled += &format!("TB{place}_B{place}_E");
            before = here;
        }
        assert!(format!("{:#}", rustc_demangle::demangle(&(mangled.clone() + "E"))).len() > 20_000);
        let wat = format!("(module (func ${}))", mangled + "E");
        let name = Names::of_kernel(&wat::parse_str(wat).unwrap()).name(0);
        assert!(name.starts_with("a::b::<(u32, u32), ((u32, u32), ") && name.ends_with('…'), "{name}");
        assert_eq!(name.chars().count(), LENGTH_MAX + 1);
        assert!(!Names::of_kernel(b"no kernel").has_section());
    }
}
