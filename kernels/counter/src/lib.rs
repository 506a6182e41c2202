#![doc = include_str!("../README.md")]
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "called by the machine, and by the unit tests")
)]

use kit::Contract;
use kit::host::{Host, MESSAGE_MAX};
use kit::inbox::{Message, framed};
use kit::outbox;

/// Where the value is kept: 8 bytes, big-endian, with a sign.
const VALUE: &[u8] = b"/counter";

/// What an external message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Add(u64),
    Subtract(u64),
    Reset,
    /// Tell the value to a contract.
    Ask(Contract),
}

impl Command {
    fn parse(text: &[u8]) -> Option<Self> {
        let (tag, rest) = text.split_first()?;
        Some(match tag {
            0 => Self::Add(u64::from_be_bytes(rest.try_into().ok()?)),
            1 => Self::Subtract(u64::from_be_bytes(rest.try_into().ok()?)),
            2 if rest.is_empty() => Self::Reset,
            3 => Self::Ask(rest.try_into().ok()?),
            _ => return None,
        })
    }
}

/// Carries out what the inbox of the level tells this rollup.
fn run(host: &mut impl Host) {
    let rollup = host.rollup();
    let mut buffer = [0; MESSAGE_MAX];
    let before = host.get(VALUE).map_or(0, i64::from_be_bytes);
    let mut value = before;
    while let Some(length) = host.read_input(&mut buffer) {
        let Some(Message::External(external)) = buffer.get(..length).and_then(Message::parse) else {
            continue;
        };
        let Some(text) = framed(external, &rollup) else { continue };
        match Command::parse(text) {
            Some(Command::Ask(contract)) => tell(host, &contract, value),
            Some(command) => match changed(value, command) {
                Some(new) => value = new,
                None => host.debug("counter: the value would be too large or too small\n"),
            },
            None => host.debug("counter: skipped a message that it does not understand\n"),
        }
    }
    // Written once a run: a durable write costs more than everything else here.
    if value != before && host.write(VALUE, 0, &value.to_be_bytes()).is_err() {
        host.debug("counter: cannot write the value\n");
    }
}

fn changed(value: i64, command: Command) -> Option<i64> {
    match command {
        Command::Add(number) => value.checked_add_unsigned(number),
        Command::Subtract(number) => value.checked_sub_unsigned(number),
        Command::Reset => Some(0),
        Command::Ask(_) => Some(value),
    }
}

fn tell(host: &mut impl Host, contract: &Contract, value: i64) {
    let mut buffer = [0; 128];
    let message = outbox::call(&mut buffer, contract, "default", |parameter| {
        parameter.int(value.into());
    });
    if message.is_none_or(|message| host.write_output(message).is_err()) {
        host.debug("counter: the outbox takes no more\n");
    }
}

kit::kernel!(run);

#[cfg(test)]
mod tests {
    use super::*;
    use kit::bless;
    use kit::mock::Mock;
    use std::path::Path;

    fn mock() -> Mock {
        Mock { rollup: [9; 20], ..Mock::default() }
    }

    fn number(tag: u8, number: u64) -> Vec<u8> {
        [&[tag][..], &number.to_be_bytes()].concat()
    }

    fn level(mock: &mut Mock, commands: &[Vec<u8>]) -> i64 {
        let inbox: Vec<_> = commands.iter().map(|command| mock.framed(command)).collect();
        mock.level(inbox, run);
        mock.get(VALUE).map_or(0, i64::from_be_bytes)
    }

    #[test]
    fn a_value_is_kept_from_level_to_level() {
        let mut mock = mock();
        assert_eq!(level(&mut mock, &[number(0, 5), number(1, 7), number(0, 1)]), -1);
        assert_eq!(level(&mut mock, &[]), -1);
        assert_eq!(level(&mut mock, &[vec![2], number(0, 3)]), 3);
        assert_eq!(mock.log, [""; 0]);
    }

    #[test]
    fn a_contract_is_told_the_value_of_that_moment() {
        let mut mock = mock();
        let ask = [&[3][..], &[5; 20]].concat();
        assert_eq!(level(&mut mock, &[number(0, 5), ask.clone(), number(1, 70), ask.clone()]), -65);
        let call = |int: &[u8]| {
            let length = int.len() as u8 + 22 + 4 + 7;
            [&[0, 0, 0, 0, length], int, &[1], &[5; 20], &[0], &[0, 0, 0, 7], b"default"].concat()
        };
        assert_eq!(mock.outbox, [call(&[0, 5]), call(&[0, 0xc1, 1])]);
        level(&mut mock, &vec![ask; 102]);
        assert_eq!((mock.outbox.len(), mock.log.len()), (100, 2));
    }

    #[test]
    fn the_value_does_not_overflow() {
        let mut mock = mock();
        let most = i64::MAX as u64;
        assert_eq!(level(&mut mock, &[number(0, most), number(0, 1), number(0, u64::MAX)]), i64::MAX);
        assert_eq!(mock.log.len(), 2);
        assert_eq!(level(&mut mock, &[vec![2], number(1, most + 1), number(1, 1)]), i64::MIN);
        assert_eq!(mock.log.len(), 1);
    }

    #[test]
    fn what_is_not_for_it_is_skipped() {
        let mut mock = mock();
        let framed = mock.framed(&number(0, 5));
        let mut other = framed.clone();
        other[2] ^= 1;
        let inbox = vec![vec![], vec![0, 1], framed[1..].to_vec(), other, vec![1; 4096]];
        mock.level(inbox, run);
        assert_eq!((mock.storage.len(), mock.log.len()), (0, 0));
        for text in [&[][..], &[0], &[0; 8], &[0; 10], &[2, 0], &[3; 20], &[3; 22], &[4]] {
            level(&mut mock, &[text.to_vec()]);
            assert_eq!((mock.storage.len(), mock.outbox.len(), mock.log.len()), (0, 0, 1), "{text:?}");
        }
    }

    /// The file of inputs beside the sources, for a rollup without an address.
    #[test]
    fn the_inputs_are_these() {
        let mock = Mock::default();
        let external = |command: &[u8]| bless::external(&mock.framed(command));
        let ask = [&[3][..], &[5; 20]].concat();
        let inputs = bless::inputs(&[
            vec![external(&number(0, 5)), external(&number(1, 7))],
            vec![external(&ask), external(&[2]), external(&number(0, 42)), external(&ask)],
        ]);
        bless::compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs.json"), &inputs);
    }
}
