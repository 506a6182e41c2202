use super::*;
use proptest::prelude::*;
use soru_base::BlockHash;

/// Level `i` has the messages [i], [i, i], … of length 0 to i − 1.
fn inboxes(len: u32) -> Vec<LevelInbox> {
    let mut all = vec![LevelInbox::genesis(Level::GENESIS, &ProtocolMessages::default())];
    for i in 1..len {
        let messages: Vec<_> =
            (0..i).map(|j| InboxMessage::External(vec![i as u8; j as usize]).serialize().unwrap()).collect();
        let before = &all[i as usize - 1].inbox;
        all.push(LevelInbox::build(before, &ProtocolMessages::default(), &messages).unwrap());
    }
    all
}

#[test]
fn hashes_are_those_of_a_second_computation() {
    // Computed apart from this code, with another program and another hash library.
    let all = inboxes(21);
    for (level, hash) in [
        (0, "b2c0e9d95b5c9d06262de973b20721f93d40587dc29deaf75d5c0238e34a499d"),
        (1, "e8d5c06e89d92b89b49a3dfce0f3c0375987d794da5e5ca87ed3a27e2613783c"),
        (20, "733912b26da214cbfd3dff0e599a757acab81142e618ad03976bb0b08c0b47aa"),
    ] {
        assert_eq!(all[level].inbox.hash().to_hex(), hash, "level {level}");
    }
    let protocol = ProtocolMessages {
        info: Some((1_700_000_000, BlockHash([9; 32]))),
        migration: Some("t024_024".to_owned()),
    };
    let first = LevelInbox::genesis(Level::new(5).unwrap(), &protocol);
    assert_eq!(first.messages.len(), 4);
    assert_eq!(
        first.inbox.hash().to_hex(),
        "c8cef7f1f47bfeb5335929d6965f17a560961d37b362133401f0b490165ad971"
    );
}

#[test]
fn filling_a_level_message_by_message_gives_the_same() {
    let before = inboxes(3).pop().unwrap().inbox;
    let protocol = ProtocolMessages { info: Some((7, BlockHash([1; 32]))), migration: None };
    let messages: Vec<_> = (0..9u8).map(|i| InboxMessage::External(vec![i]).serialize().unwrap()).collect();
    let mut open = OpenLevel::start(&protocol);
    messages.iter().for_each(|m| open.add(m).unwrap());
    let built = LevelInbox::build(&before, &protocol, &messages).unwrap();
    assert_eq!(before.archive(open.end()).unwrap(), built.inbox);
    assert_eq!(built.cells.len(), built.messages.len());
    assert_eq!(built.cells.last().unwrap().hash(), built.payloads_hash());
}

#[test]
fn every_form_reads_back() {
    for level in inboxes(20) {
        let inbox = level.inbox;
        assert_eq!(Inbox::from_bytes(&inbox.to_bytes()).as_ref(), Ok(&inbox));
        for (family, prefix) in [(IdFamily::Alpha, "scib1"), (IdFamily::Mainnet, "srib1")] {
            let json = inbox.to_json(family);
            assert_eq!(Inbox::from_json(&json, family).as_ref(), Ok(&inbox));
            assert!(inbox.hash().in_family(family).starts_with(prefix));
            let numbered = |n: char| format!("{}{n}", &prefix[..4]);
            assert!(inbox.current_payloads().in_family(family).starts_with(&numbered('2')));
            assert!(level.messages[0].hash().in_family(family).starts_with(&numbered('3')));
            let cell = level.cells.last().unwrap();
            assert_eq!(PayloadCell::from_json(&cell.to_json(family), family).as_ref(), Ok(cell));
            assert_eq!(PayloadCell::from_bytes(&cell.to_bytes()).as_ref(), Ok(cell));
        }
    }
}

#[test]
fn a_strangers_inbox_without_its_pointers_is_an_error() {
    let mut inbox = inboxes(9).pop().unwrap().inbox;
    inbox.old_levels_messages.back_pointers.truncate(1);
    assert_eq!(
        inbox.archive(MerkelizedPayloadHash::ZERO),
        Err(InboxError::MissingBackPointers { index: 8, found: 1 })
    );
}

#[test]
fn messages_have_the_bytes_the_machine_reads() {
    let transfer = InternalMessage::Transfer {
        payload: soru_michelson::Micheline::bytes(vec![0xca, 0xfe]),
        sender: soru_base::ContractHash([1; 20]),
        source: soru_base::PublicKeyHash::Ed25519([2; 20]),
        destination: soru_base::RollupAddress([3; 20]),
    };
    let bytes = transfer.serialize().unwrap();
    let expected = format!("00000a00000002cafe{}00{}{}", "01".repeat(20), "02".repeat(20), "03".repeat(20));
    assert_eq!(hex::encode(bytes.as_bytes()), expected);
    assert_eq!(InternalMessage::start_of_level().as_bytes(), [0, 1]);
    assert_eq!(InternalMessage::end_of_level().as_bytes(), [0, 2]);
    assert_eq!(
        InternalMessage::info_per_level(1, BlockHash::ZERO).as_bytes()[..10],
        [0, 3, 0, 0, 0, 0, 0, 0, 0, 1]
    );
    let all = [
        InboxMessage::Internal(transfer),
        InboxMessage::Internal(InternalMessage::StartOfLevel),
        InboxMessage::Internal(InternalMessage::InfoPerLevel {
            predecessor_timestamp: -5,
            predecessor: BlockHash::ZERO,
        }),
        InboxMessage::Internal(InternalMessage::ProtocolMigration("alpha_current".to_owned())),
        InboxMessage::Internal(InternalMessage::EndOfLevel),
        InboxMessage::External(vec![]),
        InboxMessage::External(vec![7; 4_095]),
    ];
    for message in all {
        assert_eq!(message.serialize().unwrap().parse().as_ref(), Ok(&message));
    }
}

#[test]
fn a_message_has_at_most_4096_bytes_with_its_tag() {
    assert!(InboxMessage::External(vec![0; 4_095]).serialize().is_ok());
    assert_eq!(InboxMessage::External(vec![0; 4_096]).serialize(), Err(MessageTooLargeError { size: 4_097 }));
    assert!(InboxMessage::from_bytes(&[1; 4_097]).is_err());
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = InboxMessage::from_bytes(&bytes);
        let _ = InboxMessage::from_bytes(&[&[0u8], &bytes[..]].concat());
        if let Ok(inbox) = Inbox::from_bytes(&bytes) {
            let _ = inbox.archive(MerkelizedPayloadHash::ZERO);
        }
    }
}
