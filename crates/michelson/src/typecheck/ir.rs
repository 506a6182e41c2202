//! Typed code.

use crate::micheline::Micheline;
use crate::types::Type;
use crate::values::Value;
use soru_base::Entrypoint;
use std::sync::Arc;

/// Typed code: blocks of instructions that name each other by their index.
///
/// Blocks lie side by side, so code nested however deeply is dropped and run without recursion.
pub struct Code {
    pub(crate) blocks: Vec<Box<[Step]>>,
    /// The expression that the numbers of steps are about.
    pub(crate) source: Arc<Micheline>,
}

/// An instruction and the number of its expression.
pub(crate) struct Step {
    pub(crate) instruction: Instruction,
    pub(crate) number: u32,
}

/// The index of a block.
pub(crate) type Block = usize;

/// An instruction whose types are settled. Where the value itself shows what to do (a list or a map, `int` or `string`),
/// one instruction stands for all types.
pub(crate) enum Instruction {
    // The stack. Depths count from the top, from 0.
    Drop(usize),
    Dup(usize),
    Swap,
    Dig(usize),
    Dug(usize),
    Push(Value),
    Dip(usize, Block),
    // Control.
    If(Block, Block),
    IfNone(Block, Block),
    IfLeft(Block, Block),
    IfCons(Block, Block),
    Loop(Block),
    LoopLeft(Block),
    Iter(Block),
    Map(Block),
    Lambda {
        parameter: Type,
        result: Type,
        recursive: bool,
        block: Block,
        number: usize,
    },
    Exec,
    /// With the type of the argument given.
    Apply(Type),
    /// With the type of the value.
    Failwith(Type),
    Never,
    // Pairs, unions, options, collections.
    Pair(usize),
    Unpair(usize),
    Car,
    Cdr,
    GetComponent(usize),
    UpdateComponent(usize),
    Left,
    Right,
    Some,
    Cons,
    /// Of keys and values.
    EmptyBigMap(Type, Type),
    Size,
    Mem,
    Get,
    Update,
    GetAndUpdate,
    Concat,
    /// Of a list: of strings or of bytes.
    ConcatStrings,
    ConcatBytes,
    Slice,
    // Comparing.
    Compare,
    Eq,
    Neq,
    Lt,
    Gt,
    Le,
    Ge,
    // Numbers, booleans, bytes.
    Add,
    Sub,
    SubMutez,
    Mul,
    Ediv,
    Abs,
    Neg,
    IsNat,
    /// `INT` and `NAT` of bytes; whether they are signed.
    BytesToInt(bool),
    /// `BYTES`; whether the number is signed.
    IntToBytes(bool),
    Lsl,
    Lsr,
    And,
    Or,
    Xor,
    Not,
    // Bytes and cryptography.
    Pack(Type),
    Unpack(Type),
    Blake2b,
    Sha256,
    Sha512,
    Keccak,
    Sha3,
    CheckSignature,
    /// `INT` of a scalar.
    ScalarToInt,
    PairingCheck,
    OpenChest,
    HashKey,
    // The chain.
    Amount,
    Balance,
    Sender,
    Source,
    Now,
    Level,
    ChainId,
    MinBlockTime,
    SelfAddress,
    SelfContract(Entrypoint),
    Address,
    Contract(Type, Entrypoint),
    ImplicitAccount,
    IsImplicitAccount,
    IndexAddress,
    GetAddressIndex,
    VotingPower,
    TotalVotingPower,
    TransferTokens(Type),
    SetDelegate,
    CreateContract {
        script: Arc<Micheline>,
        storage: Type,
    },
    Emit {
        tag: Entrypoint,
        ty: Type,
        written: Micheline,
    },
    View {
        name: String,
        input: Type,
        output: Type,
    },
    // Tickets.
    Ticket,
    ReadTicket,
    SplitTicket,
    JoinTickets,
}
