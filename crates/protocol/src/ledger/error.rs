//! Why an operation fails or is refused: the network's errors.

mod failure;

pub use failure::{ApplyError, Refused, StorageError, Trace};
pub(crate) use failure::{Failure, Outcome};

use crate::receipt::ErrorReport;
use crate::refutation::GameError;
use num_bigint::BigInt;
use serde_json::{Map, Value, json};
use soru_base::{
    Address, CommitmentHash, Contract, IdFamily, Json, Level, Mutez, PublicKey, PublicKeyHash, RollupAddress,
    ScriptExprHash,
};
use soru_michelson::Micheline;
use thiserror::Error;

/// How long an error lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The operation may succeed later.
    Temporary,
    /// The operation may succeed on another branch.
    Branch,
    /// The operation never succeeds.
    Permanent,
}

impl ErrorKind {
    /// The network's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Temporary => "temporary",
            Self::Branch => "branch",
            Self::Permanent => "permanent",
        }
    }
}

macro_rules! protocol_errors {
    ($(
        $(#[$doc:meta])*
        $name:ident $({ $($field:ident: $type:ty => $key:literal),* $(,)? })? $kind:ident $id:literal, $message:literal;
    )*) => {
        /// A rule of the layer-1 that does not allow something. Ids and members are the network's.
        #[derive(Debug, Clone, PartialEq, Error)]
        pub enum ProtocolError {
            $(
                $(#[$doc])*
                #[error($message)]
                $name $({ $(#[doc = concat!("`", $key, "` in JSON.")] $field: $type),* })?,
            )*
            /// A rule of refutation games.
            #[error(transparent)]
            Game(#[from] GameError),
        }

        impl ProtocolError {
            /// The network's id, without the prefix of the protocol.
            pub fn id(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $id,)*
                    Self::Game(error) => error.id(),
                }
            }

            /// How long it lasts.
            pub fn kind(&self) -> ErrorKind {
                match self {
                    $(Self::$name { .. } => ErrorKind::$kind,)*
                    Self::Game(error) => error.kind(),
                }
            }

            fn members(&self, family: IdFamily) -> Map<String, Value> {
                #[allow(unused_mut, unused_variables, reason = "errors without members use neither")]
                let mut members = Map::new();
                match self {
                    $(Self::$name $({ $($field),* })? => {
                        $($(members.insert($key.to_owned(), $field.member(family));)*)?
                    })*
                    Self::Game(error) => members = error.members(family),
                }
                members
            }
        }
    };
}

protocol_errors! {
    /// The balance does not suffice.
    BalanceTooLow { contract: Contract => "contract", balance: Mutez => "balance", amount: Mutez => "amount" }
        Temporary "contract.balance_too_low",
        "{contract} has {balance} tez, less than the {amount} tez to spend";
    /// The counter is ahead.
    CounterInTheFuture { contract: Contract => "contract", expected: u64 => "expected", found: u64 => "found" }
        Temporary "contract.counter_in_the_future",
        "{contract}: the counter {found} is not yet reached, {expected} is expected";
    /// The counter was used.
    CounterInThePast { contract: Contract => "contract", expected: u64 => "expected", found: u64 => "found" }
        Branch "contract.counter_in_the_past",
        "{contract}: the counter {found} was already used, {expected} is expected";
    /// No such contract.
    NonExistingContract { contract: Contract => "contract" }
        Temporary "contract.non_existing_contract", "the contract {contract} does not exist";
    /// The key is not known yet.
    UnrevealedKey { contract: Contract => "contract" }
        Branch "contract.unrevealed_key", "the public key of {contract} is not revealed";
    /// The key is known already.
    PreviouslyRevealedKey { contract: Contract => "contract" }
        Branch "contract.previously_revealed_key", "the public key of {contract} is already revealed";
    /// The key is another account's.
    InconsistentHash {
        public_key: PublicKey => "public_key", expected_hash: PublicKeyHash => "expected_hash",
        provided_hash: PublicKeyHash => "provided_hash",
    } Permanent "contract.manager.inconsistent_hash",
        "the public key {public_key} is that of {provided_hash}, not of {expected_hash}";
    /// The account has nothing.
    EmptyImplicitContract { implicit: PublicKeyHash => "implicit" }
        Branch "implicit.empty_implicit_contract", "the account {implicit} holds no tez";
    /// A transfer of nothing to an account.
    EmptyTransaction { contract: Contract => "contract" }
        Branch "contract.empty_transaction", "a transaction of 0 tez to the account {contract}";
    /// The storage cannot be paid.
    CannotPayStorageFee
        Temporary "contract.cannot_pay_storage_fee", "the storage fee is more than the account holds";
    /// A negative number of bytes.
    NegativeStorageInput
        Temporary "contract.negative_storage_input", "storage can only be increased by a positive number of bytes";
    /// More storage than the operation allowed itself.
    StorageExhausted
        Temporary "storage_exhausted.operation", "the storage limit of the operation is exceeded";
    /// The limit is above the network's.
    StorageLimitTooHigh
        Permanent "storage_limit_too_high", "the storage limit is above the one of the network";
    /// The limit is above the network's.
    GasLimitTooHigh
        Permanent "gas_limit_too_high", "the gas limit is above the one of the network";
    /// More gas than the operation allowed itself.
    GasExhausted
        Temporary "gas_exhausted.operation", "the gas limit of the operation is exceeded";
    /// No gas left in the block.
    GasExhaustedBlock
        Temporary "gas_exhausted.block", "the gas left in the block does not suffice";
    /// Not even gas for the check of the signature.
    InsufficientGasForManager
        Permanent "validate.operation.insufficient_gas_for_manager",
        "the gas limit does not cover the cost that every operation has";
    /// Two sources in one operation.
    InconsistentSources { first: PublicKeyHash => "first_source", unexpected: PublicKeyHash => "unexpected_source" }
        Permanent "validate.operation.inconsistent_sources",
        "all contents must have one source, {unexpected} is not {first}";
    /// Counters with gaps.
    InconsistentCounters { source_account: PublicKeyHash => "source", previous: u64 => "previous_counter", counter: u64 => "counter" }
        Permanent "validate.operation.inconsistent_counters",
        "the counters of {source_account} must follow one another, {counter} does not follow {previous}";
    /// A reveal that is not first.
    IncorrectRevealPosition
        Permanent "validate.operation.incorrect_reveal_position", "a reveal must be the first content";
    /// A BLS key without proof.
    MissingBlsProof { public_key: PublicKey => "public_key" }
        Permanent "validate.operation.missing_bls_proof", "the BLS key {public_key} is revealed without a proof";
    /// A wrong proof.
    IncorrectBlsProof { public_key: PublicKey => "public_key" }
        Permanent "validate.operation.incorrect_bls_proof", "the proof of the BLS key {public_key} is wrong";
    /// A proof of a key that needs none.
    UnusedBlsProof { public_key: PublicKey => "public_key" }
        Permanent "validate.operation.unused_bls_proof", "a proof is given for {public_key}, which is no BLS key";
    /// A second operation of an account in one block.
    ManagerRestriction { source_account: PublicKeyHash => "source" }
        Branch "validate.operation.manager_restriction",
        "{source_account} already has an operation in this block";
    /// The signature is wrong.
    InvalidSignature
        Permanent "operation.invalid_signature", "the signature is not that of the source";
    /// Contents of an unexpected shape.
    ContentsList { message: String => "message" }
        Permanent "operation.contents_list_error", "unexpected contents: {message}";
    /// More bytes than an operation may have.
    Oversized { size: u64 => "size", max: u64 => "max" }
        Permanent "operation.oversized", "an operation of {size} bytes: at most {max} are allowed";
    /// A kind of operation or machine that this layer-1 does not offer.
    Unsupported { what: String => "message" }
        Permanent "operation.unsupported", "{what} is not offered by this layer-1";
    /// Tez sent by something that has none.
    NonEmptyTransactionFrom { contract: Address => "contract" }
        Permanent "contract.non_empty_transaction_from_source", "{contract:?} cannot send tez";
    /// A call that only accounts and contracts can make.
    InvalidSender { contract: Address => "contract" }
        Permanent "operations.invalid_sender", "{contract:?} is neither an account nor a contract";
    /// Only contracts can call rollups.
    InvalidTransferToRollup
        Permanent "operations.invalid_transfer_to_smart_rollup_from_implicit_account",
        "only originated contracts can transfer to a smart rollup";
    /// Tez sent to a rollup.
    RollupTransactionAmount
        Permanent "operation.rollup_invalid_transaction_amount", "a transfer to a smart rollup must be of 0 tez";
    /// An entrypoint of a rollup.
    RollupEntrypoint
        Permanent "operation.rollup_invalid_entrypoint", "a transfer to a smart rollup must be to its default entrypoint";
    /// A call that a script asks for twice.
    InternalOperationReplay { sender: Address => "source", nonce: u32 => "nonce" }
        Permanent "internal_operation_replay", "the internal operation {nonce} was asked for twice";
    /// Too many calls.
    TooManyInternalOperations
        Permanent "too_many_internal_operations", "an operation leads to too many internal ones";

    /// Code that does not type.
    IllTypedContract { reason: String => "reason" }
        Permanent "michelson_v1.ill_typed_contract", "the contract is ill-typed: {reason}";
    /// Data that does not type.
    IllTypedData { expected_type: Micheline => "expected_type", ill_typed_expression: Micheline => "ill_typed_expression", reason: String => "reason" }
        Permanent "michelson_v1.ill_typed_data", "the data is ill-typed: {reason}";
    /// A type that is none.
    IllFormedType { expression: Micheline => "ill_formed_expression", reason: String => "reason" }
        Permanent "michelson_v1.ill_formed_type", "the type is ill-formed: {reason}";
    /// A parameter that does not fit.
    BadContractParameter { contract: Contract => "contract" }
        Permanent "michelson_v1.bad_contract_parameter", "the parameter does not fit the contract {contract}";
    /// No such entrypoint.
    NoSuchEntrypoint { entrypoint: String => "entrypoint" }
        Permanent "michelson_v1.no_such_entrypoint", "the contract has no entrypoint {entrypoint}";
    /// A contract failed.
    RuntimeError { contract: Contract => "contract_handle", reason: String => "reason" }
        Temporary "michelson_v1.runtime_error", "{contract} failed: {reason}";
    /// A contract rejected a call.
    ScriptRejected { location: u32 => "location", with: Micheline => "with" }
        Temporary "michelson_v1.script_rejected", "the contract rejected the call";

    /// Types that differ.
    InconsistentTypes { location: u32 => "loc", first_type: Micheline => "first_type", other_type: Micheline => "other_type" }
        Permanent "michelson_v1.inconsistent_types", "the argument has another type than the entrypoint";
    /// A type that cannot be compared.
    ComparableTypeExpected { location: u32 => "location", wrong_type: Micheline => "wrong_type" }
        Permanent "michelson_v1.comparable_type_expected", "tickets of a type that cannot be compared";
    /// A ticket that somebody made up.
    UnexpectedForgedValue { location: u32 => "location" }
        Permanent "michelson_v1.unexpected_forged_value", "a ticket where only contracts could give one";
    /// A ticket of nothing.
    ForbiddenZeroTicket
        Permanent "michelson_v1.forbidden_zero_amount_ticket", "a ticket of amount zero";
    /// A ticket made by a rollup.
    UnexpectedTicketOwner { ticketer: Address => "ticketer" }
        Permanent "michelson_v1.unexpected_ticket_owner", "a ticket made by {ticketer:?}, which is no contract";

    /// More tickets than there are.
    InvalidTicketTransfer { ticketer: Contract => "ticketer", amount: BigInt => "amount" }
        Permanent "invalid_ticket_transfer",
        "{amount} tickets of {ticketer} are sent or kept that were neither held nor handed over";
    /// More tickets than the owner has.
    NegativeTicketBalance { key: ScriptExprHash => "key", balance: BigInt => "balance" }
        Permanent "Negative_ticket_balance", "a balance of {balance} tickets would be left at {key}";
    /// A fault in the count of bytes.
    TicketStorageUnderflow
        Permanent "Used_storage_underflow", "more bytes of balances of tickets are freed than are used";
    /// A big map that is not there.
    FailedToLoadBigMapValueType { id: BigInt => "big_map_id" }
        Permanent "Failed_to_load_big_map_value_type", "the type of the values of big map {id} is not known";
    /// A big map with bindings that are not written yet.
    UnsupportedNonEmptyOverlay
        Branch "Unsupported_non_empty_overlay", "a big map that can hold tickets has bindings in an argument";

    /// No such rollup.
    RollupDoesNotExist { rollup: RollupAddress => "rollup" }
        Temporary "smart_rollup_does_not_exist", "the smart rollup {rollup:?} does not exist";
    /// No message.
    AddZeroMessages
        Permanent "internal.smart_rollup_add_zero_messages", "no message to add";
    /// A message too large.
    InboxMessageEncoding
        Permanent "smart_rollup_inbox_message_encoding", "a message is more than 4096 bytes with its tag";
    /// A level full of messages.
    InboxLevelFull
        Permanent "smart_rollup_inbox_level_reached_message_limit", "the inbox of the level is full";
    /// A type that cannot be sent to a rollup.
    InvalidParametersType
        Permanent "smart_rollup_invalid_parameters_type", "a smart rollup cannot take parameters of that type";
    /// Whitelists are off.
    WhitelistDisabled
        Permanent "smart_rollup_whitelist_disabled", "smart rollups with a whitelist are disabled";
    /// The example machine is off.
    ArithPvmDisabled
        Permanent "operation.arith_pvm_disabled", "smart rollups of kind arith are disabled";
    /// The RISC-V machine is off.
    RiscvPvmDisabled
        Permanent "operation.riscv_pvm_disabled", "smart rollups of kind riscv are disabled";
    /// A claim that nothing happened.
    ZeroTickCommitment
        Permanent "smart_rollup_zero_tick_commitment", "a commitment of 0 ticks";
    /// Not enough tez for the deposit.
    StakerFundsTooLow {
        staker: PublicKeyHash => "staker", rollup: RollupAddress => "smart_rollup",
        staker_balance: Mutez => "staker_balance", min_expected_balance: Mutez => "min_expected_balance",
    } Temporary "smart_rollup_staker_funds_too_low",
        "{staker} has {staker_balance} tez, less than the deposit of {min_expected_balance} tez";
    /// Behind the last cemented commitment.
    CommitmentTooOld { last_cemented: Level => "last_cemented_inbox_level", level: Level => "commitment_inbox_level" }
        Permanent "smart_rollup_commitment_too_old",
        "a commitment for level {level} is behind the last cemented one of level {last_cemented}";
    /// Too far ahead of the last cemented commitment.
    TooFarAhead
        Temporary "smart_rollup_too_far_ahead", "the commitment is too far ahead of the last cemented one";
    /// A commitment nobody knows.
    UnknownCommitment { commitment: CommitmentHash => "commitment" }
        Temporary "smart_rollup_unknown_commitment", "the commitment {commitment:?} does not exist";
    /// Not at the end of a period.
    BadInboxLevel { expected: Level => "expected", provided: Level => "provided" }
        Temporary "smart_rollup_bad_inbox_level",
        "a commitment for level {provided}, where one for level {expected} is due";
    /// Too late to contradict.
    CommitmentPastCurfew
        Permanent "smart_rollup_commitment_past_curfew",
        "the first commitment for this level was published longer ago than the challenge window";
    /// A level not reached.
    CommitmentFromFuture { current_level: Level => "current_level", inbox_level: Level => "inbox_level" }
        Temporary "smart_rollup_commitment_from_future",
        "a commitment for level {inbox_level} cannot be published at level {current_level}";
    /// The same commitment twice by one staker.
    DoublePublish { commitment: CommitmentHash => "commitment_hash" }
        Permanent "smart_rollup_double_publish", "the staker already published the commitment {commitment:?}";
    /// Two commitments for one level by one staker.
    StakerDoubleStake
        Temporary "smart_rollup_staker_double_stake",
        "the staker already published another commitment for this level";
    /// Two branches.
    CommitmentDisputed
        Temporary "smart_rollup_commitment_disputed", "two commitments are disputed: neither can be cemented";
    /// Nothing to cement.
    NoValidCommitmentToCement
        Temporary "smart_rollup_no_valid_commitment_to_cement", "there is no commitment to cement";
    /// Too early to cement.
    CommitmentTooRecent { current_level: Level => "current_level", min_level: Level => "min_level" }
        Temporary "smart_rollup_commitment_too_recent",
        "at level {current_level} the challenge window is open until level {min_level}";
    /// Not a staker.
    NotStaked
        Temporary "smart_rollup_not_staked", "the account does not stake on the smart rollup";
    /// A stake that is still needed.
    NotStakedOnLccOrAncestor
        Temporary "smart_rollup_not_staked_on_lcc_or_ancestor",
        "the account stakes on a commitment that is not cemented yet";
    /// No such game.
    NoGame
        Temporary "smart_rollup_no_game", "there is no refutation game of these two";
    /// A game of the two is on.
    GameAlreadyStarted
        Temporary "smart_rollup_game_already_started", "a refutation game of these two is on already";
    /// Too many games.
    MaxNumberOfParallelGamesReached { staker: PublicKeyHash => "staker" }
        Temporary "smart_rollup_maximal_number_of_parallel_games_reached",
        "{staker} plays as many refutation games as one may play at once";
    /// A commitment of somebody else.
    WrongStakerForConflictCommitment { player: PublicKeyHash => "player", commitment: CommitmentHash => "commitment" }
        Permanent "smart_rollup_wrong_staker_for_conflict_commitment",
        "{player} does not stake on the commitment {commitment:?}";
    /// Not a cemented commitment, or one let go.
    InvalidLastCementedCommitment
        Permanent "smart_rollup_invalid_last_cemented_commitment",
        "the commitment is not among the cemented ones that are kept";
    /// A proof that does not show it.
    InvalidOutputProof
        Permanent "smart_rollup_invalid_output_proof", "the proof does not show an outbox message of the commitment's state";
    /// A level too old or too new.
    InvalidOutboxLevel
        Permanent "smart_rollup_invalid_outbox_level", "messages of that outbox level cannot be executed (any more)";
    /// An index too large.
    InvalidOutboxMessageIndex
        Temporary "smart_rollup_invalid_outbox_message_index", "no outbox has a message of that index";
    /// Its place was taken by a later level.
    OutboxLevelExpired
        Temporary "smart_rollup_outbox_level_expired", "the outbox level has expired";
    /// Executed before.
    OutboxMessageAlreadyApplied
        Temporary "smart_rollup_outbox_message_already_applied", "the outbox message was already executed";
    /// Bytes that are no outbox message.
    OutboxMessageDecoding
        Permanent "smart_rollup_outbox_message_repr.error_decoding_outbox_message",
        "the bytes in the outbox are no message that can be executed";
    /// A destination that is no contract.
    OutboxInvalidDestination
        Permanent "smart_rollup_management_protocol_invalid_destination",
        "an outbox message can call originated contracts only";
}

/// A member of an error.
trait Member {
    fn member(&self, family: IdFamily) -> Value;
}

macro_rules! json_members {
    ($($type:ty),*) => {$(
        impl Member for $type {
            fn member(&self, family: IdFamily) -> Value {
                self.to_json(family)
            }
        }
    )*};
}

json_members!(
    Contract,
    Address,
    Mutez,
    PublicKey,
    PublicKeyHash,
    RollupAddress,
    CommitmentHash,
    Micheline,
    ScriptExprHash
);

impl Member for BigInt {
    fn member(&self, _: IdFamily) -> Value {
        self.to_string().into()
    }
}

impl Member for u64 {
    fn member(&self, _: IdFamily) -> Value {
        self.to_string().into()
    }
}

impl Member for u32 {
    fn member(&self, _: IdFamily) -> Value {
        (*self).into()
    }
}

impl Member for Level {
    fn member(&self, _: IdFamily) -> Value {
        self.get().into()
    }
}

impl Member for String {
    fn member(&self, _: IdFamily) -> Value {
        self.clone().into()
    }
}

impl ProtocolError {
    /// The network's form of the error: `kind`, `id` and its members.
    pub fn report(&self, family: IdFamily) -> ErrorReport {
        let protocol = match family {
            IdFamily::Alpha => "alpha",
            IdFamily::Mainnet => "024-PtTALLiN",
        };
        let mut object =
            json!({ "kind": self.kind().name(), "id": format!("proto.{protocol}.{}", self.id()) });
        for (key, value) in self.members(family) {
            object[key] = value;
        }
        if let Self::RuntimeError { .. } = self {
            // Once the code of the contract; clients still look for the member.
            object["contract_code"] = "Deprecated".into();
        }
        ErrorReport(object)
    }
}
