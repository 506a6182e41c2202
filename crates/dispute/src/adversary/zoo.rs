//! The strategies that lie, by name. Each is a combination of what it says of the states, how it moves, what it proves
//! in the end, and when it moves.

use crate::Landmark;

/// A kind of adversary.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name in a [`Spec`](super::Spec).
    pub name: &'static str,
    /// What it lies about, in a sentence.
    pub lies: &'static str,
    pub(super) plan: Plan,
}

/// What an adversary does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) place: Place,
    pub(super) falsehood: Falsehood,
    pub(super) manner: Manner,
    pub(super) proof: FinalProof,
    pub(super) pace: Pace,
}

/// The first state that is told wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The one after this step.
    After(Landmark),
    /// The last one.
    Last,
    /// Any one.
    Any,
    /// The first one behind the end.
    BehindEnd,
}

/// What is said instead of the truth, from the first wrong state on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Falsehood {
    /// Hashes of nothing.
    Noise,
    /// The true state with one bit of one leaf changed.
    OneBit,
    /// The state of one tick before: the machine stood still for a tick.
    Late,
    /// What the step leads to if it is given another message or another answer; then noise.
    OtherInput,
    /// The machine is blocked.
    Blocked,
    /// So many ticks more, with noise in them.
    Longer(u64),
}

/// How it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As a node that believes what it says.
    Faithful,
    /// Any valid move.
    Random,
    /// As a node that believes what it says, but says another thing each time.
    Fickle,
    /// Two moves at once, the second one for the game as it was before the first.
    Twice,
    /// As a node that believes what it says, but cuts so that the first proof is its own.
    LastWord,
    /// As a node that believes what it says, but cuts so that the game gets as long as it can.
    Long,
    /// Moves that the rules refuse, mostly.
    Illegal,
    /// A proof for more than one tick.
    ProofOfMany,
    /// A proof for the last tick of the opening, which nobody disputes.
    Closing,
    /// A proof for a tick in which the machine is blocked already.
    BehindEnd,
}

/// What it proves when there is one tick left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FinalProof {
    /// The truth, which shows that its opponent is right.
    True,
    /// The truth, with what it claims as the end of the tick.
    OtherEnd,
    /// The tick with another message or another answer, if it takes one.
    OtherInput,
    /// A tick beside it.
    Neighbour,
    /// The truth, with another proof of its input: one about the end of all numbers.
    Extremes,
    /// Random bytes.
    Garbage,
    /// As many bytes as an operation can hold, of a tree as deep as they can make.
    Bomb,
}

/// When it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// At once.
    AtOnce,
    /// When its time is just enough for the rest of the game.
    Last,
    /// Never.
    Never,
}

/// What the others vary.
const PLAIN: Plan = Plan {
    place: Place::Any,
    falsehood: Falsehood::Noise,
    manner: Manner::Faithful,
    proof: FinalProof::OtherEnd,
    pace: Pace::AtOnce,
};

/// The plan of those that fail at chosen places.
pub(super) const AT_PLACES: Plan = Plan { proof: FinalProof::OtherInput, ..PLAIN };

const fn after(step: Landmark, falsehood: Falsehood) -> Plan {
    Plan { place: Place::After(step), falsehood, ..PLAIN }
}

const fn moving(manner: Manner) -> Plan {
    Plan { manner, ..PLAIN }
}

const fn proving(proof: FinalProof) -> Plan {
    Plan { proof, manner: Manner::LastWord, ..PLAIN }
}

const fn other_input(step: Landmark) -> Plan {
    Plan { place: Place::After(step), falsehood: Falsehood::OtherInput, ..proving(FinalProof::OtherInput) }
}

/// Every kind of adversary there is.
pub fn zoo() -> &'static [Kind] {
    ZOO
}

macro_rules! zoo {
    ($($name:literal: $plan:expr, $lies:literal;)*) => {
        const ZOO: &[Kind] = &[$(Kind { name: $name, lies: $lies, plan: $plan }),*];
    };
}

zoo! {
    "final-hash": Plan { place: Place::Last, proof: FinalProof::True, ..PLAIN },
        "Only the hash of the last state is wrong.";
    "first": after(Landmark::First, Falsehood::Noise),
        "All states of the period are wrong, from its first tick on.";
    "last": Plan { place: Place::Last, falsehood: Falsehood::OneBit, ..PLAIN },
        "The last tick of the period leads to a state with one bit changed.";
    "input": after(Landmark::Input, Falsehood::Late),
        "A message is not taken; from there on the machine is one tick late.";
    "snapshot": after(Landmark::Snapshot, Falsehood::Late),
        "The first tick of a run changes nothing; from there on the machine is one tick late.";
    "decode": after(Landmark::Decode, Falsehood::OneBit),
        "A tick that decodes the kernel has another result.";
    "link": after(Landmark::Link, Falsehood::OneBit),
        "A tick that looks up the kernel's imports has another result.";
    "init": after(Landmark::Init, Falsehood::OneBit),
        "A tick that makes the kernel's instance has another result.";
    "eval": after(Landmark::Eval, Falsehood::OneBit),
        "An instruction of the kernel has another result.";
    "host-call": after(Landmark::HostCall, Falsehood::OneBit),
        "A host function does something else.";
    "reveal": after(Landmark::Reveal, Falsehood::OneBit),
        "The answer to a reveal gets into the state with one bit changed.";
    "padding": after(Landmark::Padding, Falsehood::OneBit),
        "A tick in which nothing happens changes one bit.";
    "padding-end": after(Landmark::PaddingEnd, Falsehood::OneBit),
        "The machine leaves its padding with one bit changed.";
    "stuck": after(Landmark::Stuck, Falsehood::OneBit),
        "What follows when a kernel was refused is another thing.";
    "one-bit": Plan { falsehood: Falsehood::OneBit, ..PLAIN },
        "Somewhere in the period one bit of the state is changed, and stays so.";
    "late": Plan { falsehood: Falsehood::Late, proof: FinalProof::True, ..PLAIN },
        "Somewhere in the period the machine stands still for one tick.";
    "wrong-inbox": other_input(Landmark::Input),
        "The machine reads another message than the inbox has there, and the proof is of that one.";
    "wrong-preimage": other_input(Landmark::Reveal),
        "A reveal is answered with other data, and the proof holds these.";
    "wrong-tick": proving(FinalProof::Neighbour),
        "The final proof is a good one, of the tick beside the disputed one.";
    "forged-end": proving(FinalProof::OtherEnd),
        "The final proof is good up to the state it claims to lead to.";
    "garbage": proving(FinalProof::Garbage),
        "The final proof is random bytes.";
    "bomb": proving(FinalProof::Bomb),
        "The final proof fills an operation with a tree as deep as its bytes can make.";
    "extremes": proving(FinalProof::Extremes),
        "The final proof has an input proof with the largest numbers that it can hold.";
    "multi-tick": moving(Manner::ProofOfMany),
        "It proves a section of many ticks at once.";
    "closing-tick": moving(Manner::Closing),
        "It disputes the tick behind the end, on which both agree.";
    "behind-end": Plan {
        place: Place::BehindEnd,
        falsehood: Falsehood::Longer(1_000),
        proof: FinalProof::True,
        ..moving(Manner::BehindEnd)
    },
        "It proves a tick that starts where the machine is blocked already.";
    "random": moving(Manner::Random),
        "It makes any valid move: random sections, random ticks, random states.";
    "fickle": moving(Manner::Fickle),
        "It claims other states at every move.";
    "illegal": moving(Manner::Illegal),
        "Three of its four moves are refused by the rules, each for another reason.";
    "double-move": moving(Manner::Twice),
        "It moves twice at once; the second move answers the game as it was before the first.";
    "lazy": Plan { pace: Pace::Never, ..PLAIN },
        "It never moves and lets its time run out.";
    "last-block": Plan { pace: Pace::Last, ..PLAIN },
        "It lets its time run almost out before it moves.";
    "long-game": moving(Manner::Long),
        "It cuts so that the game takes as many moves as it can.";
    "too-many-ticks": Plan { place: Place::BehindEnd, falsehood: Falsehood::Longer(1), ..PLAIN },
        "The period takes one tick more.";
    "endless": Plan { place: Place::BehindEnd, falsehood: Falsehood::Longer(u64::MAX), ..moving(Manner::Long) },
        "The period takes as many ticks as a commitment can claim.";
    "too-few-ticks": Plan { falsehood: Falsehood::Blocked, ..PLAIN },
        "The machine is blocked somewhere in the period, where it still computes.";
}
