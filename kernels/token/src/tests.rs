use super::*;
use kit::bless;
use kit::micheline::Writer;
use kit::mock::{Mock, OUTBOX};
use kit::signed::{account, sign};
use std::path::Path;

const BRIDGE: Ticketer = [5; 20];
const ALICE: [u8; 32] = [1; 32];
const BOB: [u8; 32] = [2; 32];
const SOURCE: KeyHash = [2; 21];

fn mock() -> Mock {
    Mock { rollup: [9; 20], ..Mock::default() }
}

/// `Pair TO (Pair TICKETER (Pair Unit AMOUNT))`.
fn parameter(to: &KeyHash, ticketer: &Ticketer, amount: i128) -> Vec<u8> {
    let mut buffer = [0; 256];
    let mut writer = Writer::new(&mut buffer);
    writer.pair().bytes(to).pair().contract(ticketer).pair().unit().int(amount);
    writer.finish().unwrap().to_vec()
}

fn deposit_of(payload: &[u8], destination: &Rollup) -> Vec<u8> {
    [&[0, 0], payload, &[6; 20], &SOURCE, &destination[..]].concat()
}

fn deposit(to: &KeyHash, amount: i128) -> Vec<u8> {
    deposit_of(&parameter(to, &BRIDGE, amount), &[9; 20])
}

fn command(tag: u8, amount: u64, to: &KeyHash) -> Vec<u8> {
    [&[tag][..], &BRIDGE, &amount.to_be_bytes(), to].concat()
}

fn order(from: [u8; 32], nonce: u64, tag: u8, amount: u64, to: &KeyHash) -> Vec<u8> {
    sign(from, &[9; 20], nonce, &command(tag, amount, to))
}

fn balance(mock: &Mock, account: &KeyHash) -> u64 {
    mock.number(accounts::balance_key(&BRIDGE, account).as_bytes())
}

fn supply(mock: &Mock) -> u64 {
    mock.number(accounts::supply_key(&BRIDGE).as_bytes())
}

/// The call of the bridge's `withdraw`.
fn exit(to: &KeyHash, amount: i128) -> Vec<u8> {
    let parameter = parameter(to, &BRIDGE, amount);
    let length = (parameter.len() + 22 + 4 + 8) as u8;
    [&[0, 0, 0, 0, length], &parameter[..], &[1], &BRIDGE, &[0], &[0, 0, 0, 8], b"withdraw"].concat()
}

#[test]
fn units_come_in_move_and_go_out() {
    let (alice, bob) = (account(ALICE), account(BOB));
    let mut mock = mock();
    mock.level([deposit(&alice, 70), deposit(&alice, 30)], run);
    assert_eq!((balance(&mock, &alice), supply(&mock)), (100, 100));
    mock.level([order(ALICE, 0, 0, 40, &bob), order(BOB, 0, 1, 25, &SOURCE)], run);
    assert_eq!((balance(&mock, &alice), balance(&mock, &bob), supply(&mock)), (60, 15, 75));
    assert_eq!(mock.outbox, [exit(&SOURCE, 25)]);
    mock.level([order(ALICE, 1, 1, 60, &alice), order(BOB, 1, 0, 15, &bob)], run);
    assert_eq!((balance(&mock, &alice), balance(&mock, &bob), supply(&mock)), (0, 15, 15));
    assert_eq!(mock.outbox, [exit(&alice, 60)]);
}

#[test]
fn an_order_counts_once_and_in_its_turn() {
    let (alice, bob) = (account(ALICE), account(BOB));
    let mut mock = mock();
    mock.level([deposit(&alice, 100)], run);
    let first = order(ALICE, 0, 0, 10, &bob);
    let inbox = [order(ALICE, 1, 0, 5, &bob), first.clone(), first.clone(), order(ALICE, 2, 0, 5, &bob)];
    mock.level(inbox, run);
    assert_eq!((balance(&mock, &bob), mock.log.len()), (10, 4));
    mock.level([first], run);
    assert_eq!((balance(&mock, &bob), supply(&mock)), (10, 100));
}

#[test]
fn nobody_gets_what_is_not_theirs() {
    let (alice, bob) = (account(ALICE), account(BOB));
    let mut mock = mock();
    mock.level([deposit(&alice, 100), deposit(&bob, 1)], run);
    let before = mock.clone();
    let mut forged = order(ALICE, 0, 0, 10, &bob);
    *forged.last_mut().unwrap() ^= 1;
    let other_rollup = sign(ALICE, &[8; 20], 0, &command(0, 10, &bob));
    for (message, told) in [
        (forged, true),
        (other_rollup, false),
        (order(BOB, 0, 0, 2, &alice), true),
        (order(BOB, 0, 1, 2, &bob), true),
        (order(BOB, 0, 0, 0, &alice), true),
        (order(BOB, 0, 2, 1, &alice), true),
        (order(BOB, 0, 0, 1, &SOURCE), true),
        (order(BOB, 0, 1, 1, &[4; 21]), true),
        (sign(BOB, &[9; 20], 0, b""), true),
        (sign(BOB, &[9; 20], 0, &command(0, 1, &alice)[1..]), true),
        (mock.framed(b"hello"), false),
        (vec![1], false),
        (vec![], false),
    ] {
        mock.level([message.clone()], run);
        assert_eq!((&mock.storage, mock.outbox.len()), (&before.storage, 0), "{message:?}");
        assert_eq!(mock.log.len(), usize::from(told), "{message:?}");
    }
}

#[test]
fn tickets_of_others_are_other_tokens() {
    let alice = account(ALICE);
    let mut mock = mock();
    let other = deposit_of(&parameter(&alice, &[4; 20], 50), &[9; 20]);
    mock.level([other, deposit(&alice, 7), order(ALICE, 0, 1, 8, &alice)], run);
    assert_eq!((balance(&mock, &alice), mock.outbox.len()), (7, 0));
    assert_eq!(mock.number(accounts::balance_key(&[4; 20], &alice).as_bytes()), 50);
}

#[test]
fn what_cannot_be_credited_goes_back() {
    let alice = account(ALICE);
    let mut mock = mock();
    let most = i128::from(u64::MAX);
    mock.level(
        [deposit(&SOURCE, 3), deposit(&alice, most), deposit(&alice, 1), deposit(&alice, most * 9)],
        run,
    );
    assert_eq!(balance(&mock, &alice), u64::MAX);
    assert_eq!(mock.outbox, [exit(&SOURCE, 3), exit(&SOURCE, 1), exit(&SOURCE, most * 9)]);
    // A number of any size comes back whole, a call of something else is skipped.
    let before = mock.storage.clone();
    let bytes = parameter(&alice, &BRIDGE, 0);
    let long = [&bytes[..bytes.len() - 1], &[0x80; 900], &[1]].concat();
    let calls = [
        deposit_of(&long, &[9; 20]),
        deposit_of(&bytes, &[8; 20]),
        deposit_of(&[3, 11], &[9; 20]),
        deposit_of(&[&bytes[..], &[0]].concat(), &[9; 20]),
    ];
    mock.level(calls, run);
    assert_eq!((mock.outbox.len(), mock.log.len()), (1, 3));
    assert!(mock.outbox[0].windows(901).any(|window| window == [&[0x80; 900][..], &[1]].concat()));
    assert_eq!(mock.storage, before);
}

#[test]
fn what_the_outbox_does_not_take_waits() {
    let alice = account(ALICE);
    let mut mock = mock();
    mock.level([deposit(&alice, 1000)], run);
    let orders: Vec<_> = (0..130).map(|nonce| order(ALICE, nonce, 1, nonce + 1, &alice)).collect();
    // 64 signatures are checked in a run.
    let orders_fit = orders[..40].to_vec();
    assert_eq!(mock.level(orders_fit, run), 1);
    mock.level([deposit(&alice, 10_000)], run);
    assert_eq!(mock.level(orders[40..].to_vec(), run), 2);
    assert_eq!(mock.outbox.len(), 90);
    let more: Vec<_> = (130..250).map(|nonce| order(ALICE, nonce, 1, 1, &alice)).collect();
    let full = supply(&mock);
    assert_eq!(mock.level(more, run), 2);
    assert_eq!((mock.outbox.len(), supply(&mock)), (OUTBOX, full - 120));
    // The next level sends the rest, before anything else.
    mock.level([order(ALICE, 250, 1, 77, &alice)], run);
    assert_eq!(mock.outbox.len(), 21);
    assert_eq!((&mock.outbox[0], &mock.outbox[20]), (&exit(&alice, 1), &exit(&alice, 77)));
    mock.level([], run);
    assert_eq!(mock.outbox.len(), 0);
    assert!(mock.storage.keys().filter(|key| key.starts_with(b"/exits")).count() == 2);
}

/// The file of inputs beside the sources, for a rollup without an address: a deposit, a transfer, a withdrawal.
#[test]
fn the_inputs_are_these() {
    let (alice, bob) = (account(ALICE), account(BOB));
    let ticketer = bless::hex(&[&[1][..], &BRIDGE, &[0]].concat());
    let deposit =
        format!(r#"{{ "payload": "Pair 0x{} (Pair 0x{ticketer} (Pair Unit 1000))" }}"#, bless::hex(&alice));
    let order = |from, nonce, tag, amount, to| {
        bless::external(&sign(from, &[0; 20], nonce, &command(tag, amount, to)))
    };
    let inputs = bless::inputs(&[
        vec![deposit],
        vec![order(ALICE, 0, 0, 250, &bob), order(BOB, 0, 0, 50, &alice)],
        vec![order(BOB, 1, 1, 120, &bob)],
    ]);
    bless::compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs.json"), &inputs);
}
