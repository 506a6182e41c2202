//! Values with a form as a subtree: leaves, records, unions, options.
//!
//! [`record!`] and [`union!`] are the one definition of a shape: its type, how it is read, how it is written.

use super::read_leaf;
use crate::state::StateError;
use soru_base::bin::{DecodeError, Reader, put_bool, put_bytes};
use soru_merkle::Tree;

/// Something with a form as a subtree.
pub(crate) trait Node: Clone {
    /// Reads it from its subtree.
    fn read(tree: &Tree) -> Result<Self, StateError>;
    /// Writes it into a directory, beside what is there, or in place of it if it is a leaf.
    /// What was written counts as read from there: it is not written again until it changes.
    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError>;
}

/// A value that is one leaf, in the network's binary encoding.
pub(crate) trait Leaf: Clone {
    /// Appends the encoding.
    fn put(&self, out: &mut Vec<u8>) -> Result<(), StateError>;
    /// Reads one value.
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

pub(crate) fn read_leaf_node<T: Leaf>(tree: &Tree) -> Result<T, StateError> {
    read_leaf(tree, &[], T::get)?.ok_or_else(|| StateError::missing(&[]))
}

pub(crate) fn write_leaf_node<T: Leaf>(value: &T, dir: &mut Tree) -> Result<(), StateError> {
    let mut bytes = Vec::new();
    value.put(&mut bytes)?;
    *dir = Tree::leaf(bytes);
    Ok(())
}

pub(crate) fn read_at<T: Node>(tree: &Tree, path: &[&str]) -> Result<T, StateError> {
    if path.is_empty() {
        return T::read(tree);
    }
    T::read(&tree.find_tree(path)?.unwrap_or_default()).map_err(|e| e.below(path))
}

pub(crate) fn write_at<T: Node>(value: &mut T, dir: &mut Tree, path: &[&str]) -> Result<(), StateError> {
    if path.is_empty() {
        return value.write(dir);
    }
    let mut below = Tree::empty();
    value.write(&mut below).map_err(|e| e.below(path))?;
    Ok(dir.insert_tree(path, below)?)
}

const TAG_MAX: usize = 64;

pub(crate) fn read_tag(tree: &Tree) -> Result<Option<String>, StateError> {
    read_leaf(tree, &["tag"], |r| {
        let bytes = r.bytes(TAG_MAX, "tag")?.to_vec();
        String::from_utf8(bytes).map_err(|_| r.invalid("tag", "no text"))
    })
}

pub(crate) fn write_tag(dir: &mut Tree, tag: &str) -> Result<(), StateError> {
    let mut bytes = Vec::new();
    put_bytes(&mut bytes, tag.as_bytes());
    Ok(dir.insert(&["tag"], bytes)?)
}

/// Types that are leaves.
macro_rules! leaf_nodes {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::lazy::Node for $type {
            fn read(tree: &soru_merkle::Tree) -> Result<Self, $crate::state::StateError> {
                $crate::lazy::node::read_leaf_node(tree)
            }

            fn write(&mut self, dir: &mut soru_merkle::Tree) -> Result<(), $crate::state::StateError> {
                $crate::lazy::node::write_leaf_node(self, dir)
            }
        }
    )*};
}

/// A record: each field below its path, `[]` for the directory of the record itself.
macro_rules! record {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty = [$($path:literal),*]),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name {
            $($(#[$field_meta])* pub(crate) $field: $type,)*
        }

        impl $crate::lazy::Node for $name {
            fn read(tree: &soru_merkle::Tree) -> Result<Self, $crate::state::StateError> {
                Ok(Self { $($field: $crate::lazy::node::read_at(tree, &[$($path),*])?,)* })
            }

            fn write(&mut self, dir: &mut soru_merkle::Tree) -> Result<(), $crate::state::StateError> {
                $($crate::lazy::node::write_at(&mut self.$field, dir, &[$($path),*])?;)*
                Ok(())
            }
        }
    };
}

/// A union: `tag` says which, `value` holds the fields; an empty leaf if there are none.
macro_rules! union {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$case_meta:meta])* $tag:literal $case:ident $({ $($field:ident: $type:ty = [$($path:literal),*]),* $(,)? })?),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        #[allow(clippy::large_enum_variant, reason = "steps follow one another in one place: none is kept in numbers")]
        pub(crate) enum $name {
            $($(#[$case_meta])* $case $({ $($field: $type),* })?,)*
        }

        impl $name {
            /// The tag in the tree.
            #[allow(dead_code, reason = "of some unions only the states' names ask for it")]
            pub(crate) fn tag(&self) -> &'static str {
                match self {
                    $(Self::$case $({ $($field: _),* })? => $tag,)*
                }
            }
        }

        impl $crate::lazy::Node for $name {
            fn read(tree: &soru_merkle::Tree) -> Result<Self, $crate::state::StateError> {
                let tag = $crate::lazy::node::read_tag(tree)?;
                let tag = tag.ok_or_else(|| $crate::state::StateError::missing(&["tag"]))?;
                match tag.as_str() {
                    $($tag => {
                        #[allow(unused_variables, reason = "a case without fields")]
                        let value = tree.find_tree(&["value"])?.unwrap_or_default();
                        // An empty leaf is read all the same: a step's proof holds it.
                        value.find::<&str>(&[])?;
                        Ok(Self::$case $({
                            $($field: $crate::lazy::node::read_at(&value, &[$($path),*])?),*
                        })?)
                    })*
                    other => Err($crate::state::StateError::malformed(&["tag"], format!("the tag {other:?}"))),
                }
            }

            fn write(&mut self, dir: &mut soru_merkle::Tree) -> Result<(), $crate::state::StateError> {
                $crate::lazy::node::write_tag(dir, self.tag())?;
                #[allow(unused_mut, unused_assignments, reason = "a case without fields")]
                let mut value = soru_merkle::Tree::empty();
                match self {
                    $(Self::$case $({ $($field),* })? => {
                        $crate::lazy::node::union_value!(value $({ $($field = [$($path),*]),* })?);
                    })*
                }
                Ok(dir.insert_tree(&["value"], value)?)
            }
        }
    };
}

macro_rules! union_value {
    ($value:ident) => {
        $value = soru_merkle::Tree::leaf(Vec::new())
    };
    ($value:ident { $($field:ident = [$($path:literal),*]),* }) => {
        $($crate::lazy::node::write_at($field, &mut $value, &[$($path),*])?;)*
    };
}

pub(crate) use {leaf_nodes, record, union, union_value};

/// An option of its own directory: `tag` is `Some` or `None`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

impl<T: Node> Node for Maybe<T> {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        match read_tag(tree)?.as_deref() {
            Some("Some") => Ok(Self(Some(read_at(tree, &["value"])?))),
            Some("None") | None => Ok(Self(None)),
            Some(other) => Err(StateError::malformed(&["tag"], format!("the tag {other:?}"))),
        }
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        match &mut self.0 {
            Some(value) => {
                write_tag(dir, "Some")?;
                write_at(value, dir, &["value"])
            }
            None => write_tag(dir, "None"),
        }
    }
}

impl<T: Node> Node for Box<T> {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        T::read(tree).map(Self::new)
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        T::write(self, dir)
    }
}

/// A leaf that may be missing.
impl<T: Leaf> Node for Option<T> {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        read_leaf(tree, &[], T::get)
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        self.as_ref().map_or(Ok(()), |value| write_leaf_node(value, dir))
    }
}

impl Leaf for i32 {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        out.extend_from_slice(&self.to_be_bytes());
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.i32("number")
    }
}

impl Leaf for i64 {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        out.extend_from_slice(&self.to_be_bytes());
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.i64("number")
    }
}

impl Leaf for bool {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        put_bool(out, *self);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.bool("flag")
    }
}

/// Bytes that are a text to the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text(pub(crate) Vec<u8>);

impl Leaf for Text {
    fn put(&self, out: &mut Vec<u8>) -> Result<(), StateError> {
        put_bytes(out, &self.0);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const SANE: usize = 1 << 24;
        Ok(Self(r.bytes(SANE, "text")?.to_vec()))
    }
}

leaf_nodes!(i32, i64, bool, Text);
