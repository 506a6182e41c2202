use super::*;

#[test]
fn every_fixed_prefix_prints_as_it_should() {
    for text in [BlockHash::ZERO.to_string(), BlockHash([255; 32]).to_string()] {
        assert!(text.starts_with('B') && text.len() == 51, "{text}");
    }
    let shown = [
        (OperationHash::ZERO.to_string(), "o", 51),
        (OperationListHash::ZERO.to_string(), "Lo", 52),
        (OperationListListHash::ZERO.to_string(), "LLo", 53),
        (ProtocolHash::ZERO.to_string(), "P", 51),
        (ContextHash::ZERO.to_string(), "Co", 52),
        (BlockPayloadHash::ZERO.to_string(), "vh", 52),
        (ChainId::ZERO.to_string(), "Net", 15),
        (ContractHash::ZERO.to_string(), "KT1", 36),
        (ScriptExprHash::ZERO.to_string(), "expr", 54),
        (NonceHash::ZERO.to_string(), "nce", 53),
        (L2MessageId::ZERO.to_string(), "scmsg", 55),
    ];
    for (text, prefix, len) in shown {
        assert!(text.starts_with(prefix), "{text} starts with {prefix}");
        assert_eq!(text.len(), len, "{text}");
    }
}

#[test]
fn every_rollup_prefix_prints_as_it_should() {
    for byte in [0, 0x80, 0xff] {
        let (alpha, todays) = (IdFamily::Alpha, IdFamily::Mainnet);
        let shown = [
            (RollupAddress([byte; 20]).in_family(alpha), "scr1", 37),
            (RollupAddress([byte; 20]).in_family(todays), "sr1", 36),
            (CommitmentHash([byte; 32]).in_family(alpha), "scc1", 54),
            (CommitmentHash([byte; 32]).in_family(todays), "src1", 54),
            (StateHash([byte; 32]).in_family(alpha), "scs1", 54),
            (StateHash([byte; 32]).in_family(todays), "srs1", 54),
            (InboxHash([byte; 32]).in_family(alpha), "scib1", 55),
            (InboxHash([byte; 32]).in_family(todays), "srib1", 55),
            (MerkelizedPayloadHash([byte; 32]).in_family(alpha), "scib2", 55),
            (MerkelizedPayloadHash([byte; 32]).in_family(todays), "srib2", 55),
        ];
        for (text, prefix, len) in shown {
            assert!(text.starts_with(prefix), "{text} starts with {prefix}");
            assert_eq!(text.len(), len, "{text}");
        }
    }
}

#[test]
fn known_identifiers_read_and_print_back() {
    // The document's.
    let commitment = "scc13y58tqmHJtWhWY5Sa3BLu7W3FUjsFZrLCyvdu78VTnmf4aEVWe";
    assert_eq!(commitment.parse::<CommitmentHash>().unwrap().in_family(IdFamily::Alpha), commitment);
    // The initial state of the machine, as today's network writes it.
    let state = "srs11XQCynQfGtuUr4c47rAoazGeTfC33R5FmimBKbnMrWwntHURX1";
    assert_eq!(state.parse::<StateHash>().unwrap().in_family(IdFamily::Mainnet), state);
    // The public network's chain and genesis.
    let genesis: BlockHash = "BLockGenesisGenesisGenesisGenesisGenesisf79b5d1CoW2".parse().unwrap();
    let chain = ChainId::from_slice(&crate::blake2b::hash32(&genesis.0)[..4]).unwrap();
    assert_eq!(chain.to_string(), "NetXdQprcVkpaWU");
}

#[test]
fn identifiers_of_another_kind_are_refused() {
    let block = "BLockGenesisGenesisGenesisGenesisGenesisf79b5d1CoW2";
    let wrong = block.parse::<OperationHash>().unwrap_err();
    assert!(matches!(wrong, B58Error::OtherKind { .. }), "{wrong}");
    let broken = block.replace('2', "3").parse::<BlockHash>().unwrap_err();
    assert!(matches!(broken, B58Error::Malformed { .. }), "{broken}");
    assert!("1".repeat(100_000).parse::<BlockHash>().is_err());
}
