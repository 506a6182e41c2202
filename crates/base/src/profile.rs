//! A network as data: prefixes, protocol, constants. Nothing else in Soru depends on the network.

use crate::hash::ProtocolHash;
use std::fmt;
use std::str::FromStr;

/// Which base58 prefixes the identifiers of smart rollups have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdFamily {
    /// `scr1`, `scc1`, `scs1`, `scib1`: the prefixes of the document.
    Alpha,
    /// `sr1`, `src1`, `srs1`, `srib1`: the prefixes of today's network.
    Mainnet,
}

/// The constants of smart rollups, under the names of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupConstants {
    /// Blocks in a commitment period.
    pub commitment_period_in_blocks: u32,
    /// Blocks during which a commitment can be refuted.
    pub challenge_window_in_blocks: u32,
    /// Deposit of a staker, in mutez.
    pub stake_amount: u64,
    /// Blocks each player of a refutation game has.
    pub timeout_period_in_blocks: u32,
    /// Sections of a dissection.
    pub number_of_sections_in_dissection: u8,
    /// How far ahead of the last cemented commitment one may publish, in blocks.
    pub max_lookahead_in_blocks: u32,
    /// Levels during which an outbox message can be executed.
    pub max_active_outbox_levels: u32,
    /// Outbox messages of one level.
    pub max_outbox_messages_per_level: u32,
    /// Cemented commitments kept for the execution of outbox messages.
    pub max_number_of_stored_cemented_commitments: u32,
    /// Refutation games one staker may play at once.
    pub max_number_of_parallel_games: u32,
    /// Bytes of storage an origination pays for besides its own.
    pub origination_size: u32,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// `alpha` or `mainnet`.
    pub name: ProfileName,
    /// Prefixes of the identifiers of smart rollups.
    pub ids: IdFamily,
    /// The protocol the embedded layer-1 says it runs.
    pub protocol: ProtocolHash,
    /// Whether an info-per-level message follows start of level in every inbox.
    pub info_per_level: bool,
    /// Seconds between two blocks.
    pub minimal_block_delay: u64,
    /// Cost of a byte of storage, in mutez.
    pub cost_per_byte: u64,
    /// Constants of smart rollups.
    pub rollup: RollupConstants,
}

/// Name of a [`Profile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProfileName {
    /// The document's network.
    Alpha,
    /// Today's public network.
    Mainnet,
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alpha => "alpha",
            Self::Mainnet => "mainnet",
        })
    }
}

impl FromStr for ProfileName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "alpha" => Ok(Self::Alpha),
            "mainnet" => Ok(Self::Mainnet),
            other => Err(format!("unknown profile `{other}`: expected `alpha` or `mainnet`")),
        }
    }
}

impl Profile {
    /// The profile of that name.
    pub fn named(name: ProfileName) -> Self {
        match name {
            ProfileName::Alpha => Self::alpha(),
            ProfileName::Mainnet => Self::mainnet(),
        }
    }

    /// The document's network.
    pub fn alpha() -> Self {
        Self {
            name: ProfileName::Alpha,
            ids: IdFamily::Alpha,
            protocol: protocol("ProtoALphaALphaALphaALphaALphaALphaALphaALphaDdp3zK"),
            info_per_level: false,
            minimal_block_delay: 15,
            cost_per_byte: 250,
            // Two weeks and one week in blocks of 15 seconds.
            rollup: rollup_constants(30, 80_640, 40_320, 172_800, 80_640),
        }
    }

    /// Today's public network.
    pub fn mainnet() -> Self {
        Self {
            name: ProfileName::Mainnet,
            ids: IdFamily::Mainnet,
            protocol: protocol("PtTALLiNtPec7mE7yY4m3k26J8Qukef3E3ehzhfXgFZKGtDdAXu"),
            info_per_level: true,
            minimal_block_delay: 6,
            cost_per_byte: 250,
            // Fifteen minutes, two weeks, one week, thirty days and two weeks in blocks of 6 seconds.
            rollup: rollup_constants(150, 201_600, 100_800, 432_000, 201_600),
        }
    }
}

fn protocol(text: &str) -> ProtocolHash {
    text.parse().expect("a protocol hash written in the source")
}

fn rollup_constants(
    period: u32,
    window: u32,
    timeout: u32,
    lookahead: u32,
    outbox_levels: u32,
) -> RollupConstants {
    RollupConstants {
        commitment_period_in_blocks: period,
        challenge_window_in_blocks: window,
        stake_amount: 10_000_000_000,
        timeout_period_in_blocks: timeout,
        number_of_sections_in_dissection: 32,
        max_lookahead_in_blocks: lookahead,
        max_active_outbox_levels: outbox_levels,
        max_outbox_messages_per_level: 100,
        max_number_of_stored_cemented_commitments: 5,
        max_number_of_parallel_games: 32,
        origination_size: 6_314,
    }
}
