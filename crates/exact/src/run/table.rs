//! Tables that change.

use crate::code::{Shared, Tables};
use soru_pvm::run::TABLE_GROWTH_MAX;
use std::sync::Arc;

/// More elements are left to the machine, which does not make them before it has to.
const ELEMENTS_MAX: usize = 1 << 22;

/// False if there is no such element.
pub(super) fn set(tables: &mut Arc<Tables>, table: u32, index: u64, cell: u64) -> bool {
    let (table, index) = (table as usize, index as usize);
    if index >= tables[table].len() {
        return false;
    }
    Arc::make_mut(tables)[table][index] = cell;
    true
}

/// Elements before, or −1; nothing if it is left to the machine.
pub(super) fn grow(code: &Shared, tables: &mut Arc<Tables>, table: u32, more: u32, cell: u64) -> Option<u64> {
    let index = table as usize;
    let before = tables[index].len();
    let after = before as u64 + u64::from(more);
    if after > code.module.tables_max[index].unwrap_or(u64::MAX).min(u64::from(u32::MAX)) {
        return Some(u64::from(u32::MAX));
    }
    if more > TABLE_GROWTH_MAX || after > ELEMENTS_MAX as u64 {
        return None;
    }
    if more > 0 {
        Arc::make_mut(tables)[index].resize(after as usize, cell);
    }
    Some(before as u64)
}
