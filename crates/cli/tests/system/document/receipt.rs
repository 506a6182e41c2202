//! Compares what was printed with the document's receipts, line for line.

/// The receipt of an origination in the document.
pub(super) const ORIGINATION: &str = "\
This sequence of operations was run:
  Manager signed operations:
    From: tz1fp5ncDmqYwYC568fREYz9iwQTgGQuKZqX
    Fee to the baker: ꜩ0.000357
    Expected counter: 10
    Gas limit: 1000
    Storage limit: 0 bytes
    Balance updates:
      tz1fp5ncDmqYwYC568fREYz9iwQTgGQuKZqX ... -ꜩ0.000357
      payload fees(the block proposer) ....... +ꜩ0.000357
    Revelation of manager public key:
      Contract: tz1fp5ncDmqYwYC568fREYz9iwQTgGQuKZqX
      Key: edpkukxtw4fHmffj4wtZohVKwNwUZvYm6HMog5QMe9EyYK3QwRwBjp
      This revelation was successfully applied
      Consumed gas: 1000
  Manager signed operations:
    From: tz1fp5ncDmqYwYC568fREYz9iwQTgGQuKZqX
    Fee to the baker: ꜩ0.004617
    Expected counter: 11
    Gas limit: 3227
    Storage limit: 10711 bytes
    Balance updates:
      tz1fp5ncDmqYwYC568fREYz9iwQTgGQuKZqX ... -ꜩ0.004617
      payload fees(the block proposer) ....... +ꜩ0.004617
    Smart contract rollup origination:
      Kind: wasm_2_0_0
      Parameter type: bytes
      Boot sector Blake2B hash: '789431137a40057a39867cbc5cd7f984139360559c655c0508821b9be8047a02'
      This smart contract rollup origination was successfully applied
      Consumed gas: 3126.633
      Storage size: 10691 bytes
      Address: scr1BBMMrm3Zhq1S2Qy2LpRXdu4ebtW9sBrtY
      Genesis commitment hash: scc13y58tqmHJtWhWY5Sa3BLu7W3FUjsFZrLCyvdu78VTnmf4aEVWe
      Balance updates:
        tz1fp5ncDmqYwYC568fREYz9iwQTgGQuKZqX ... -ꜩ2.67275
        storage fees ........................... +ꜩ2.67275
";

/// Every line of the document is there, in its place; only numbers and hashes are others.
#[track_caller]
pub(super) fn assert_alike(document: &str, printed: &str) {
    let pairs = document.lines().zip(printed.lines());
    for (expected, found) in pairs.clone() {
        assert_eq!(form(found), form(expected), "`{found}` instead of `{expected}` in\n{printed}");
    }
    assert_eq!(printed.lines().count(), document.lines().count(), "{printed}");
}

/// A line with what depends on the chain replaced by its kind; blanks count.
fn form(line: &str) -> String {
    line.split(' ').map(word_form).collect::<Vec<_>>().join(" ")
}

fn word_form(word: &str) -> String {
    let bare = word.trim_matches('\'');
    let number = word.trim_start_matches(['+', '-']).trim_start_matches('ꜩ');
    if number.parse::<f64>().is_ok() {
        return word.replace(number, "<number>");
    }
    if bare.len() == 64 && bare.chars().all(|c| c.is_ascii_hexdigit()) {
        return word.replace(bare, "<hash>");
    }
    match ["tz1", "scr1", "scc1", "edpk"].into_iter().find(|prefix| word.starts_with(prefix)) {
        Some(prefix) if word.len() > 30 => format!("<{prefix} of {} letters>", word.len()),
        _ => word.to_owned(),
    }
}

#[test]
fn forms_differ_where_words_do() {
    assert_eq!(form("Fee to the baker: ꜩ0.1"), form("Fee to the baker: ꜩ12"));
    assert_ne!(form("Fee to the baker: ꜩ0.1"), form("Fee to a baker: ꜩ0.1"));
    assert_ne!(form("a ... -ꜩ2"), form("a ... +ꜩ2"));
    assert_ne!(form("a .. -ꜩ2"), form("a ... -ꜩ2"));
}
