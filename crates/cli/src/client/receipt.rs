//! Receipts, as the document shows them.

mod tickets;

use super::amounts::gas;
use super::failure;
use soru_base::blake2b::hash32;
use soru_base::{Binary, IdFamily, Mutez};
use soru_protocol::operation::{Action, Content, Parameters};
use soru_protocol::receipt::{
    BalanceAccount, BalanceUpdate, ContentReceipt, Effect, InternalAction, InternalOperation,
    OperationReceipt, OperationResult, Success,
};
use soru_protocol::refutation::{DissectionChunk, GameResult, LossReason, Refutation, Step};
use std::fmt::Write;

/// Lines with an indentation.
struct Page {
    text: String,
    indent: usize,
}

impl Page {
    fn line(&mut self, line: impl std::fmt::Display) {
        let _ = writeln!(self.text, "{:width$}{line}", "", width = self.indent);
    }

    fn indented(&mut self, body: impl FnOnce(&mut Self)) {
        self.indent += 2;
        body(self);
        self.indent -= 2;
    }
}

/// The receipt of an operation's contents, under a heading.
pub(super) fn show(
    heading: &str,
    contents: &[Content],
    receipt: &OperationReceipt,
    family: IdFamily,
) -> String {
    let mut page = Page { text: String::new(), indent: 0 };
    page.line(heading);
    page.indented(|page| {
        for (content, receipt) in contents.iter().zip(&receipt.contents) {
            page.line("Manager signed operations:");
            page.indented(|page| show_content(page, content, receipt, family));
        }
    });
    page.text
}

fn show_content(page: &mut Page, content: &Content, receipt: &ContentReceipt, family: IdFamily) {
    page.line(format_args!("From: {}", content.source));
    page.line(format_args!("Fee to the baker: ꜩ{}", content.fee));
    page.line(format_args!("Expected counter: {}", content.counter));
    page.line(format_args!("Gas limit: {}", content.gas_limit));
    page.line(format_args!("Storage limit: {} bytes", content.storage_limit));
    show_balances(page, &receipt.balance_updates, family);
    show_action(page, content, family, |page, name| show_result(page, name, &receipt.result, family));
    if !receipt.internal.is_empty() {
        page.line("Internal operations:");
        page.indented(|page| {
            for internal in &receipt.internal {
                show_internal(page, internal, family);
            }
        });
    }
}

fn show_action(page: &mut Page, content: &Content, family: IdFamily, result: impl FnOnce(&mut Page, &str)) {
    match &content.action {
        Action::Reveal { public_key, .. } => {
            page.line("Revelation of manager public key:");
            page.indented(|page| {
                page.line(format_args!("Contract: {}", content.source));
                page.line(format_args!("Key: {public_key}"));
                result(page, "revelation");
            });
        }
        Action::Transaction { amount, destination, parameters } => {
            page.line("Transaction:");
            page.indented(|page| {
                let (from, to) = (content.source.to_string(), destination.in_family(family));
                show_transaction(page, *amount, &from, &to, parameters.as_ref());
                result(page, "transaction");
            });
        }
        Action::Origination { balance, script, .. } => {
            page.line("Origination:");
            page.indented(|page| {
                page.line(format_args!("From: {}", content.source));
                page.line(format_args!("Credit: ꜩ{balance}"));
                page.line(format_args!("Initial storage: {}", script.storage));
                result(page, "origination");
            });
        }
        Action::IncreasePaidStorage { amount, destination } => {
            page.line("Increase paid storage:");
            page.indented(|page| {
                page.line(format_args!("Increased size: {amount} bytes"));
                page.line(format_args!("From: {}", content.source));
                page.line(format_args!("To: {destination}"));
                result(page, "increase paid storage");
            });
        }
        Action::SmartRollupOriginate { pvm_kind, kernel, parameters_ty, .. } => {
            page.line("Smart contract rollup origination:");
            page.indented(|page| {
                page.line(format_args!("Kind: {}", pvm_kind.name()));
                page.line(format_args!("Parameter type: {parameters_ty}"));
                page.line(format_args!("Boot sector Blake2B hash: '{}'", hex::encode(hash32(kernel))));
                result(page, "smart contract rollup origination");
            });
        }
        Action::SmartRollupAddMessages { messages } => {
            page.line("Smart contract rollup messages submission:");
            page.indented(|page| {
                page.line(format_args!("Messages: {}", messages.len()));
                result(page, "smart contract rollup messages submission");
            });
        }
        Action::SmartRollupPublish { rollup, commitment } => {
            page.line("Smart contract rollup commitment publishing:");
            page.indented(|page| {
                page.line(format_args!("Address: {}", rollup.in_family(family)));
                page.line(format_args!("State: {}", commitment.compressed_state.in_family(family)));
                page.line(format_args!("Inbox level: {}", commitment.inbox_level));
                page.line(format_args!("Predecessor: {}", commitment.predecessor.in_family(family)));
                page.line(format_args!("Number of ticks: {}", commitment.number_of_ticks));
                result(page, "smart contract rollup commitment publishing");
            });
        }
        Action::SmartRollupCement { rollup } => {
            page.line("Smart contract rollup commitment cementing:");
            page.indented(|page| {
                page.line(format_args!("Address: {}", rollup.in_family(family)));
                result(page, "smart contract rollup commitment cementing");
            });
        }
        Action::SmartRollupRefute { rollup, opponent, refutation } => {
            page.line("Smart contract rollup refutation move:");
            page.indented(|page| {
                page.line(format_args!("Address: {}", rollup.in_family(family)));
                page.line(format_args!("Staker: {opponent}"));
                show_refutation(page, refutation, family);
                result(page, "smart contract rollup refutation move");
            });
        }
        Action::SmartRollupTimeout { rollup, alice, bob } => {
            page.line("Smart contract rollup refutation timeout:");
            page.indented(|page| {
                page.line(format_args!("Address: {}", rollup.in_family(family)));
                page.line(format_args!("First staker (Alice): {alice}"));
                page.line(format_args!("Second staker (Bob): {bob}"));
                result(page, "smart contract rollup refutation timeout");
            });
        }
        Action::SmartRollupExecuteOutboxMessage { rollup, cemented_commitment, .. } => {
            page.line("Smart contract rollup outbox message execution:");
            page.indented(|page| {
                page.line(format_args!("Address: {}", rollup.in_family(family)));
                page.line(format_args!("Cemented commitment: {}", cemented_commitment.in_family(family)));
                result(page, "smart contract rollup outbox message execution");
            });
        }
        Action::SmartRollupRecoverBond { rollup, staker } => {
            page.line("Smart contract rollup bond retrieval:");
            page.indented(|page| {
                page.line(format_args!("Address: {}", rollup.in_family(family)));
                page.line(format_args!("Staker: {staker}"));
                result(page, "smart contract rollup bond retrieval");
            });
        }
        Action::TransferTicket { contents, ty, ticketer, amount, destination, entrypoint } => {
            page.line("Transfer tickets:");
            page.indented(|page| {
                let to = (destination, entrypoint);
                tickets::show_transfer(page, (contents, ty), ticketer, amount, to, &content.source);
                result(page, "tickets transfer");
            });
        }
        other => {
            page.line(format_args!("{}:", other.kind()));
            page.indented(|page| result(page, other.kind()));
        }
    }
}

fn show_refutation(page: &mut Page, refutation: &Refutation, family: IdFamily) {
    match refutation {
        Refutation::Start { player_commitment_hash, opponent_commitment_hash } => page.line(format_args!(
            "Refutation: Start game between commitment hashes {} and {}",
            player_commitment_hash.in_family(family),
            opponent_commitment_hash.in_family(family)
        )),
        Refutation::Move { choice, step: Step::Dissection(dissection) } => {
            page.line(format_args!("Refutation: Tick: {choice} Step: Dissection:"));
            page.indented(|page| dissection.iter().for_each(|chunk| page.line(claim(chunk, family))));
        }
        Refutation::Move { choice, step: Step::Proof(proof) } => page
            .line(format_args!("Refutation: Tick: {choice} Step: proof of {} bytes", proof.to_bytes().len())),
    }
}

/// A claim about the state at a tick.
pub(super) fn claim(chunk: &DissectionChunk, family: IdFamily) -> String {
    match &chunk.state_hash {
        Some(state) => format!("Tick: {}, State: {}", chunk.tick, state.in_family(family)),
        None => format!("Tick: {}, State: none", chunk.tick),
    }
}

/// How a game stands.
fn status(result: Option<&GameResult>) -> String {
    match result {
        None => "Game ongoing".to_owned(),
        Some(GameResult::Draw) => "Game ended: Draw".to_owned(),
        Some(GameResult::Loser { reason, loser }) => {
            let reason = match reason {
                LossReason::ConflictResolved => "conflict resolved",
                LossReason::Timeout => "timeout",
            };
            format!("Game ended: {loser} lost because: {reason}")
        }
    }
}

fn show_internal(page: &mut Page, internal: &InternalOperation, family: IdFamily) {
    let from = internal.source.in_family(family);
    match &internal.action {
        InternalAction::Transaction { amount, destination, parameters } => {
            page.line("Internal Transaction:");
            page.indented(|page| {
                show_transaction(page, *amount, &from, &destination.in_family(family), parameters.as_ref());
                show_result(page, "transaction", &internal.result, family);
            });
        }
        InternalAction::Event { ty, tag, payload } => {
            page.line("Internal Event:");
            page.indented(|page| {
                page.line(format_args!("From: {from}"));
                page.line(format_args!("Type: {ty}"));
                if let Some(tag) = tag.as_ref().filter(|tag| !tag.is_default()) {
                    page.line(format_args!("Tag: {tag}"));
                }
                if let Some(payload) = payload {
                    page.line(format_args!("Payload: {payload}"));
                }
                show_result(page, "event", &internal.result, family);
            });
        }
        InternalAction::Origination { balance, script, .. } => {
            page.line("Internal Origination:");
            page.indented(|page| {
                page.line(format_args!("From: {from}"));
                page.line(format_args!("Credit: ꜩ{balance}"));
                page.line(format_args!("Initial storage: {}", script.storage));
                show_result(page, "origination", &internal.result, family);
            });
        }
        other => {
            page.line(format_args!("Internal {}:", other.kind()));
            page.indented(|page| {
                page.line(format_args!("From: {from}"));
                show_result(page, other.kind(), &internal.result, family);
            });
        }
    }
}

fn show_transaction(page: &mut Page, amount: Mutez, from: &str, to: &str, parameters: Option<&Parameters>) {
    page.line(format_args!("Amount: ꜩ{amount}"));
    page.line(format_args!("From: {from}"));
    page.line(format_args!("To: {to}"));
    if let Some(parameters) = parameters {
        if !parameters.entrypoint.is_default() {
            page.line(format_args!("Entrypoint: {}", parameters.entrypoint));
        }
        page.line(format_args!("Parameter: {}", parameters.value));
    }
}

fn show_result(page: &mut Page, name: &str, result: &OperationResult, family: IdFamily) {
    match result {
        OperationResult::Applied(success) => {
            page.line(format_args!("This {name} was successfully applied"));
            show_success(page, success, family);
        }
        OperationResult::Backtracked(..) => {
            page.line(format_args!(
                "This {name} was BACKTRACKED, its expected effects (as follow) were NOT applied."
            ));
        }
        OperationResult::Skipped => page.line(format_args!("This {name} was skipped")),
        OperationResult::Failed(errors) => {
            page.line("This operation FAILED.");
            for error in errors {
                page.line(failure::told(error));
            }
        }
    }
}

fn show_success(page: &mut Page, success: &Success, family: IdFamily) {
    match &success.effect {
        Effect::ToContract { storage: Some(storage), .. } => {
            page.line(format_args!("Updated storage: {storage}"))
        }
        Effect::Cement { inbox_level, commitment_hash } => {
            page.line(format_args!("Inbox level: {inbox_level}"));
            page.line(format_args!("Commitment: {}", commitment_hash.in_family(family)));
        }
        Effect::Publish { staked_hash, published_at_level } => {
            page.line(format_args!("Hash of commit: {}", staked_hash.in_family(family)));
            page.line(format_args!("Commitment published at level: {published_at_level}"));
        }
        _ => {}
    }
    page.line(format_args!("Consumed gas: {}", gas(success.consumed_milligas)));
    match &success.effect {
        Effect::Origination { originated_contracts, storage_size, .. } => {
            for contract in originated_contracts {
                page.line(format_args!("Originated contracts: {contract}"));
            }
            page.line(format_args!("Storage size: {storage_size} bytes"));
        }
        Effect::ToContract { storage: Some(_), storage_size, .. } => {
            page.line(format_args!("Storage size: {storage_size} bytes"));
        }
        Effect::RollupOrigination { address, genesis_commitment_hash, size } => {
            page.line(format_args!("Storage size: {size} bytes"));
            page.line(format_args!("Address: {}", address.in_family(family)));
            page.line(format_args!("Genesis commitment hash: {}", genesis_commitment_hash.in_family(family)));
        }
        Effect::Game { result } => {
            page.line(format_args!("Refutation game status: {}", status(result.as_ref())));
        }
        _ => {}
    }
    show_balances(page, &success.balance_updates, family);
    tickets::show_updates(page, &success.effect, family);
}

fn show_balances(page: &mut Page, updates: &[BalanceUpdate], family: IdFamily) {
    if updates.is_empty() {
        return;
    }
    page.line("Balance updates:");
    page.indented(|page| {
        for update in updates {
            let name = holder(&update.account, family);
            let dots = ".".repeat(39_usize.saturating_sub(name.chars().count()).max(3));
            let sign = if update.change < 0 { '-' } else { '+' };
            page.line(format_args!("{name} {dots} {sign}ꜩ{}", Mutez(update.change.unsigned_abs())));
        }
    });
}

fn holder(account: &BalanceAccount, family: IdFamily) -> String {
    match account {
        BalanceAccount::Contract(contract) => contract.to_string(),
        BalanceAccount::BlockFees => "payload fees(the block proposer)".to_owned(),
        BalanceAccount::StorageFees => "storage fees".to_owned(),
        BalanceAccount::FrozenBonds { contract, rollup } => {
            format!("Frozen_bonds({contract},{})", rollup.in_family(family))
        }
        BalanceAccount::RefutationPunishments => "smart rollup refutation punishments".to_owned(),
        BalanceAccount::RefutationRewards => "smart rollup refutation rewards".to_owned(),
        BalanceAccount::Other(value) => {
            value.get("category").or(value.get("kind")).and_then(|v| v.as_str()).unwrap_or("other").to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
