use crate::commitment::Commitment;
use crate::refutation::Refutation;
use num_bigint::{BigInt, BigUint};
use soru_base::{
    Address, CommitmentHash, Contract, ContractHash, Entrypoint, Mutez, PublicKey, PublicKeyHash,
    RollupAddress,
};
use soru_michelson::Micheline;

/// One thing to do, and what its source pays for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// The account that asks, pays and signs.
    pub source: PublicKeyHash,
    /// What it pays to the baker.
    pub fee: Mutez,
    /// One more than the last counter of the source.
    pub counter: u64,
    /// Gas it may use, in units (thousands of milligas).
    pub gas_limit: u64,
    /// Bytes of storage it may allocate.
    pub storage_limit: u64,
    /// What to do.
    pub action: Action,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Tells the public key of the source: once, before anything else.
    Reveal {
        /// The key.
        public_key: PublicKey,
        /// Proof of possession, for BLS keys.
        proof: RevealProof,
    },
    /// Moves tez, calls a contract.
    Transaction {
        /// Tez to move.
        amount: Mutez,
        /// Where to. The network takes contracts only here; clients forge rollups, too.
        destination: Address,
        /// What to call, `None` for the default entrypoint with `Unit`.
        parameters: Option<Parameters>,
    },
    /// Makes a contract.
    Origination {
        /// Its tez.
        balance: Mutez,
        /// Its delegate.
        delegate: Option<PublicKeyHash>,
        /// Its code and first storage.
        script: Script,
    },
    /// Chooses a delegate, or none.
    Delegation {
        /// The delegate.
        delegate: Option<PublicKeyHash>,
    },
    /// Registers a Michelson expression.
    RegisterGlobalConstant {
        /// The expression.
        value: Micheline,
    },
    /// Pays for storage of a contract in advance.
    IncreasePaidStorage {
        /// Bytes.
        amount: BigInt,
        /// The contract.
        destination: ContractHash,
    },
    /// Moves tickets.
    TransferTicket {
        /// What the tickets contain.
        contents: Micheline,
        /// Its type.
        ty: Micheline,
        /// Who made them.
        ticketer: Contract,
        /// How many.
        amount: BigUint,
        /// Where to.
        destination: Contract,
        /// The entrypoint to call.
        entrypoint: Entrypoint,
    },
    /// Makes a rollup.
    SmartRollupOriginate {
        /// Its machine.
        pvm_kind: PvmKind,
        /// Its kernel.
        kernel: Vec<u8>,
        /// The type of what contracts send to it.
        parameters_ty: Micheline,
        /// Who may stake on it, if not everybody.
        whitelist: Option<Vec<PublicKeyHash>>,
    },
    /// Puts messages into the inbox of all rollups.
    SmartRollupAddMessages {
        /// The messages.
        messages: Vec<Vec<u8>>,
    },
    /// Makes a commitment final.
    SmartRollupCement {
        /// The rollup.
        rollup: RollupAddress,
    },
    /// Publishes a commitment, with a deposit at the first time.
    SmartRollupPublish {
        /// The rollup.
        rollup: RollupAddress,
        /// The commitment.
        commitment: Commitment,
    },
    /// Opens a refutation game, or plays a move of one.
    SmartRollupRefute {
        /// The rollup.
        rollup: RollupAddress,
        /// Whom the source plays against.
        opponent: PublicKeyHash,
        /// What it plays.
        refutation: Refutation,
    },
    /// Ends a refutation game whose player did not move in time.
    SmartRollupTimeout {
        /// The rollup.
        rollup: RollupAddress,
        /// The one player, in the order of the game's index.
        alice: PublicKeyHash,
        /// The other one.
        bob: PublicKeyHash,
    },
    /// Runs the calls that a rollup put into its outbox.
    SmartRollupExecuteOutboxMessage {
        /// The rollup.
        rollup: RollupAddress,
        /// A cemented commitment whose state has the message.
        cemented_commitment: CommitmentHash,
        /// Proof that the message is there.
        output_proof: Vec<u8>,
    },
    /// Gives a staker's deposit back.
    SmartRollupRecoverBond {
        /// The rollup.
        rollup: RollupAddress,
        /// The staker.
        staker: PublicKeyHash,
    },
}

/// The option of a proof at the end of a reveal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevealProof {
    /// Written by clients from before 2025: the option's byte is missing, and the hash of the operation is that of the
    /// shorter bytes.
    LeftOut,
    /// No proof.
    None,
    /// A proof of possession of a BLS key.
    Some(Vec<u8>),
}

/// What to call a contract with.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The entrypoint.
    pub entrypoint: Entrypoint,
    /// Its argument.
    pub value: Micheline,
}

impl Parameters {
    /// Whether they are what a call without parameters has: `Unit` for the default entrypoint.
    pub fn is_default(&self) -> bool {
        self.entrypoint.is_default() && self.value == Micheline::unit()
    }
}

/// A contract's code and storage.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// The sequence of `parameter`, `storage`, `code` and views.
    pub code: Micheline,
    /// The storage.
    pub storage: Micheline,
}

/// Kinds of machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PvmKind {
    /// The network's example machine, for tests.
    Arith,
    /// WebAssembly.
    Wasm2_0_0,
    /// RISC-V.
    Riscv,
}

impl PvmKind {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Arith, "arith"), (Self::Wasm2_0_0, "wasm_2_0_0"), (Self::Riscv, "riscv")];

    /// The network's name.
    pub fn name(self) -> &'static str {
        Self::ALL[usize::from(self.tag())].1
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(kind, _)| *kind)
    }

    /// The tag of the binary form.
    pub fn tag(self) -> u8 {
        self as u8
    }

    /// The kind with that tag.
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.get(usize::from(tag)).map(|(kind, _)| *kind)
    }
}

impl Action {
    /// The network's name of the kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Reveal { .. } => "reveal",
            Self::Transaction { .. } => "transaction",
            Self::Origination { .. } => "origination",
            Self::Delegation { .. } => "delegation",
            Self::RegisterGlobalConstant { .. } => "register_global_constant",
            Self::IncreasePaidStorage { .. } => "increase_paid_storage",
            Self::TransferTicket { .. } => "transfer_ticket",
            Self::SmartRollupOriginate { .. } => "smart_rollup_originate",
            Self::SmartRollupAddMessages { .. } => "smart_rollup_add_messages",
            Self::SmartRollupCement { .. } => "smart_rollup_cement",
            Self::SmartRollupPublish { .. } => "smart_rollup_publish",
            Self::SmartRollupRefute { .. } => "smart_rollup_refute",
            Self::SmartRollupTimeout { .. } => "smart_rollup_timeout",
            Self::SmartRollupExecuteOutboxMessage { .. } => "smart_rollup_execute_outbox_message",
            Self::SmartRollupRecoverBond { .. } => "smart_rollup_recover_bond",
        }
    }
}
