//! Tickets in receipts.

use super::Page;
use soru_base::{Entrypoint, IdFamily};
use soru_michelson::Micheline;
use soru_protocol::receipt::{Effect, TicketUpdate};
use std::fmt::Display;

/// What `transfer_ticket` asks for.
pub(super) fn show_transfer(
    page: &mut Page,
    (contents, ty): (&Micheline, &Micheline),
    ticketer: &impl Display,
    amount: &impl Display,
    (destination, entrypoint): (&impl Display, &Entrypoint),
    source: &impl Display,
) {
    page.line(format_args!("Ticket content: {contents}"));
    page.line(format_args!("Ticket content type: {ty}"));
    page.line(format_args!("Ticket ticketer: {ticketer}"));
    page.line(format_args!("Ticket amount: {amount}"));
    page.line(format_args!("Destination: {destination}"));
    if !entrypoint.is_default() {
        page.line(format_args!("Entrypoint: {entrypoint}"));
    }
    page.line(format_args!("From: {source}"));
}

/// Whose tickets are more now, and whose less.
pub(super) fn show_updates(page: &mut Page, effect: &Effect, family: IdFamily) {
    let updates = match effect {
        Effect::ToContract { ticket_updates, .. }
        | Effect::ToRollup { ticket_updates }
        | Effect::TransferTicket { ticket_updates, .. }
        | Effect::ExecuteOutboxMessage { ticket_updates, .. } => ticket_updates,
        _ => return,
    };
    if updates.is_empty() {
        return;
    }
    page.line("Ticket updates:");
    page.indented(|page| updates.iter().for_each(|update| show(page, update, family)));
}

fn show(page: &mut Page, update: &TicketUpdate, family: IdFamily) {
    page.line(format_args!("Ticketer: {}", update.token.ticketer));
    page.line(format_args!("Content type: {}", update.token.content_type));
    page.line(format_args!("Content: {}", update.token.content));
    page.line("Account updates:");
    page.indented(|page| {
        for change in &update.updates {
            let sign = if change.amount.sign() == num_bigint::Sign::Plus { "+" } else { "" };
            page.line(format_args!("{} ... {sign}{}", change.account.in_family(family), change.amount));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use soru_base::{Address, Contract, ContractHash, RollupAddress};
    use soru_michelson::Prim;
    use soru_protocol::receipt::{TicketChange, TicketToken};

    #[test]
    fn gains_and_losses_are_shown_by_account() {
        let (content_type, content) = (Micheline::atom(Prim::string), Micheline::string("t"));
        let token = TicketToken { ticketer: Contract::from(ContractHash::ZERO), content_type, content };
        let change = |account: Address, amount: i32| TicketChange { account, amount: amount.into() };
        let updates = vec![change(ContractHash::ZERO.into(), -3), change(RollupAddress::ZERO.into(), 3)];
        let effect = Effect::ToRollup { ticket_updates: vec![TicketUpdate { token, updates }] };
        let mut page = Page { text: String::new(), indent: 0 };
        show_updates(&mut page, &effect, IdFamily::Alpha);
        let expected = "\
Ticket updates:
  Ticketer: KT18amZmM5W7qDWVt2pH6uj7sCEd3kbzLrHT
  Content type: string
  Content: \"t\"
  Account updates:
    KT18amZmM5W7qDWVt2pH6uj7sCEd3kbzLrHT ... -3
    scr1AFyXAWFS3c6S2D617o8NGRvazoMJPEw6s ... +3
";
        assert_eq!(page.text, expected);
        let mut page = Page { text: String::new(), indent: 0 };
        show_updates(&mut page, &Effect::ToRollup { ticket_updates: vec![] }, IdFamily::Alpha);
        assert_eq!(page.text, "");
    }
}
