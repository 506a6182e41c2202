//! The macros of the text form, as the network's client expands them: hashes of scripts agree.

use crate::text::{ParseError, Position, Shape, Syntax};
use num_bigint::BigInt;

/// The longest name that is taken for a macro; what it expands to grows with its name.
const MAX_NAME: usize = 512;

/// Expands a node whose children are expanded already.
pub(crate) fn expand(mut node: Syntax) -> Result<Syntax, ParseError> {
    let at = node.at;
    let Shape::Prim { name, .. } = &node.shape else { return Ok(node) };
    if name.len() > MAX_NAME || !is_macro(name, &node) {
        return Ok(node);
    }
    let Shape::Prim { name, args, annots } = std::mem::replace(&mut node.shape, Shape::Seq(Vec::new()))
    else {
        return Ok(node);
    };
    Macro { at, name, args, annots }.expand()
}

/// Whether a name is that of a macro, used as one (`CAR` with an argument is one).
fn is_macro(name: &str, node: &Syntax) -> bool {
    let numbered = matches!(node.children(), [Syntax { shape: Shape::Int(_), .. }]);
    match name {
        "FAIL" | "ASSERT" | "ASSERT_NONE" | "ASSERT_SOME" | "ASSERT_LEFT" | "ASSERT_RIGHT" | "IF_SOME"
        | "IF_RIGHT" => true,
        "CAR" | "CDR" => numbered,
        _ => {
            access(name, "C").is_some()
                || access(name, "SET_C").is_some()
                || access(name, "MAP_C").is_some()
                || name.strip_prefix("CMP").is_some_and(is_comparison)
                || name.strip_prefix("IFCMP").is_some_and(is_comparison)
                || name.strip_prefix("IF").is_some_and(is_comparison)
                || name.strip_prefix("ASSERT_").is_some_and(is_comparison)
                || name.strip_prefix("ASSERT_CMP").is_some_and(is_comparison)
                || dips(name).is_some()
                || dups(name).is_some()
                || pairs(name).is_some()
                || name.strip_prefix("UN").is_some_and(|pairs_name| pairs(pairs_name).is_some())
        }
    }
}

fn is_comparison(name: &str) -> bool {
    matches!(name, "EQ" | "NEQ" | "LT" | "GT" | "LE" | "GE")
}

/// The letters between a prefix and `R`: at least two for `CADR`, one for `SET_CAR`.
fn access<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let letters = name.strip_prefix(prefix)?.strip_suffix('R')?;
    let least = if prefix == "C" { 2 } else { 1 };
    (letters.len() >= least && letters.bytes().all(|b| matches!(b, b'A' | b'D'))).then_some(letters)
}

/// The depth of `DIIP`: a Roman numeral, the way the client reads one.
fn dips(name: &str) -> Option<u32> {
    let numeral = name.strip_prefix('D')?.strip_suffix('P')?;
    if numeral.len() < 2 {
        return None;
    }
    let mut sum = 0i64;
    let mut last = 0;
    for letter in numeral.bytes().rev() {
        let value = match letter {
            b'M' => 1000,
            b'D' => 500,
            b'C' => 100,
            b'L' => 50,
            b'X' => 10,
            b'V' => 5,
            b'I' => 1,
            _ => return None,
        };
        sum += if value < last { -value } else { value };
        last = value;
    }
    u32::try_from(sum).ok()
}

fn dups(name: &str) -> Option<usize> {
    let letters = name.strip_prefix('D')?.strip_suffix('P')?;
    (letters.len() >= 2 && letters.bytes().all(|b| b == b'U')).then_some(letters.len())
}

/// A part of `PAPAIR`: a leaf, or a pair.
enum Tree {
    Leaf,
    Pair(Box<(Tree, Tree)>),
}

/// The shape that `PAPAIR` and the like spell.
fn pairs(name: &str) -> Option<Tree> {
    let letters = name.strip_suffix('R')?.as_bytes();
    if letters.len() < 4 || letters[0] != b'P' {
        return None;
    }
    // `PAIR` itself has four letters with its R and is no macro.
    fn part(letters: &[u8], at: &mut usize, left: bool) -> Option<Tree> {
        let letter = *letters.get(*at)?;
        *at += 1;
        match (letter, left) {
            (b'P', _) => {
                let first = part(letters, at, true)?;
                Some(Tree::Pair(Box::new((first, part(letters, at, false)?))))
            }
            (b'A', true) | (b'I', false) => Some(Tree::Leaf),
            _ => None,
        }
    }
    let mut at = 0;
    let tree = part(letters, &mut at, false)?;
    (at == letters.len()).then_some(tree)
}

struct Macro {
    at: Position,
    name: String,
    args: Vec<Syntax>,
    annots: Vec<String>,
}

impl Macro {
    fn expand(mut self) -> Result<Syntax, ParseError> {
        let name = std::mem::take(&mut self.name);
        match name.as_str() {
            "FAIL" => {
                self.arguments(&name, 0)?;
                return Ok(self.fail());
            }
            "CAR" | "CDR" => return self.numbered_access(&name),
            "IF_SOME" | "IF_RIGHT" => {
                self.arguments(&name, 2)?;
                let args = std::mem::take(&mut self.args).into_iter().rev().collect();
                let target = if name == "IF_SOME" { "IF_NONE" } else { "IF_LEFT" };
                let annots = std::mem::take(&mut self.annots);
                let branch = self.prim(target, args, annots);
                return Ok(self.seq(vec![branch]));
            }
            _ => {}
        }
        if let Some(letters) = access(&name, "C") {
            self.arguments(&name, 0)?;
            return Ok(self.access(letters));
        }
        if let Some(letters) = access(&name, "SET_C") {
            self.arguments(&name, 0)?;
            return self.set_access(&name, letters);
        }
        if let Some(letters) = access(&name, "MAP_C") {
            self.arguments(&name, 1)?;
            return self.map_access(&name, letters);
        }
        if let Some(comparison) = name.strip_prefix("CMP") {
            self.arguments(&name, 0)?;
            return Ok(self.compare(comparison));
        }
        if let Some(comparison) = name.strip_prefix("IF") {
            self.arguments(&name, 2)?;
            let (compared, comparison) = match comparison.strip_prefix("CMP") {
                Some(comparison) => (Some("COMPARE"), comparison),
                None => (None, comparison),
            };
            let mut steps: Vec<_> =
                compared.into_iter().chain([comparison]).map(|name| self.bare(name)).collect();
            let (args, annots) = (std::mem::take(&mut self.args), std::mem::take(&mut self.annots));
            steps.push(self.prim("IF", args, annots));
            return Ok(self.seq(steps));
        }
        if let Some(assertion) = name.strip_prefix("ASSERT") {
            self.arguments(&name, 0)?;
            return self.assert(&name, assertion);
        }
        if let Some(depth) = dups(&name) {
            self.arguments(&name, 0)?;
            let annots = std::mem::take(&mut self.annots);
            return Ok(self.prim("DUP", vec![self.int(depth)], annots));
        }
        if let Some(depth) = dips(&name) {
            self.arguments(&name, 1)?;
            let (mut args, annots) = (std::mem::take(&mut self.args), std::mem::take(&mut self.annots));
            if depth != 1 {
                args.insert(0, self.int(depth as usize));
            }
            return Ok(self.prim("DIP", args, annots));
        }
        self.arguments(&name, 0)?;
        match name.strip_prefix("UN") {
            Some(inner) => Ok(self.unpairs(pairs(inner))),
            None => Ok(self.pairs(pairs(&name))),
        }
    }

    fn arguments(&self, name: &str, expected: usize) -> Result<(), ParseError> {
        let found = self.args.len();
        match found == expected {
            true => Ok(()),
            false => {
                Err(ParseError::new(self.at, format!("{name} with {expected} arguments"), found.to_string()))
            }
        }
    }

    fn no_annotations(&self, name: &str) -> Result<(), ParseError> {
        match self.annots.first() {
            None => Ok(()),
            Some(annot) => {
                Err(ParseError::new(self.at, format!("{name} without annotations"), annot.clone()))
            }
        }
    }

    fn node(&self, shape: Shape) -> Syntax {
        Syntax { at: self.at, shape }
    }

    fn prim(&self, name: &str, args: Vec<Syntax>, annots: Vec<String>) -> Syntax {
        self.node(Shape::Prim { name: name.to_owned(), args, annots })
    }

    fn bare(&self, name: &str) -> Syntax {
        self.prim(name, Vec::new(), Vec::new())
    }

    fn annotated(&self, name: &str, annots: &[&str]) -> Syntax {
        self.prim(name, Vec::new(), annots.iter().map(|a| (*a).to_owned()).collect())
    }

    fn seq(&self, items: Vec<Syntax>) -> Syntax {
        self.node(Shape::Seq(items))
    }

    fn int(&self, n: usize) -> Syntax {
        self.node(Shape::Int(BigInt::from(n)))
    }

    fn fail(&self) -> Syntax {
        self.seq(vec![self.bare("UNIT"), self.bare("FAILWITH")])
    }

    fn compare(&mut self, comparison: &str) -> Syntax {
        let annots = std::mem::take(&mut self.annots);
        let last = self.prim(comparison, Vec::new(), annots);
        self.seq(vec![self.bare("COMPARE"), last])
    }

    /// `CAR n` and `CDR n`: components of a comb.
    fn numbered_access(&mut self, name: &str) -> Result<Syntax, ParseError> {
        let annots = std::mem::take(&mut self.annots);
        let index = match self
            .args
            .first_mut()
            .map(|arg| std::mem::replace(&mut arg.shape, Shape::Seq(Vec::new())))
        {
            Some(Shape::Int(n)) => n * 2 + i32::from(name == "CAR"),
            _ => return Err(ParseError::new(self.at, format!("{name} with a number"), "something else")),
        };
        let get = self.prim("GET", vec![self.node(Shape::Int(index))], annots);
        Ok(self.seq(vec![get]))
    }

    fn access(&mut self, letters: &str) -> Syntax {
        let path: Vec<String> = self.annots.iter().filter(|a| *a == "@%" || *a == "@%%").cloned().collect();
        let mut annots = Some(std::mem::take(&mut self.annots));
        let mut steps: Vec<Syntax> = Vec::with_capacity(letters.len());
        for letter in letters.bytes().rev() {
            let name = if letter == b'A' { "CAR" } else { "CDR" };
            // The last step has all annotations.
            steps.push(self.prim(name, Vec::new(), annots.take().unwrap_or_else(|| path.clone())));
        }
        steps.reverse();
        self.seq(steps)
    }

    /// The only field annotation, and the others.
    fn field(&mut self, name: &str) -> Result<Option<String>, ParseError> {
        let (mut fields, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.annots).into_iter().partition(|annot| annot.starts_with('%'));
        self.annots = others;
        if let [_, second, ..] = fields.as_slice() {
            return Err(ParseError::new(
                self.at,
                format!("{name} with one field annotation"),
                second.clone(),
            ));
        }
        Ok(fields.pop())
    }

    fn set_access(&mut self, name: &str, letters: &str) -> Result<Syntax, ParseError> {
        let field = self.field(name)?;
        let (outer, last) = letters.split_at(letters.len() - 1);
        let first = last == "A";
        let mut steps = Vec::new();
        if let Some(field) = &field {
            steps.push(self.bare("DUP"));
            steps.push(self.annotated(if first { "CAR" } else { "CDR" }, &[field]));
            steps.push(self.bare("DROP"));
        }
        let field = field.as_deref().unwrap_or("%");
        match first {
            true => {
                steps.push(self.annotated("CDR", &["@%%"]));
                steps.push(self.bare("SWAP"));
                steps.push(self.annotated("PAIR", &[field, "%@"]));
            }
            false => {
                steps.push(self.annotated("CAR", &["@%%"]));
                steps.push(self.annotated("PAIR", &["%@", field]));
            }
        }
        let innermost = self.seq(steps);
        Ok(self.within(outer, innermost))
    }

    fn map_access(&mut self, name: &str, letters: &str) -> Result<Syntax, ParseError> {
        let field = self.field(name)?;
        let variable: Vec<String> = field.iter().map(|field| format!("@{}", &field[1..])).collect();
        let field = field.as_deref().unwrap_or("%");
        let (outer, last) = letters.split_at(letters.len() - 1);
        let code = match self.args.pop() {
            Some(code @ Syntax { shape: Shape::Seq(_), .. }) => code,
            _ => return Err(ParseError::new(self.at, format!("{name} with a sequence"), "something else")),
        };
        let steps = match last {
            "A" => {
                let mapped = self.seq(vec![self.prim("CAR", Vec::new(), variable), code]);
                vec![
                    self.bare("DUP"),
                    self.annotated("CDR", &["@%%"]),
                    self.prim("DIP", vec![mapped], Vec::new()),
                    self.bare("SWAP"),
                    self.annotated("PAIR", &[field, "%@"]),
                ]
            }
            _ => vec![
                self.bare("DUP"),
                self.prim("CDR", Vec::new(), variable),
                code,
                self.bare("SWAP"),
                self.annotated("CAR", &["@%%"]),
                self.annotated("PAIR", &["%@", field]),
            ],
        };
        let innermost = self.seq(steps);
        Ok(self.within(outer, innermost))
    }

    /// Does something to a part of a pair that is itself a part: the letters lead to it from the outside.
    fn within(&mut self, letters: &str, innermost: Syntax) -> Syntax {
        let mut code = innermost;
        for (index, letter) in letters.bytes().enumerate().rev() {
            let annots = if index == 0 { std::mem::take(&mut self.annots) } else { Vec::new() };
            let pair_annots = ["%@".to_owned(), "%@".to_owned()].into_iter().chain(annots).collect();
            let first = letter == b'A';
            let (taken, other) = if first { ("CAR", "CDR") } else { ("CDR", "CAR") };
            let inside = self.seq(vec![self.annotated(taken, &["@%%"]), code]);
            let mut steps = vec![
                self.bare("DUP"),
                self.prim("DIP", vec![inside], Vec::new()),
                self.annotated(other, &["@%%"]),
            ];
            if first {
                steps.push(self.bare("SWAP"));
            }
            steps.push(self.prim("PAIR", Vec::new(), pair_annots));
            code = self.seq(steps);
        }
        code
    }

    fn assert(&mut self, name: &str, assertion: &str) -> Result<Syntax, ParseError> {
        let annots = std::mem::take(&mut self.annots);
        let renamed = match annots.is_empty() {
            true => self.seq(Vec::new()),
            false => {
                let rename = self.prim("RENAME", Vec::new(), annots.clone());
                self.seq(vec![rename])
            }
        };
        let failing = self.seq(vec![self.fail()]);
        let (before, branch, fails_second) = match assertion {
            "_SOME" => (None, "IF_NONE", false),
            "_RIGHT" => (None, "IF_LEFT", false),
            "_LEFT" => (None, "IF_LEFT", true),
            _ => {
                self.annots = annots;
                self.no_annotations(name)?;
                match assertion.strip_prefix('_') {
                    None => (None, "IF", true),
                    Some("NONE") => (None, "IF_NONE", true),
                    Some(comparison) => {
                        let compared = match comparison.strip_prefix("CMP") {
                            Some(comparison) => self.compare(comparison),
                            None => self.bare(comparison),
                        };
                        (Some(compared), "IF", true)
                    }
                }
            }
        };
        let branches = if fails_second { vec![renamed, failing] } else { vec![failing, renamed] };
        let check = self.prim(branch, branches, Vec::new());
        Ok(self.seq(before.into_iter().chain([check]).collect()))
    }

    /// An instruction some elements below the top.
    fn below(&self, depth: usize, instruction: Syntax) -> Syntax {
        if depth == 0 {
            return instruction;
        }
        let block = self.seq(vec![instruction]);
        let args = if depth == 1 { vec![block] } else { vec![self.int(depth), block] };
        self.prim("DIP", args, Vec::new())
    }

    fn unpairs(&mut self, tree: Option<Tree>) -> Syntax {
        let mut steps = Vec::new();
        let mut depth = 0;
        let mut pending: Vec<Tree> = tree.into_iter().collect();
        while let Some(tree) = pending.pop() {
            match tree {
                Tree::Leaf => depth += 1,
                Tree::Pair(parts) => {
                    steps.push(self.below(depth, self.bare("UNPAIR")));
                    pending.push(parts.1);
                    pending.push(parts.0);
                }
            }
        }
        self.seq(steps)
    }

    fn pairs(&mut self, tree: Option<Tree>) -> Syntax {
        let (fields, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.annots).into_iter().partition(|annot| annot.starts_with('%'));
        let mut fields = fields.into_iter();
        let mut steps = Vec::new();
        let mut depth = 0;
        let mut pending: Vec<Tree> = tree.into_iter().collect();
        // Field annotations name the leaves in order; each belongs to the pair that its leaf is directly in.
        while let Some(tree) = pending.pop() {
            match tree {
                Tree::Leaf => depth += 1,
                Tree::Pair(parts) => {
                    steps.push((depth, leaf_of(&parts.0), leaf_of(&parts.1)));
                    pending.push(parts.1);
                    pending.push(parts.0);
                }
            }
        }
        let names = self.name_leaves(&steps, &mut fields);
        let mut instructions: Vec<Syntax> = steps
            .iter()
            .zip(names)
            .enumerate()
            .map(|(index, ((depth, ..), mut annots))| {
                if index == 0 {
                    annots.extend(others.iter().cloned());
                }
                self.below(*depth, self.prim("PAIR", Vec::new(), annots))
            })
            .collect();
        instructions.reverse();
        self.seq(instructions)
    }

    /// The annotations of every pair.
    fn name_leaves(
        &self,
        pairs: &[(usize, bool, bool)],
        fields: &mut dyn Iterator<Item = String>,
    ) -> Vec<Vec<String>> {
        let leaves = pairs.len() + 1;
        let named: Vec<String> = fields.take(leaves).collect();
        let mut next_leaf = 0;
        let mut names = vec![(None, None); pairs.len()];
        // Walks the pairs in the order of their leaves.
        let mut open: Vec<usize> = Vec::new();
        for (index, (_, left, _)) in pairs.iter().enumerate() {
            open.push(index);
            if *left {
                names[index].0 = named.get(next_leaf).cloned();
                next_leaf += 1;
                // A leaf on the left is followed by the right part.
                while let Some(innermost) = open.last().copied() {
                    if !pairs[innermost].2 {
                        open.pop();
                        break;
                    }
                    names[innermost].1 = named.get(next_leaf).cloned();
                    next_leaf += 1;
                    open.pop();
                }
            }
        }
        names
            .into_iter()
            .map(|pair| match pair {
                (None, None) => Vec::new(),
                (Some(car), None) => vec![car],
                (None, Some(cdr)) => vec!["%".to_owned(), cdr],
                (Some(car), Some(cdr)) => vec![car, cdr],
            })
            .collect()
    }
}

fn leaf_of(tree: &Tree) -> bool {
    matches!(tree, Tree::Leaf)
}
