//! A directory with changes that are not yet in its trie.
//!
//! Changes are kept by name and put into the trie, in the order of the names, when its hash is asked for. That a name
//! was removed and written again in between leaves no trace then, and what a proof has to open does not depend on the
//! order of the changes. The reference does the same, and the bytes of its proofs show it.

use crate::dropping;
use crate::error::LoadError;
use crate::inode::{self, Entry, InodeCell};
use crate::tree::{Name, Tree};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// A copy of more changes than these is avoided, and they are put into the trie together.
const MANY: usize = 256;

/// A directory as it was, and what was changed since.
#[derive(Clone)]
pub(crate) struct Changes {
    /// There until the changes are dropped.
    base: Option<Arc<InodeCell>>,
    /// By name: what is there now, or nothing if it was removed.
    updates: BTreeMap<Name, Option<Tree>>,
    /// The trie with the changes.
    merged: OnceLock<Arc<InodeCell>>,
}

/// What the changes say of a name.
pub(crate) enum Pending<'a> {
    /// Changed: there, or removed.
    Known(Option<&'a Tree>),
    /// As it was in the base.
    Unchanged,
}

impl Changes {
    pub(crate) fn of(base: Arc<InodeCell>) -> Self {
        Self { base: Some(base), updates: BTreeMap::new(), merged: OnceLock::new() }
    }

    pub(crate) fn base(&self) -> &Arc<InodeCell> {
        self.base.as_ref().expect("the base is there until the changes are dropped")
    }

    pub(crate) fn pending(&self, name: &[u8]) -> Pending<'_> {
        match self.updates.get(name) {
            Some(update) => Pending::Known(update.as_ref()),
            None => Pending::Unchanged,
        }
    }

    /// Changes that can be added to, in place if nobody else holds them.
    pub(crate) fn make_mut(this: &mut Arc<Self>) -> &mut Self {
        if let Some(merged) = this.merged.get() {
            *this = Arc::new(Self::of(merged.clone()));
        } else if this.updates.len() > MANY
            && Arc::get_mut(this).is_none()
            && let Ok(merged) = this.merged().cloned()
        {
            *this = Arc::new(Self::of(merged));
        }
        Arc::make_mut(this)
    }

    /// Puts `child` under `name`, or removes what is there. What was there is looked up, as the reference does.
    pub(crate) fn set(&mut self, name: &[u8], child: Option<Tree>) -> Result<(), LoadError> {
        if !self.updates.contains_key(name) {
            self.base().child(name)?;
        }
        self.updates.insert(name.into(), child);
        Ok(())
    }

    /// The child called `name`, to be changed in place; an empty directory if there is none.
    pub(crate) fn child_mut(&mut self, name: &[u8]) -> Result<&mut Tree, LoadError> {
        if !self.updates.contains_key(name) {
            self.updates.insert(name.into(), self.base().child(name)?);
        }
        let update = self.updates.get_mut(name).expect("the name was put there just now");
        Ok(update.get_or_insert_default())
    }

    /// Number of children.
    pub(crate) fn count(&self) -> Result<u64, LoadError> {
        let mut count = self.base().get()?.count();
        for (name, update) in &self.updates {
            match (self.base().child(name)?.is_some(), update.is_some()) {
                (true, false) => count -= 1,
                (false, true) => count += 1,
                _ => {}
            }
        }
        Ok(count)
    }

    /// Whether nothing is left when `without`, too, is removed.
    pub(crate) fn is_empty_without(&self, without: Option<&[u8]>) -> Result<bool, LoadError> {
        let gone = |name: &[u8]| without == Some(name);
        if self.updates.iter().any(|(name, update)| update.is_some() && !gone(name)) {
            return Ok(false);
        }
        let removed =
            self.updates.len() as u64 + u64::from(without.is_some_and(|n| !self.updates.contains_key(n)));
        match self.base().get()?.count() {
            0 => Ok(true),
            count if count > removed => Ok(false),
            _ => self.base().each(&mut |e| gone(&e.name) || self.updates.contains_key(&e.name)),
        }
    }

    /// All children in the order of their names.
    pub(crate) fn entries(&self) -> Result<BTreeMap<Name, Tree>, LoadError> {
        let mut all = BTreeMap::new();
        self.base().each(&mut |e| {
            all.insert(e.name.clone(), e.child.clone());
            true
        })?;
        for (name, update) in &self.updates {
            match update {
                Some(child) => all.insert(name.clone(), child.clone()),
                None => all.remove(name),
            };
        }
        Ok(all)
    }

    /// The trie with the changes.
    pub(crate) fn merged(&self) -> Result<&Arc<InodeCell>, LoadError> {
        if let Some(merged) = self.merged.get() {
            return Ok(merged);
        }
        let merged = self.merge()?;
        Ok(self.merged.get_or_init(|| merged))
    }

    fn merge(&self) -> Result<Arc<InodeCell>, LoadError> {
        let entry = |(name, update): (&Name, &Option<Tree>)| {
            update.clone().map(|child| Entry { name: name.clone(), child })
        };
        if self.base().loaded().is_some_and(|inode| inode.count() == 0) {
            return inode::directory(self.updates.iter().filter_map(entry).collect());
        }
        if self.updates.len() > MANY && self.updates.values().all(Option::is_some) {
            return self.base().with_all(self.updates.iter().filter_map(entry).collect());
        }
        let mut merged = self.base().clone();
        for (name, update) in &self.updates {
            match update {
                Some(child) => merged = merged.with(name, child.clone())?,
                None if merged.child(name)?.is_some() => merged = merged.without(name)?,
                None => {}
            }
        }
        Ok(merged)
    }

    /// Drops what may be deep.
    pub(crate) fn clear(&mut self) {
        self.updates.clear();
        self.base = None;
        self.merged = OnceLock::new();
    }

    /// Takes out what may be deep.
    pub(crate) fn take_deep(&mut self) -> (impl Iterator<Item = Arc<InodeCell>>, impl Iterator<Item = Tree>) {
        let tries = [self.base.take(), self.merged.take()];
        (tries.into_iter().flatten(), std::mem::take(&mut self.updates).into_values().flatten())
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        dropping::changes(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: u32, content: u32) -> Entry {
        let child = Tree::leaf(content.to_be_bytes().to_vec());
        Entry { name: name.to_string().into_bytes().into(), child }
    }

    #[test]
    fn many_changes_together_are_as_one_after_the_other() {
        for (before, changed) in [(1, 0..2), (2, 5..900), (700, 300..1_000), (1_000, 0..1_000), (3, 0..1)] {
            let base = (0..before).map(|n| entry(n, n));
            let mut names: Vec<Entry> = base.collect();
            names.sort_by(|a, b| a.name.cmp(&b.name));
            let base = inode::directory(names).unwrap();
            let mut new: Vec<Entry> = changed.map(|n| entry(n, n + 7)).collect();
            new.sort_by(|a, b| a.name.cmp(&b.name));
            let mut one_by_one = base.clone();
            for Entry { name, child } in &new {
                one_by_one = one_by_one.with(name, child.clone()).unwrap();
            }
            let together = base.with_all(new).unwrap();
            assert_eq!(together.get().unwrap().count(), one_by_one.get().unwrap().count());
            assert_eq!(together.hash().unwrap(), one_by_one.hash().unwrap());
        }
    }
}
