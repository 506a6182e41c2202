//! The binary form of Micheline.
//!
//! A node is a tag byte and: 0 a number (`Z`), 1 a string, 2 a sequence, 10 bytes, each of the last three behind a four-byte
//! length; 3 to 8 a primitive with 0, 1 or 2 arguments without or with annotations; 9 any primitive, its arguments behind
//! a length, its annotations. Annotations are one string, separated by blanks.

use super::tree::Event;
use super::{MAX_ANNOT_LENGTH, MAX_DEPTH, Micheline, Prim};
use soru_base::bin::{self, Binary, DecodeError, Reader};

impl Binary for Micheline {
    fn write(&self, out: &mut Vec<u8>) {
        // Where the lengths of the open sequences and argument lists are to be written.
        let mut lengths = Vec::new();
        for event in self.events() {
            match event {
                Event::Leaf(Micheline::Int(n)) => {
                    out.push(0);
                    bin::put_z(out, n);
                }
                Event::Leaf(Micheline::String(s)) => {
                    out.push(1);
                    bin::put_bytes(out, s.as_bytes());
                }
                Event::Leaf(Micheline::Bytes(b)) => {
                    out.push(10);
                    bin::put_bytes(out, b);
                }
                Event::Open(Micheline::Prim(prim, args, annots)) => {
                    let counted = u8::try_from(args.len()).ok().filter(|n| *n <= 2);
                    out.push(counted.map_or(9, |n| 3 + 2 * n + u8::from(!annots.is_empty())));
                    out.push(prim.tag());
                    if counted.is_none() {
                        open_length(out, &mut lengths);
                    }
                }
                Event::Close(Micheline::Prim(_, args, annots)) => {
                    if args.len() > 2 {
                        close_length(out, &mut lengths);
                    }
                    if args.len() > 2 || !annots.is_empty() {
                        bin::put_bytes(out, annots.join(" ").as_bytes());
                    }
                }
                Event::Open(_) => {
                    out.push(2);
                    open_length(out, &mut lengths);
                }
                Event::Close(_) => close_length(out, &mut lengths),
                Event::Leaf(_) => {}
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut readers = vec![r.clone()];
        let mut open: Vec<Open> = Vec::new();
        loop {
            let reader = readers.last_mut().expect("the outermost reader is never closed");
            let mut node = match open_or_leaf(reader)? {
                Read::Leaf(node) => Some(node),
                Read::Open(next, sub) => {
                    if open.len() >= MAX_DEPTH {
                        return Err(reader.invalid(WHAT, format!("nested deeper than {MAX_DEPTH}")));
                    }
                    open.push(next);
                    readers.extend(sub);
                    None
                }
            };
            // Close all that ends here.
            loop {
                if let Some(child) = node.take() {
                    match open.last_mut() {
                        Some(parent) => parent.children.push(child),
                        None => {
                            *r = readers.swap_remove(0);
                            return Ok(child);
                        }
                    }
                }
                let Some(parent) = open.last() else { break };
                let full = match parent.arity {
                    Some(n) => parent.children.len() == n,
                    None => readers.last().is_some_and(Reader::is_empty),
                };
                if !full {
                    break;
                }
                let parent = open.pop().expect("checked just above");
                if parent.arity.is_none() {
                    readers.pop();
                }
                let reader = readers.last_mut().expect("the outermost reader is never closed");
                node = Some(match parent.prim {
                    None => Micheline::Seq(parent.children),
                    Some(prim) => {
                        let annots = if parent.annots { read_annots(reader)? } else { Vec::new() };
                        Micheline::Prim(prim, parent.children, annots)
                    }
                });
            }
        }
    }
}

const WHAT: &str = "a Micheline expression";

/// A node whose children are being read: `arity` of them, or as many as its length holds.
struct Open {
    prim: Option<Prim>,
    arity: Option<usize>,
    annots: bool,
    children: Vec<Micheline>,
}

enum Read<'a> {
    Leaf(Micheline),
    Open(Open, Option<Reader<'a>>),
}

fn open_or_leaf<'a>(r: &mut Reader<'a>) -> Result<Read<'a>, DecodeError> {
    let at = r.clone();
    let tag = r.u8(WHAT)?;
    Ok(match tag {
        0 => Read::Leaf(Micheline::Int(r.z("a Micheline number")?)),
        1 => Read::Leaf(Micheline::String(read_string(r, "a Micheline string")?.to_owned())),
        10 => Read::Leaf(Micheline::Bytes(r.bytes(usize::MAX, "Micheline bytes")?.to_vec())),
        2 => {
            let sub = r.sub("a Micheline sequence")?;
            Read::Open(Open { prim: None, arity: None, annots: false, children: Vec::new() }, Some(sub))
        }
        3..=8 => {
            let open = Open {
                prim: Some(read_prim(r)?),
                arity: Some(usize::from((tag - 3) / 2)),
                annots: tag % 2 == 0,
                children: Vec::new(),
            };
            Read::Open(open, None)
        }
        9 => {
            let prim = read_prim(r)?;
            let sub = r.sub("the arguments of a Micheline primitive")?;
            Read::Open(Open { prim: Some(prim), arity: None, annots: true, children: Vec::new() }, Some(sub))
        }
        other => return Err(at.invalid(WHAT, format!("{other:#04x} is no tag (00 to 0a)"))),
    })
}

fn read_prim(r: &mut Reader<'_>) -> Result<Prim, DecodeError> {
    let at = r.clone();
    let tag = r.u8("a Michelson primitive")?;
    Prim::from_tag(tag)
        .ok_or_else(|| at.invalid("a Michelson primitive", format!("{tag:#04x} is no tag of a primitive")))
}

fn read_string<'a>(r: &mut Reader<'a>, what: &'static str) -> Result<&'a str, DecodeError> {
    let at = r.clone();
    std::str::from_utf8(r.bytes(usize::MAX, what)?).map_err(|_| at.invalid(what, "the bytes are no UTF-8"))
}

fn read_annots(r: &mut Reader<'_>) -> Result<Vec<String>, DecodeError> {
    let at = r.clone();
    let text = read_string(r, "annotations")?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(' ')
        .map(|annot| match annot.len() > MAX_ANNOT_LENGTH {
            true => Err(at.invalid("annotations", format!("one is longer than {MAX_ANNOT_LENGTH} bytes"))),
            false => Ok(annot.to_owned()),
        })
        .collect()
}

fn open_length(out: &mut Vec<u8>, lengths: &mut Vec<usize>) {
    lengths.push(out.len());
    out.extend_from_slice(&[0; 4]);
}

fn close_length(out: &mut [u8], lengths: &mut Vec<usize>) {
    if let Some(start) = lengths.pop() {
        let len = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
        out[start..start + 4].copy_from_slice(&len.to_be_bytes());
    }
}
