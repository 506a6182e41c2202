use super::*;
use proptest::prelude::*;
use soru_protocol::Timestamp;

/// A tree of blocks: block `n` of branch `b` has a hash of these two; branches leave branch 0 after level `fork`.
fn header(level: u32, branch: u8, fork: u32) -> Header {
    let hash = |level: u32| {
        let mut bytes = [if level > fork { branch } else { 0 }; 32];
        bytes[..4].copy_from_slice(&level.to_be_bytes());
        BlockHash(bytes)
    };
    Header {
        hash: hash(level),
        level: Level::new(level).unwrap(),
        predecessor: hash(level.saturating_sub(1)),
        timestamp: Timestamp(i64::from(level)),
    }
}

fn followed(levels: std::ops::RangeInclusive<u32>, branch: u8, fork: u32) -> RecentChain {
    let mut chain = RecentChain::new(1_000);
    let apply = levels.map(|level| header(level, branch, fork)).collect();
    chain.follow(&HeadChange { rollback_to: None, depth: 0, apply });
    chain
}

/// Walks from `new`, whose branch leaves branch 0 after `fork`; counts the headers that were asked for.
fn walk(
    followed: &RecentChain,
    new: (u32, u8),
    fork: u32,
    first: u32,
) -> Result<(HeadChange, u32), ChainError> {
    let mut walk = Walk::new(followed, header(new.0, new.1, fork), Level::new(first).unwrap());
    let mut asked = 0;
    loop {
        match walk.step()? {
            Step::Done(change) => return Ok((change, asked)),
            Step::Fetch(hash) => {
                asked += 1;
                let next = header(new.0 - asked, new.1, fork);
                assert_eq!(next.hash, hash);
                walk.supply(next)?;
            }
        }
    }
}

fn levels(change: &HeadChange) -> Vec<u32> {
    change.apply.iter().map(|h| h.level.get()).collect()
}

#[test]
fn the_next_block_needs_no_question() {
    let (change, asked) = walk(&followed(0..=5, 0, 0), (6, 0), 0, 0).unwrap();
    assert_eq!((levels(&change), change.rollback_to, change.depth, asked), (vec![6], None, 0, 0));
}

#[test]
fn the_same_head_changes_nothing() {
    let (change, asked) = walk(&followed(0..=5, 0, 0), (5, 0), 0, 0).unwrap();
    assert_eq!((levels(&change), change.rollback_to, asked), (vec![], None, 0));
}

#[test]
fn missed_blocks_are_asked_for() {
    let (change, asked) = walk(&followed(0..=5, 0, 0), (9, 0), 0, 0).unwrap();
    assert_eq!((levels(&change), change.rollback_to, asked), (vec![6, 7, 8, 9], None, 3));
}

#[test]
fn reorganisations_of_every_depth() {
    for depth in [1, 2, 10] {
        let chain = followed(0..=20, 0, 0);
        let fork = 20 - depth;
        let (change, _) = walk(&chain, (21, 7), fork, 0).unwrap();
        let common = header(fork, 0, 0);
        assert_eq!(change.rollback_to, Some((common.level, common.hash)));
        assert_eq!(change.depth, depth);
        assert_eq!(levels(&change), (fork + 1..=21).collect::<Vec<_>>());
        assert!(change.apply.iter().all(|h| h.hash == header(h.level.get(), 7, fork).hash));
    }
}

#[test]
fn a_better_chain_may_be_shorter() {
    let chain = followed(0..=20, 0, 0);
    let (change, _) = walk(&chain, (18, 7), 15, 0).unwrap();
    assert_eq!(
        (change.rollback_to.unwrap().0.get(), change.depth, levels(&change)),
        (15, 5, vec![16, 17, 18])
    );
    // Back on a block that was left: nothing to take.
    let (change, asked) = walk(&chain, (12, 0), 0, 0).unwrap();
    assert_eq!(
        (change.rollback_to.unwrap().0.get(), change.depth, levels(&change), asked),
        (12, 8, vec![], 0)
    );
}

#[test]
fn the_genesis_may_be_the_common_block() {
    let chain = followed(0..=3, 0, 0);
    let (change, _) = walk(&chain, (4, 7), 0, 0).unwrap();
    assert_eq!((change.rollback_to.unwrap().0, levels(&change)), (Level::GENESIS, vec![1, 2, 3, 4]));
}

#[test]
fn another_genesis_is_an_error() {
    let mut chain = RecentChain::new(10);
    let foreign = Header { hash: BlockHash([9; 32]), ..header(0, 0, 0) };
    chain.follow(&HeadChange { rollback_to: None, depth: 0, apply: vec![foreign] });
    let error = walk(&chain, (2, 0), 0, 0).unwrap_err();
    assert!(matches!(error, ChainError::NoCommonBlock { level, .. } if level.get() == 2), "{error}");
}

#[test]
fn a_fork_before_what_is_remembered_is_an_error() {
    let chain = followed(10..=20, 0, 0);
    let error = walk(&chain, (21, 7), 5, 10).unwrap_err();
    assert!(matches!(error, ChainError::NoCommonBlock { .. }), "{error}");
}

#[test]
fn nothing_followed_starts_at_the_first_level_of_interest() {
    let nothing = RecentChain::new(10);
    for (new, first, expected, questions) in [
        (6, 4, vec![4, 5, 6], 2),
        (6, 6, vec![6], 0),
        (6, 9, vec![], 0),
        (2, 0, vec![0, 1, 2], 2),
        (0, 0, vec![0], 0),
    ] {
        let (change, asked) = walk(&nothing, (new, 0), 0, first).unwrap();
        assert_eq!((levels(&change), change.rollback_to, asked), (expected, None, questions));
    }
}

#[test]
fn a_header_that_was_not_asked_for_is_refused() {
    let chain = followed(0..=5, 0, 0);
    let mut walk = Walk::new(&chain, header(8, 0, 0), Level::GENESIS);
    assert!(matches!(walk.step(), Ok(Step::Fetch(_))));
    for wrong in [header(7, 7, 0), header(6, 0, 0), Header { level: Level::GENESIS, ..header(7, 0, 0) }] {
        assert!(matches!(walk.supply(wrong), Err(ChainError::WrongPredecessor { .. })));
    }
    walk.supply(header(7, 0, 0)).unwrap();
}

#[test]
fn old_blocks_are_forgotten() {
    let mut chain = RecentChain::new(3);
    let apply = (0..=9).map(|level| header(level, 0, 0)).collect();
    chain.follow(&HeadChange { rollback_to: None, depth: 0, apply });
    assert_eq!(chain.at(Level::new(6).unwrap()), None);
    assert_eq!(chain.at(Level::new(7).unwrap()), Some(header(7, 0, 0).hash));
}

proptest! {
    #[test]
    fn following_a_change_leads_to_the_new_head(
        old in 0u32..30, fork in 0u32..30, new in 0u32..40, branch in 0u8..3,
    ) {
        let mut chain = followed(0..=old, 1, 0);
        // Branch 1 is the followed one: other branches leave it nowhere but at the genesis or above.
        let fork = if branch == 1 { 0 } else { fork };
        let like_followed = |level: u32| if level > fork { header(level, branch, fork) } else { header(level, 1, 0) };
        let target = Header {
            predecessor: like_followed(new.saturating_sub(1)).hash,
            ..like_followed(new)
        };
        let mut walk = Walk::new(&chain, target, Level::GENESIS);
        let change = loop {
            match walk.step().unwrap() {
                Step::Done(change) => break change,
                Step::Fetch(hash) => {
                    let level = (0..new).find(|l| like_followed(*l).hash == hash).unwrap();
                    let predecessor = like_followed(level.saturating_sub(1)).hash;
                    walk.supply(Header { predecessor, ..like_followed(level) }).unwrap();
                }
            }
        };
        if let Some((level, hash)) = change.rollback_to {
            prop_assert_eq!(chain.at(level), Some(hash));
            prop_assert!(change.depth > 0);
        }
        chain.follow(&change);
        prop_assert_eq!(chain.head(), Some((target.level, target.hash)));
        for level in 0..=new {
            prop_assert_eq!(chain.at(Level::new(level).unwrap()), Some(like_followed(level).hash));
        }
    }
}
