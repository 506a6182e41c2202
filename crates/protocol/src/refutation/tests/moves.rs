use super::world::{
    PERIOD, Truth, chunk, claim, ended, inbox, level, ongoing, open, parent, players, rules, state,
};
use crate::ledger::ErrorKind;
use crate::refutation::{
    Answer, Clock, ConflictPoint, Game, GameError, GameResult, GameState, LossReason, Player, Stakers, Step,
};
use soru_base::{Binary, CommitmentHash, Level, Tick, TickSpan};

const TRUTH: Truth = Truth::of(64);

/// The first of the players is honest, and refutes a wrong final state.
fn game() -> Game {
    open(players(), &TRUTH.commitment(), &claim(state(1, 64), 64), rules(1_000)).unwrap()
}

/// What the honest player answers first: the truth at every second tick.
fn first_answer() -> Step {
    Step::Dissection((0..=32).map(|i| chunk(TRUTH.at(Tick(2 * i)), 2 * i)).collect())
}

/// The liar's lie about ticks 10 to 12, answered to that.
fn liars_answer(stop: u8) -> Step {
    Step::Dissection(vec![
        chunk(Some(state(0, 10)), 10),
        chunk(Some(state(1, 11)), 11),
        chunk(Some(state(stop, 12)), 12),
    ])
}

/// The game two moves later: sections of one tick, the honest player moves.
fn late_game() -> Game {
    let [honest, liar] = players();
    let game = ongoing(TRUTH.play(&game(), &honest, level(41), 0, &first_answer()));
    ongoing(TRUTH.play(&game, &liar, level(42), 10, &liars_answer(1)))
}

fn lost(loser: usize) -> GameResult {
    GameResult::Loser { reason: LossReason::ConflictResolved, loser: players()[loser] }
}

#[test]
fn a_game_opens_with_the_claim_of_the_defender() {
    let game = game();
    let expected = vec![chunk(Some(state(0, 0)), 0), chunk(Some(state(1, 64)), 64), chunk(None, 65)];
    assert_eq!(game.state, GameState::Dissecting { dissection: expected });
    assert_eq!(game.stakers.staker(game.turn), players()[0]);
    assert_eq!((game.start_level, game.inbox_level), (level(40), level(31)));
    // Whoever opens it moves first, in whatever order the addresses are.
    let [one, other] = players();
    let swapped = open([other, one], &claim(state(1, 64), 64), &TRUTH.commitment(), rules(1_000)).unwrap();
    assert_eq!(swapped.stakers, game.stakers);
    assert_eq!(swapped.turn, game.turn.opponent());
    assert_eq!(game.stakers.player(&one).map(|p| game.stakers.staker(p)), Some(one));
    assert!(game.stakers.staker(Player::Alice) < game.stakers.staker(Player::Bob));
}

#[test]
fn a_game_needs_a_conflict() {
    let [one, other] = players();
    let (mine, theirs) = (TRUTH.commitment(), claim(state(1, 64), 64));
    let rules = rules(1_000);
    assert_eq!(open([one, one], &mine, &theirs, rules), Err(GameError::NoConflict));
    assert_eq!(open([one, other], &mine, &mine, rules), Err(GameError::NoConflict));
    assert_eq!(Stakers::new(one, one), None);

    let mut orphan = theirs;
    orphan.predecessor = CommitmentHash([3; 32]);
    let error = open([one, other], &mine, &orphan, rules).unwrap_err();
    assert_eq!(error.id(), "smart_rollup_not_valid_commitments_conflict");
    // Two siblings, but the parent is another commitment.
    let point = ConflictPoint {
        refuter: one,
        refuter_commitment: &mine,
        defender: other,
        defender_commitment: &theirs,
        parent_commitment: &mine,
    };
    let error = Game::start(&point, inbox(), level(40), rules, PERIOD).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permanent);
    let nothing = claim(parent().compressed_state, 0);
    assert_eq!(open([one, other], &mine, &nothing, rules), Err(GameError::ZeroTickCommitment));
}

#[test]
fn players_move_in_turn() {
    let [honest, liar] = players();
    let stranger = soru_base::BOOTSTRAP_ACCOUNTS[2].pkh();
    for player in [liar, stranger] {
        assert_eq!(TRUTH.play(&game(), &player, level(41), 0, &first_answer()), Err(GameError::WrongTurn));
    }
    // A second move in the same block is judged on the game that the first one left.
    let next = ongoing(TRUTH.play(&game(), &honest, level(41), 0, &first_answer()));
    assert_eq!(TRUTH.play(&next, &honest, level(41), 0, &first_answer()), Err(GameError::WrongTurn));
    ongoing(TRUTH.play(&next, &liar, level(41), 10, &liars_answer(1)));
}

#[test]
fn only_the_start_of_a_section_can_be_chosen() {
    let [honest, liar] = players();
    for step in [first_answer(), Truth::proof(state(0, 64))] {
        for choice in [1, 63, 65, 66, u64::MAX] {
            let error = TRUTH.play(&game(), &honest, level(41), choice, &step).unwrap_err();
            assert_eq!(error, GameError::DissectionChoiceNotFound { choice: Tick(choice) });
        }
    }
    let next = ongoing(TRUTH.play(&game(), &honest, level(41), 0, &first_answer()));
    let closing = TRUTH.play(&next, &liar, level(42), 64, &Truth::garbage()).unwrap_err();
    assert_eq!(closing, GameError::DissectionChoiceNotFound { choice: Tick(64) });
    // The dissection of another section than the chosen one.
    let error = TRUTH.play(&next, &liar, level(42), 12, &liars_answer(1)).unwrap_err();
    assert_eq!(error.id(), "smart_rollup_dissection_start_hash_mismatch");
}

#[test]
fn a_proof_is_for_one_tick() {
    let [honest, _] = players();
    let never = |_: &Game, _: &_| panic!("refused before the proof is looked at");
    let error = game().play(&honest, level(41), Tick(0), &Truth::proof(state(0, 0)), never).unwrap_err();
    assert_eq!(error, GameError::ProofUnexpectedSectionSize { ticks: TickSpan(64) });
}

#[test]
fn a_proof_from_a_blocked_state_is_refused() {
    // The truth has 3 ticks, the liar claims 6: the honest answer has blocked states one tick apart.
    let truth = Truth::of(3);
    let [honest, liar] = players();
    let game = open(players(), &truth.commitment(), &claim(state(1, 6), 6), rules(1_000)).unwrap();
    let answer = Step::Dissection((0..=6).map(|i| chunk(truth.at(Tick(i)), i)).collect());
    let game = ongoing(truth.play(&game, &honest, level(41), 0, &answer));
    for choice in [4, 5] {
        let error = truth.play(&game, &liar, level(42), choice, &Truth::garbage()).unwrap_err();
        assert_eq!(error, GameError::DissectionStartHashMismatch { expected: None, given: None });
    }
    // That it is blocked can be shown.
    let last = ongoing(truth.play(&game, &liar, level(42), 3, &Truth::garbage()));
    assert_eq!(ended(truth.play(&last, &honest, level(43), 3, &Truth::proof(state(0, 3)))), lost(1));
}

#[test]
fn a_valid_proof_against_a_claim_wins() {
    let [honest, _] = players();
    assert_eq!(ended(TRUTH.play(&late_game(), &honest, level(43), 10, &Truth::proof(state(0, 10)))), lost(1));
}

#[test]
fn a_claim_that_goes_on_too_short_is_refuted_at_its_end() {
    // The liar stops at a true state, 4 ticks too early: the machine is not blocked there.
    let [honest, liar] = players();
    let game = open(players(), &TRUTH.commitment(), &claim(state(0, 60), 60), rules(1_000)).unwrap();
    assert_eq!(ended(TRUTH.play(&game, &honest, level(41), 60, &Truth::proof(state(0, 60)))), lost(1));
    // Against the honest claim the same proof shows nothing.
    let game = open([liar, honest], &claim(state(1, 64), 64), &TRUTH.commitment(), rules(1_000)).unwrap();
    let last = ongoing(TRUTH.play(&game, &liar, level(41), 64, &Truth::proof(state(0, 64))));
    assert_eq!(ended(TRUTH.play(&last, &honest, level(42), 0, &Truth::proof(state(0, 64)))), lost(1));
}

#[test]
fn after_an_invalid_proof_the_opponent_may_prove_its_claim() {
    let [honest, liar] = players();
    // Wrong in three ways: nothing valid, the proof of another tick, the proof of what it should refute.
    for bad in [Truth::garbage(), Truth::proof(state(0, 12)), Truth::proof(state(1, 10))] {
        let last = ongoing(TRUTH.play(&late_game(), &honest, level(43), 10, &bad));
        let state_of_game = GameState::FinalMove {
            agreed_start_chunk: chunk(Some(state(0, 10)), 10),
            refuted_stop_chunk: chunk(Some(state(1, 11)), 11),
        };
        assert_eq!(last.state, state_of_game);
        assert_eq!(
            TRUTH.play(&last, &liar, level(44), 10, &liars_answer(1)),
            Err(GameError::DissectingDuringFinalMove)
        );
        // The liar's claim is wrong, too.
        for proof in [Truth::garbage(), Truth::proof(state(0, 10)), Truth::proof(state(1, 10))] {
            assert_eq!(ended(TRUTH.play(&last, &liar, level(44), 10, &proof)), GameResult::Draw);
        }
        // Left alone, the last move ends in a draw as well.
        assert_eq!(last.timeout(level(144)).unwrap(), GameResult::Draw);
    }
}

#[test]
fn bytes_that_are_no_proof_are_refused_and_change_nothing() {
    let [honest, liar] = players();
    let game = late_game();
    let error = TRUTH.play(&game, &honest, level(43), 10, &Truth::no_proof()).unwrap_err();
    assert_eq!(error, GameError::ProofCheck { reason: "no bytes".to_owned() });
    let last = ongoing(TRUTH.play(&game, &honest, level(43), 10, &Truth::garbage()));
    let error = TRUTH.play(&last, &liar, level(44), 10, &Truth::no_proof()).unwrap_err();
    assert_eq!(error.id(), "smart_rollup_proof_check");
}

#[test]
fn the_clock_runs_for_the_player_whose_turn_it_is() {
    let game = game();
    let [honest, liar] = players();
    let left = |blocks_left, staker| Err(GameError::TimeoutLevelNotReached { blocks_left, staker });
    let timed_out = |loser| Ok(GameResult::Loser { reason: LossReason::Timeout, loser });
    // 100 blocks from level 40: the limit itself is still in time.
    assert_eq!(game.timeout(level(139)), left(1, honest));
    assert_eq!(game.timeout(level(140)), left(0, honest));
    assert_eq!(game.timeout(level(141)), timed_out(honest));

    // 30 blocks for the honest player, then the liar's clock runs.
    let game = ongoing(TRUTH.play(&game, &honest, level(70), 0, &first_answer()));
    assert_eq!(game.timeout(level(170)), left(0, liar));
    assert_eq!(game.timeout(level(171)), timed_out(liar));
    let game = ongoing(TRUTH.play(&game, &liar, level(170), 10, &liars_answer(1)));
    assert_eq!((game.clock.left(game.turn), game.clock.left(game.turn.opponent())), (70, 0));
    assert_eq!(game.timeout(level(240)), left(0, honest));
    assert_eq!(game.timeout(level(241)), timed_out(honest));

    // Who is late may move until somebody ends the game, but has no time left.
    let late = ongoing(TRUTH.play(&late_game(), &honest, level(400), 10, &Truth::garbage()));
    assert!(late.clock.left(late.turn.opponent()) < 0);
}

#[test]
fn clocks_bear_extreme_levels() {
    let clock = Clock::start(Level::GENESIS, PERIOD);
    let late = clock.moved(Player::Alice, Level::MAX);
    assert_eq!(late.alice, 100 - i64::from(i32::MAX));
    assert_eq!(late.blocks_left(Player::Bob, Level::MAX), 100);
    // A block before the last move takes nothing away.
    assert_eq!(late.moved(Player::Bob, Level::GENESIS).bob, 100);
}

#[test]
fn who_has_no_stake_left_has_lost() {
    let game = game();
    let lost = |player| {
        let loser = game.stakers.staker(player);
        Some(GameResult::Loser { reason: LossReason::ConflictResolved, loser })
    };
    assert_eq!(game.forfeited(true, true), None);
    assert_eq!(game.forfeited(false, true), lost(Player::Alice));
    assert_eq!(game.forfeited(true, false), lost(Player::Bob));
    assert_eq!(game.forfeited(false, false), Some(GameResult::Draw));
}

#[test]
fn games_read_back() {
    let [honest, _] = players();
    let last = ongoing(TRUTH.play(&late_game(), &honest, level(400), 10, &Truth::garbage()));
    for game in [game(), late_game(), last] {
        let bytes = game.to_bytes();
        assert_eq!(Game::from_bytes(&bytes), Ok(game));
        for at in 0..bytes.len() {
            assert!(Game::from_bytes(&bytes[..at]).is_err());
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            // Addresses may come in the other order; everything else has one form.
            if let Ok(read) = Game::from_bytes(&damaged) {
                assert_eq!(Game::from_bytes(&read.to_bytes()), Ok(read));
            }
        }
    }
}

#[test]
fn who_is_wrong_is_told_so() {
    // The liar opens a game about a true claim: with the truth before it, it has nothing to say.
    let [honest, liar] = players();
    let game = open([liar, honest], &claim(state(1, 64), 64), &TRUTH.commitment(), rules(1_000)).unwrap();
    let truth = |tick| Ok::<_, std::convert::Infallible>(TRUTH.at(tick));
    assert_eq!(game.answer(truth), Ok(Answer::Concede));
    assert_eq!(late_game().answer(truth), Ok(Answer::Prove { choice: Tick(10) }));
    // What keeps the states from being known is told, too.
    assert_eq!(game.answer(|_| Err("no store")), Err("no store"));
}

/// The members and how long an error lasts, as the network tells them.
#[test]
fn refusals_are_told_as_on_the_network() {
    use crate::ledger::ProtocolError;
    use serde_json::{Value, json};
    use soru_base::{IdFamily, Json};
    let [one, other] = players();
    let hash = state(1, 2);
    let (text, players) = (hash.to_json(IdFamily::Mainnet), [one, other].map(|p| p.to_string()));
    let commitments = [CommitmentHash([1; 32]), CommitmentHash([2; 32])];
    let told: [(GameError, &str, Value); 11] = [
        (GameError::WrongTurn, "temporary", json!({})),
        (
            GameError::NotValidCommitmentsConflict {
                refuter_commitment: commitments[0],
                refuter: one,
                defender_commitment: commitments[1],
                defender: other,
            },
            "permanent",
            json!({
                "commitment": commitments[0].to_json(IdFamily::Mainnet),
                "player": players[0],
                "opponent_commitment": commitments[1].to_json(IdFamily::Mainnet),
                "opponent": players[1],
            }),
        ),
        (GameError::DissectionChoiceNotFound { choice: Tick(7) }, "temporary", json!({ "choice": "7" })),
        (
            GameError::DissectionNumberOfSectionsMismatch { expected: 32, given: 3 },
            "temporary",
            json!({ "expected": "32", "given": "3" }),
        ),
        (GameError::DissectionInvalidNumberOfSections { given: 1 }, "permanent", json!({ "value": "1" })),
        (
            GameError::DissectionStartHashMismatch { expected: Some(hash), given: None },
            "temporary",
            json!({ "expected": text, "given": null }),
        ),
        (GameError::DissectionStopHashMismatch { hash: Some(hash) }, "temporary", json!({ "hash": text })),
        (
            GameError::DissectionEdgeTicksMismatch {
                given_start: Tick(1),
                given_stop: Tick(2),
                start: Tick(3),
                stop: Tick(4),
            },
            "temporary",
            json!({
                "dissection_start_tick": "1", "dissection_stop_tick": "2",
                "chunk_start_tick": "3", "chunk_stop_tick": "4",
            }),
        ),
        (
            GameError::DissectionInvalidDistribution { max: TickSpan(9) },
            "permanent",
            json!({ "section_max_size": "9" }),
        ),
        (GameError::ProofCheck { reason: "why".into() }, "permanent", json!({ "reason": "why" })),
        (
            GameError::TimeoutLevelNotReached { blocks_left: -3, staker: one },
            "temporary",
            json!({ "level_timeout": -3, "staker": players[0] }),
        ),
    ];
    for (error, kind, members) in told {
        let id = format!("proto.024-PtTALLiN.{}", error.id());
        let mut expected = json!({ "kind": kind, "id": id });
        for (name, value) in members.as_object().unwrap() {
            expected[name] = value.clone();
        }
        assert_eq!(ProtocolError::from(error).report(IdFamily::Mainnet).0, expected);
    }
}
