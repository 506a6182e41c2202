//! The shapes that several answers have in common, by their names in the description.

use super::route::errors;
use super::schema::*;
use crate::kernel_runs::Ending;
use std::collections::BTreeMap;

/// The shapes that [`named`] refers to.
pub(super) fn components() -> BTreeMap<&'static str, Schema> {
    let mut out = BTreeMap::from([
        ("Errors", errors().about("What went wrong, one object.")),
        ("BlockHash", base58(&["B"])),
        ("OperationHash", base58(&["o"])),
        ("MessageId", base58(&["scmsg"]).about("A message that was handed to the batcher.")),
        ("RollupAddress", base58(&["scr1", "sr1"])),
        ("CommitmentHash", base58(&["scc1", "src1"])),
        ("StateHash", base58(&["scs1", "srs1"])),
        ("InboxHash", base58(&["scib1", "srib1"])),
        ("MessagesHash", base58(&["scib2", "srib2"])),
        ("Account", base58(&["tz1", "tz2", "tz3", "tz4"])),
        ("Contract", base58(&["KT1"])),
        ("Micheline", anything().about("Michelson as JSON.")),
    ]);
    out.extend(rollup());
    out.extend(outbox());
    out.extend(messages());
    out
}

fn rollup() -> [(&'static str, Schema); 8] {
    let block = [
        has("block_hash", named("BlockHash")),
        has("level", level()),
        has("predecessor", named("BlockHash")),
        has("commitment_hash", or_null(named("CommitmentHash"))),
        has("previous_commitment_hash", named("CommitmentHash")),
        has("inbox_witness", named("MessagesHash")),
        has("inbox_hash", named("InboxHash")),
    ];
    let ticks = [
        has("initial_tick", digits()),
        has("num_ticks", digits()),
        has("state_hash", named("StateHash")),
        has("pvm_status", text()),
    ];
    let full = [
        has("inbox", named("Inbox")),
        has("messages", list(hex())),
        may("commitment", named("Commitment")),
        may("outbox", list(named("IndexedOutboxMessageSummary"))),
    ];
    let run = [has("ticks", or_null(digits())), has("end", word(&Ending::ALL.map(Ending::name)))];
    [
        ("KernelRuns", object([has("bound", digits()), has("runs", list(object(run)))])),
        (
            "Commitment",
            object([
                has("compressed_state", named("StateHash")),
                has("inbox_level", level()),
                has("predecessor", named("CommitmentHash")),
                has("number_of_ticks", digits()),
            ]),
        ),
        (
            "CommitmentWithHash",
            object([has("commitment", named("Commitment")), has("hash", named("CommitmentHash"))]),
        ),
        (
            "PublishedCommitment",
            object([
                has("commitment", named("Commitment")),
                has("hash", named("CommitmentHash")),
                may("first_published_at_level", level()),
                may("published_at_level", level()),
            ]),
        ),
        (
            "Inbox",
            object([
                has("level", level()),
                has(
                    "old_levels_messages",
                    object([
                        has("index", digits()),
                        has("content", object([has("hash", named("MessagesHash")), has("level", level())])),
                        has("back_pointers", list(named("InboxHash"))),
                    ]),
                ),
            ]),
        ),
        ("Block", object(block.iter().cloned().chain(ticks.clone()))),
        ("FullBlock", object(block.into_iter().chain(full).chain(ticks))),
        (
            "CommittedStatus",
            one_of([
                object([has(
                    "uncommitted",
                    object([
                        has("commitment_level", level()),
                        has("estimated_commitment_time", time()),
                        has("estimated_cementation_time", time()),
                    ]),
                )]),
                object([has("committed", committed(has("estimated_cementation_time", time())))]),
                object([has("cemented", committed(has("blocks_since_cemented", natural())))]),
            ]),
        ),
    ]
}

fn committed(last: Member) -> Schema {
    object([
        has("commitment_hash", named("CommitmentHash")),
        has("commitment_level", level()),
        has("first_published_level", level()),
        has("published_level", or_null(level())),
        last,
    ])
}

fn outbox() -> [(&'static str, Schema); 5] {
    let call = |typed: bool| {
        let ty = typed.then(|| has("parameters_ty", named("Micheline")));
        object(
            [has("parameters", named("Micheline")), has("destination", named("Contract"))]
                .into_iter()
                .chain(ty)
                .chain([may("entrypoint", text())]),
        )
    };
    let batch = |typed, kind| object([has("transactions", list(call(typed))), has("kind", word(&[kind]))]);
    let unreadable = object([has("kind", word(&["unreadable"])), has("bytes", hex()), has("reason", text())]);
    let message = one_of([
        batch(false, "untyped"),
        batch(true, "typed"),
        object([may("whitelist", list(named("Account"))), has("kind", word(&["whitelist_update"]))]),
        object([has("payload", text()), has("kind", word(&["canonical_rollup_signal"]))]),
        unreadable,
    ]);
    let indexed = |index: &'static str, shape: fn() -> Schema| has(index, shape());
    [
        ("OutboxMessage", message.about("`unreadable`: bytes that the layer-1 takes for no message.")),
        (
            "Output",
            object([
                has("outbox_level", level()),
                indexed("message_index", digits),
                has("message", named("OutboxMessage")),
            ]),
        ),
        ("OutboxMessageSummary", summary([])),
        ("IndexedOutboxMessageSummary", summary([indexed("message_index", natural)])),
        (
            "PendingOutbox",
            object([
                has("outbox_level", level()),
                has(
                    "messages",
                    list(object([
                        indexed("message_index", natural),
                        may("message", named("OutboxMessageSummary")),
                    ])),
                ),
                has("status", word(&["pending", "executable", "lost"])),
            ]),
        ),
    ]
}

/// An outbox message without what is the default, with more members.
fn summary<const N: usize>(more: [Member; N]) -> Schema {
    let call = object([
        has("destination", named("Contract")),
        may("entrypoint", text()),
        may("parameters", named("Micheline")),
        may("parameters_ty", named("Micheline")),
    ]);
    let with = |members: Vec<Member>| object(more.iter().cloned().chain(members));
    one_of([
        with(vec![has("transactions", list(call))]),
        with(vec![has("whitelist_update", or_null(list(named("Account"))))]),
        with(vec![has("canonical_rollup_signal", text())]),
        with(vec![has("kind", word(&["unreadable"])), has("bytes", hex()), has("reason", text())]),
    ])
}

fn messages() -> [(&'static str, Schema); 3] {
    let operation = object([has("kind", word(&["add_messages"])), has("message", list(hex()))]);
    let sent = || vec![has("operation_hash", named("OperationHash")), has("operation_index", natural())];
    let included = || {
        let block = [has("block_hash", named("BlockHash")), has("level", level())];
        has("layer1", object(sent().into_iter().chain(block)))
    };
    let status = |word_: &'static str, more: Vec<Member>| {
        let content = [may("content", hex()), has("status", word(&[word_]))];
        object(content.into_iter().chain(more))
    };
    let operation_ = || has("operation", named("BatchOperation"));
    let settled = || vec![operation_(), included(), has("finalized", flag()), has("cemented", flag())];
    let commitment = [
        has("commitment", named("Commitment")),
        has("hash", named("CommitmentHash")),
        has("first_published_at_level", level()),
        has("published_at_level", level()),
    ];
    [
        ("BatchOperation", operation),
        (
            "QueuedMessage",
            object([
                may("order", digits()),
                has("id", named("MessageId")),
                has("message", object([has("content", hex()), has("counter", digits())])),
            ]),
        ),
        (
            "MessageStatus",
            one_of([
                status("unknown", vec![]),
                status("pending_batch", vec![]),
                status("expired", vec![has("level", level())]),
                status("pending_injection", vec![operation_()]),
                status("injected", vec![operation_(), has("layer1", object(sent()))]),
                status("included", settled()),
                status("committed", settled().into_iter().chain(commitment).collect()),
            ]),
        ),
    ]
}
