//! The skip list of the network's inboxes, of basis 4.
//!
//! A cell points back to the last cell of every block of 4^i cells: pointer `i` of the cell at `index` leads to the cell
//! at `index − (index mod 4^i) − 1`. So any cell reaches any older one in a logarithmic number of steps.

use serde_json::{Value, json};
use soru_base::bin::put_n64;
use soru_base::json::{array_field, field, u64_field};
use soru_base::{Binary, DecodeError, IdFamily, Json, JsonError, Reader};

/// Basis of the skip lists of inboxes.
pub(super) const BASIS: u64 = 4;
/// More pointers than a cell can have: 4^32 = 2^64.
const MAX_POINTERS: usize = 33;

/// A cell: its place, what it holds, and hashes of older cells, nearest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell<C, P> {
    /// Place in the list, from 0.
    pub index: u64,
    /// What the cell holds.
    pub content: C,
    /// Hashes of older cells: pointer `i` skips at most 4^i cells.
    pub back_pointers: Vec<P>,
}

impl<C, P: Copy> Cell<C, P> {
    /// The first cell of a list.
    pub fn genesis(content: C) -> Self {
        Self { index: 0, content, back_pointers: Vec::new() }
    }

    /// The cell after this one, whose hash is `pointer`. `None` if this cell has fewer pointers than its index asks for
    /// (only a cell that a stranger made can).
    pub fn next(&self, pointer: P, content: C) -> Option<Self> {
        let index = self.index.checked_add(1)?;
        let mut back_pointers = Vec::new();
        let mut power = Some(1u64);
        while let Some(p) = power.filter(|p| *p <= index) {
            let kept = self.back_pointers.get(back_pointers.len()).copied();
            back_pointers.push(if index % p == 0 { pointer } else { kept? });
            power = p.checked_mul(BASIS);
        }
        Some(Self { index, content, back_pointers })
    }
}

impl<C: Binary, P: Binary> Binary for Cell<C, P> {
    fn write(&self, out: &mut Vec<u8>) {
        put_n64(out, self.index);
        self.content.write(out);
        soru_base::bin::put_sized(out, |out| self.back_pointers.iter().for_each(|p| p.write(out)));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let index = r.n64("index of a cell")?;
        let content = C::read(r)?;
        let mut sub = r.sub("back pointers")?;
        let mut back_pointers = Vec::new();
        while !sub.is_empty() {
            if back_pointers.len() == MAX_POINTERS {
                return Err(sub.invalid("back pointers", format!("more than {MAX_POINTERS} of them")));
            }
            back_pointers.push(P::read(&mut sub)?);
        }
        Ok(Self { index, content, back_pointers })
    }
}

impl<C: Json, P: Json> Json for Cell<C, P> {
    fn to_json(&self, family: IdFamily) -> Value {
        let pointers: Vec<_> = self.back_pointers.iter().map(|p| p.to_json(family)).collect();
        json!({
            "index": self.index.to_string(),
            "content": self.content.to_json(family),
            "back_pointers": pointers,
        })
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let back_pointers = array_field(value, "back_pointers")?
            .iter()
            .enumerate()
            .map(|(i, p)| P::from_json(p, family).map_err(|e| e.at(i).within("back_pointers")))
            .collect::<Result<Vec<_>, _>>()?;
        if back_pointers.len() > MAX_POINTERS {
            return Err(JsonError::new(format!("at most {MAX_POINTERS} back pointers"), value));
        }
        Ok(Self {
            index: u64_field(value, "index")?,
            content: field(value, "content", family)?,
            back_pointers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cells whose hash is their own index.
    fn list(len: u64) -> Vec<Cell<(), u64>> {
        let mut cells = vec![Cell::genesis(())];
        for i in 1..len {
            let next = cells[i as usize - 1].next(i - 1, ()).unwrap();
            cells.push(next);
        }
        cells
    }

    #[test]
    fn pointer_i_leads_to_the_end_of_the_block_of_4_pow_i_before() {
        for cell in list(1_100) {
            let expected: Vec<u64> = (0..)
                .map(|i| 4u64.pow(i))
                .take_while(|p| *p <= cell.index)
                .map(|p| cell.index - cell.index % p - 1)
                .collect();
            assert_eq!(cell.back_pointers, expected, "cell {}", cell.index);
        }
    }

    #[test]
    fn a_cell_short_of_pointers_has_no_successor() {
        assert_eq!(Cell { index: 4, content: (), back_pointers: vec![3u64] }.next(9, ()), None);
        assert_eq!(Cell { index: u64::MAX, content: (), back_pointers: vec![3u64; 33] }.next(9, ()), None);
    }
}
