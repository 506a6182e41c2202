//! What a node tells of its disputes, in lines for people.

use serde_json::Value;
use soru_base::Mutez;

/// A member as text; a question mark if the node does not tell it.
fn told(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "?".to_owned(),
        Some(other) => other.to_string(),
    }
}

fn is(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The items of a list, each in its line.
pub(super) fn lines(list: &Value, line: fn(&Value) -> String, none: &str) -> String {
    match list.as_array().map(Vec::as_slice) {
        None => format!("{list:#}"),
        Some([]) => none.to_owned(),
        Some(items) => items.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

/// A conflict in one line.
pub(super) fn conflict(value: &Value) -> String {
    format!(
        "{} published {} for level {}, where ours is {}; {}",
        told(value, "other"),
        told(value, "their_commitment_hash"),
        value.get("our_commitment").map_or("?".to_owned(), |ours| told(ours, "inbox_level")),
        told(value, "our_commitment_hash"),
        if is(value, "in_game") { "a game is played" } else { "no game is played" },
    )
}

/// A game in one line.
pub(super) fn game(value: &Value) -> String {
    let phase = match told(value, "phase").as_str() {
        "final_move" => "final move".to_owned(),
        "dissecting" => format!(
            "{} of {} ticks in dispute",
            told(value, "ticks_in_dispute"),
            told(value, "ticks_disputed")
        ),
        other => other.to_owned(),
    };
    let (ours, theirs) = (told(value, "blocks_left"), told(value, "opponent_blocks_left"));
    let turn = match is(value, "our_turn") {
        true => format!("our turn, {ours} blocks left (opponent: {theirs})"),
        false => format!("their turn, {theirs} blocks left (we: {ours})"),
    };
    let last = match value.get("last_action") {
        Some(action) if action.is_object() => {
            format!("; last, at level {}: {}", told(action, "level"), told(action, "description"))
        }
        _ => String::new(),
    };
    format!(
        "Against {} about level {}: {phase}; {turn}{last}",
        told(value, "opponent"),
        told(value, "inbox_level")
    )
}

/// A game that is over in one line.
pub(super) fn ended(value: &Value) -> String {
    let outcome =
        match (value.get("outcome").and_then(Value::as_str), value.get("reason").and_then(Value::as_str)) {
            (Some(outcome), Some("timeout")) => format!("{outcome} by timeout"),
            (Some(outcome), Some("conflict_resolved")) => format!("{outcome} by proof"),
            (Some(outcome), _) => outcome.to_owned(),
            (None, _) => "over, the node did not see how".to_owned(),
        };
    format!(
        "Against {} about level {}: {outcome} at level {}, after {} moves of ours",
        told(value, "opponent"),
        told(value, "inbox_level"),
        told(value, "ended_at_level"),
        told(value, "moves"),
    )
}

/// The node's stake.
pub(super) fn stake(value: &Value) -> String {
    if value.is_null() {
        return "The node stakes nothing: its mode has no use for it.".to_owned();
    }
    let bond = value.get("bond").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let bond = bond.map_or("?".to_owned(), |mutez: u64| Mutez(mutez).to_string());
    let on = match value.get("staked_on") {
        Some(on) if on.is_object() => format!("on {} of level {}", told(on, "hash"), told(on, "level")),
        _ => "on no commitment that can be disputed".to_owned(),
    };
    let risk = if is(value, "at_risk") { "; at risk" } else { "" };
    format!("{} has a deposit of {bond} ꜩ {on}{risk}", told(value, "staker"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_conflict_names_both_commitments() {
        let value = json!({
            "other": "tz1b", "their_commitment_hash": "src1b", "our_commitment_hash": "src1a", "in_game": true,
            "our_commitment": { "inbox_level": 32 },
        });
        let expected = "tz1b published src1b for level 32, where ours is src1a; a game is played";
        assert_eq!(lines(&json!([value]), conflict, "none"), expected);
        assert_eq!(lines(&json!([]), conflict, "none"), "none");
    }

    #[test]
    fn a_game_says_whose_turn_it_is_and_what_was_done_last() {
        let mut value = json!({
            "opponent": "tz1b", "inbox_level": 32, "phase": "dissecting", "our_turn": true, "blocks_left": 7,
            "opponent_blocks_left": 9, "ticks_disputed": "1000", "ticks_in_dispute": "64",
            "last_action": { "level": 40, "description": "opened the game", "kind": "start" },
        });
        assert_eq!(
            game(&value),
            "Against tz1b about level 32: 64 of 1000 ticks in dispute; our turn, 7 blocks left (opponent: 9); \
             last, at level 40: opened the game"
        );
        value["phase"] = "final_move".into();
        value["our_turn"] = false.into();
        value["last_action"] = Value::Null;
        assert_eq!(
            game(&value),
            "Against tz1b about level 32: final move; their turn, 9 blocks left (we: 7)"
        );
    }

    #[test]
    fn an_ended_game_says_how() {
        let value = |outcome: Value, reason: Value| {
            json!({ "opponent": "tz1b", "inbox_level": 32, "ended_at_level": 50, "moves": 3,
                    "outcome": outcome, "reason": reason })
        };
        for (outcome, reason, expected) in [
            (json!("won"), json!("timeout"), "won by timeout"),
            (json!("won"), json!("conflict_resolved"), "won by proof"),
            (json!("draw"), Value::Null, "draw"),
            (Value::Null, Value::Null, "over, the node did not see how"),
        ] {
            let line = ended(&value(outcome, reason));
            assert_eq!(
                line,
                format!("Against tz1b about level 32: {expected} at level 50, after 3 moves of ours")
            );
        }
    }

    #[test]
    fn a_stake_is_told_in_tez() {
        let value = json!({ "staker": "tz1a", "bond": "10000000000", "at_risk": true,
                            "staked_on": { "hash": "src1a", "level": 32 } });
        assert_eq!(stake(&value), "tz1a has a deposit of 10000 ꜩ on src1a of level 32; at risk");
        assert!(stake(&Value::Null).contains("stakes nothing"));
        // An answer of another version is shown as far as it is understood.
        assert_eq!(
            stake(&json!({ "staker": "tz1a" })),
            "tz1a has a deposit of ? ꜩ on no commitment that can be disputed"
        );
    }
}
