//! A layer-1 through its RPC, as the node needs it.

use crate::config::{Config, FeeParameter, Purpose};
use crate::layer1::{
    Added, Block, Constants, Header, Heads, Injected, Injection, Layer1, Layer1Error, Origin, Publication,
    Signed, Stakes,
};
use crate::overdue::{Errand, Overdue, Way};
use crate::publish::Pointed;
use soru_base::{Binary, Level, LevelSpan, Mutez, PublicKeyHash, RollupAddress, TickSpan};
use soru_l1::operate::{FeeRates, Limits, OperateError, Prepared, Signer};
use soru_l1::rollup::{Executed, Obscure};
use soru_l1::{BlockId, Client, L1Error};
use soru_protocol::SignedOperation;
use soru_protocol::operation::{Action, PvmKind};
use soru_protocol::receipt::ErrorReport;
use soru_protocol::refutation::{Conflict, Game, Player};
use soru_pvm::Limits as MachineLimits;
use soru_pvm::outbox::OutputProof;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tracing::warn;

/// Ticks between two calls of `kernel_run`, for the rules of dissections: the RPC does not tell, this is what most
/// machines have.
const TICKS_PER_SNAPSHOT: TickSpan = MachineLimits::SINCE_V4.ticks_per_snapshot;

/// The layer-1 behind a client.
pub struct RpcLayer1 {
    client: Client,
    rollup: RollupAddress,
    signers: BTreeMap<PublicKeyHash, Arc<dyn Signer>>,
    fees: BTreeMap<Purpose, FeeParameter>,
    overdue: Overdue,
    /// The kernel, if no operation originated the rollup.
    boot_sector: Option<Vec<u8>>,
}

/// What operations may cost.
struct Costs {
    limits: Limits,
    fee_cap: u64,
    burn_cap: u64,
}

/// The heads of a client.
pub struct RpcHeads(soru_l1::Heads);

impl RpcLayer1 {
    /// The layer-1 behind `client`, as the node of `config` sees it; operations are signed by `signers`.
    pub fn new(client: Client, config: &Config, signers: impl IntoIterator<Item = Arc<dyn Signer>>) -> Self {
        let signers = signers.into_iter().map(|signer| (signer.public_key().hash(), signer)).collect();
        let fees = config.fee_parameters.clone();
        let overdue = Overdue::after(config.options.batcher.ttl);
        Self { client, rollup: config.rollup, signers, fees, overdue, boot_sector: None }
    }

    /// The same, with the kernel of a rollup that no operation originated.
    pub fn with_boot_sector(self, boot_sector: Option<Vec<u8>>) -> Self {
        Self { boot_sector, ..self }
    }

    /// What an operation with a content for each of these purposes may cost.
    fn costs(&self, purposes: impl IntoIterator<Item = Purpose>) -> Costs {
        let of = |purpose| match self.fees.get(&purpose) {
            None => FeeParameter::of(purpose),
            Some(said) => FeeParameter::of(purpose).with(*said),
        };
        Costs::of(purposes.into_iter().map(of).collect())
    }
}

impl Costs {
    fn of(fees: Vec<FeeParameter>) -> Self {
        // Each content may cost so much: the operation, as much as all of them.
        let cap =
            |get: fn(&FeeParameter) -> Option<u64>| fees.iter().filter_map(get).fold(0, u64::saturating_add);
        Self { limits: limits(&fees), fee_cap: cap(|f| f.fee_cap), burn_cap: cap(|f| f.burn_cap) }
    }
}

impl Heads for RpcHeads {
    async fn next(&mut self) -> Result<Header, Layer1Error> {
        Ok(header(&self.0.try_next().await?))
    }
}

impl Layer1 for RpcLayer1 {
    type Heads = RpcHeads;

    fn heads(&self) -> RpcHeads {
        RpcHeads(self.client.monitor_heads())
    }

    async fn head(&self) -> Result<Header, Layer1Error> {
        Ok(header(&self.client.header(BlockId::HEAD).await?))
    }

    async fn ancestor(&self, of: &Header, level: Level) -> Result<Header, Layer1Error> {
        match of.level == level {
            true => Ok(*of),
            false => Ok(header(&self.client.header(at(of, level)?).await?)),
        }
    }

    async fn block(&self, of: &Header, level: Level) -> Result<Block, Layer1Error> {
        let id = at(of, level)?;
        let (block, inbox) = tokio::join!(self.client.block(id), self.client.global_inbox(id));
        let block = block?;
        let inbox = match inbox {
            Ok(inbox) => Some(inbox),
            Err(L1Error::NotFound { .. } | L1Error::Gone { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let events = block.rollup_events().map_err(|e| Layer1Error::Nonsense(e.to_string()))?;
        if let Some(obscure) = events.obscure.iter().find(|o| o.rollup.is_none_or(|r| r == self.rollup)) {
            let Obscure { operation, index, kind, .. } = obscure;
            warn!(level = %block.header.level, %operation, index, "a {kind} of this rollup is not understood, and left out");
        }
        Ok(Block {
            header: header(&block.header),
            messages: events.messages,
            added: events
                .added
                .iter()
                .filter_map(|a| Some(Added { operation: a.operation, index: u32::try_from(a.index).ok()? }))
                .collect(),
            published: own(
                events.published,
                |p| p.rollup == self.rollup,
                |p| Publication { commitment: p.commitment, publisher: p.staker },
            ),
            cemented: own(events.cemented, |c| c.rollup == self.rollup, |c| c.hash),
            executed: events
                .executed
                .iter()
                .filter(|e| e.rollup == self.rollup)
                .filter_map(place_of)
                .collect(),
            ended_games: events
                .refuted
                .iter()
                .filter(|r| r.rollup == self.rollup)
                .filter_map(|r| Some((r.stakers, r.result?)))
                .collect(),
            inbox,
            migration: None,
        })
    }

    async fn genesis(&self, rollup: RollupAddress, at_block: &Header) -> Result<Pointed, Layer1Error> {
        match self.client.rollup_kind(at_block.hash, rollup).await? {
            Some(PvmKind::Wasm2_0_0) => {}
            Some(kind) => {
                let kind = kind.name();
                return Err(Layer1Error::Nonsense(format!(
                    "a rollup of kind {kind}, this node runs wasm_2_0_0"
                )));
            }
            None => {
                return Err(Layer1Error::Unknown(format!(
                    "the rollup {}",
                    rollup.in_family(self.client.family())
                )));
            }
        }
        let info = self.client.genesis_info(at_block.hash, rollup).await?;
        Ok(Pointed { hash: info.commitment_hash, level: info.level })
    }

    async fn origin(&self, rollup: RollupAddress, at_block: &Header) -> Result<Origin, Layer1Error> {
        let info = self.genesis(rollup, at_block).await?;
        let id = at(at_block, info.level)?;
        let block = self.client.block(id).await?;
        let constants = match self.client.constants(id).await {
            Err(L1Error::NotFound { .. } | L1Error::Gone { .. }) => {
                return Err(Layer1Error::Pruned(format!("the constants of level {}", info.level)));
            }
            constants => constants?,
        };
        let events = block.rollup_events().map_err(|e| Layer1Error::Nonsense(e.to_string()))?;
        let origination = events.originated.into_iter().find(|o| o.rollup == rollup);
        let boot_sector = origination.map(|o| o.kernel).or_else(|| self.boot_sector.clone());
        let boot_sector = boot_sector.ok_or_else(|| {
            let rollup = rollup.in_family(self.client.family());
            Layer1Error::Nonsense(format!(
                "the block of level {} does not originate {rollup}: if it came with the protocol, --boot-sector-file names its kernel",
                info.level
            ))
        })?;
        Ok(Origin {
            level: info.level,
            commitment: info.hash,
            boot_sector,
            outbox_validity: LevelSpan(constants.rollup.max_active_outbox_levels),
            outbox_limit: constants.rollup.max_outbox_messages_per_level,
        })
    }

    async fn constants(&self, at_block: &Header) -> Result<Constants, Layer1Error> {
        let constants = self.client.constants(at_block.hash).await?;
        Ok(Constants {
            commitment_period: LevelSpan(constants.rollup.commitment_period_in_blocks),
            challenge_window: LevelSpan(constants.rollup.challenge_window_in_blocks),
            max_lookahead: LevelSpan(constants.rollup.max_lookahead_in_blocks),
            parallel_games: constants.rollup.max_number_of_parallel_games as usize,
            stake_amount: constants.rollup.stake_amount,
            minimal_block_delay: constants.minimal_block_delay,
        })
    }

    async fn stakes(
        &self,
        rollup: RollupAddress,
        operator: Option<PublicKeyHash>,
        at_block: &Header,
    ) -> Result<Stakes, Layer1Error> {
        let cemented = self.client.last_cemented_commitment(at_block.hash, rollup).await?;
        let cemented = Pointed { hash: cemented.hash, level: cemented.level };
        let staked = match operator {
            None => None,
            Some(key) => match self.client.staked_on_commitment(at_block.hash, rollup, key).await {
                Ok(staked) => staked.map(|(hash, c)| Pointed { hash, level: c.inbox_level }),
                // Somebody who never staked: an error on the network.
                Err(L1Error::NotFound { .. } | L1Error::Rejected { .. }) => None,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Stakes { cemented, staked: staked.filter(|s| s.level > cemented.level) })
    }

    async fn games(
        &self,
        rollup: RollupAddress,
        staker: PublicKeyHash,
        at: &Header,
    ) -> Result<Vec<Game>, Layer1Error> {
        Ok(self.client.games_of(at.hash, rollup, staker, TICKS_PER_SNAPSHOT).await?)
    }

    async fn conflicts(
        &self,
        rollup: RollupAddress,
        staker: PublicKeyHash,
        at: &Header,
    ) -> Result<Vec<Conflict>, Layer1Error> {
        Ok(self.client.conflicts_of(at.hash, rollup, staker).await?)
    }

    async fn stakers(
        &self,
        rollup: RollupAddress,
        at: &Header,
    ) -> Result<BTreeSet<PublicKeyHash>, Layer1Error> {
        Ok(self.client.stakers(at.hash, rollup).await?.into_iter().collect())
    }

    async fn busy(&self, source: PublicKeyHash, head: &Header) -> Result<bool, Layer1Error> {
        let pending = self.client.pending_operations().await?;
        Ok(self.overdue.is_busy(source, &pending, head.level))
    }

    async fn inject(
        &self,
        rollup: RollupAddress,
        source: PublicKeyHash,
        batch: Vec<Injection>,
    ) -> Result<Vec<Injected>, Layer1Error> {
        let signer = self.signers.get(&source);
        let signer = signer.ok_or_else(|| Layer1Error::Unknown(format!("a key for {source}")))?;
        let way = self.overdue.way_for(source, Errand::Rollup);
        if way == Way::Taken {
            return Ok(vec![Injected::NotTried; batch.len()]);
        }
        let mut results: Vec<Option<Injected>> = vec![None; batch.len()];
        // One operation for all; what it would fail on is left out, so that it does not take the others with it.
        loop {
            let left: Vec<usize> = (0..batch.len()).filter(|i| results[*i].is_none()).collect();
            if left.is_empty() {
                break;
            }
            let actions = left.iter().map(|i| action(rollup, &batch[*i])).collect();
            let costs = self.costs(left.iter().map(|i| batch[*i].purpose()));
            match self.prepare(signer.as_ref(), actions, costs.limits, way).await {
                Ok(prepared) => {
                    let fate = match self.too_dear(&prepared, &costs).await? {
                        // One that costs too much does not hold up the others.
                        Some(reason) if left.len() > 1 => {
                            let dearest = left[dearest(&prepared, left.len())];
                            leave_out(&mut results, &batch, dearest, reason);
                            continue;
                        }
                        Some(reason) => Injected::Refused(reason),
                        None => self.send(&prepared.operation).await?,
                    };
                    left.iter().for_each(|i| results[*i] = Some(fate.clone()));
                }
                Err(OperateError::WouldFail { index, errors, .. }) => {
                    let Some(failed) = left.get(index).copied() else {
                        return Err(Layer1Error::Nonsense(format!(
                            "content {index} would fail, there is none"
                        )));
                    };
                    let ids: Vec<&str> = errors.iter().map(ErrorReport::id).collect();
                    leave_out(&mut results, &batch, failed, ids.join(", "));
                }
                Err(OperateError::L1(error)) if !error.reports().is_empty() => {
                    let fate = Injected::Refused(error.to_string());
                    left.iter().for_each(|i| results[*i] = Some(fate.clone()));
                }
                Err(OperateError::L1(error)) => return Err(error.into()),
                Err(error @ OperateError::TooLarge { .. }) => {
                    // What comes first is sent first; the rest waits for another block.
                    if let Some((last, rest)) = left.split_last() {
                        results[*last] = Some(match rest {
                            [] => Injected::Refused(error.to_string()),
                            _ => Injected::NotTried,
                        });
                    }
                }
                Err(error) => return Err(Layer1Error::Nonsense(error.to_string())),
            }
        }
        Ok(results.into_iter().flatten().collect())
    }

    async fn sign_messages(
        &self,
        source: PublicKeyHash,
        messages: Vec<Vec<u8>>,
    ) -> Result<Signed, Layer1Error> {
        let signer = self.signers.get(&source);
        let signer = signer.ok_or_else(|| Layer1Error::Unknown(format!("a key for {source}")))?;
        let action = vec![Action::SmartRollupAddMessages { messages }];
        let costs = self.costs([Purpose::AddMessages]);
        let way = self.overdue.way_for(source, Errand::Messages);
        if way == Way::Taken {
            return Ok(Signed::Refused(
                "an operation of the key for something else waits for a block".to_owned(),
            ));
        }
        match self.prepare(signer.as_ref(), action, costs.limits, way).await {
            Ok(prepared) => Ok(match self.too_dear(&prepared, &costs).await? {
                Some(reason) => Signed::Refused(reason),
                None => Signed::Ready(Box::new(prepared.operation)),
            }),
            Err(OperateError::L1(error)) if error.reports().is_empty() => Err(error.into()),
            Err(error) => Ok(Signed::Refused(error.to_string())),
        }
    }

    async fn send(&self, operation: &SignedOperation) -> Result<Injected, Layer1Error> {
        match self.client.inject_operation(operation).await {
            Ok(hash) => Ok(Injected::Sent(hash)),
            Err(error) if !error.reports().is_empty() => Ok(Injected::Refused(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}

impl RpcLayer1 {
    /// An operation that pays what it has to on its way.
    async fn prepare(
        &self,
        signer: &dyn Signer,
        actions: Vec<Action>,
        limits: Limits,
        way: Way,
    ) -> Result<Prepared, OperateError> {
        let Way::Above(least) = way else { return self.client.prepare(signer, actions, &limits).await };
        let prepared = self.client.prepare(signer, actions.clone(), &limits).await?;
        if prepared.fee() >= least {
            return Ok(prepared);
        }
        let each = least.0.div_ceil(actions.len().max(1) as u64);
        self.client.prepare(signer, actions, &Limits { fee: Some(Mutez(each)), ..limits }).await
    }

    /// Which of the configured limits the operation breaks, if it does.
    async fn too_dear(&self, prepared: &Prepared, costs: &Costs) -> Result<Option<String>, Layer1Error> {
        let (fee, cap) = (prepared.fee(), costs.fee_cap);
        if fee.0 > cap {
            return Ok(Some(format!("the fee of {fee} is above the fee-cap of {cap} mutez")));
        }
        let cap = costs.burn_cap;
        let contents = &prepared.operation.operation.contents;
        let bytes = contents.iter().map(|c| c.storage_limit).fold(0, u64::saturating_add);
        let burnt = bytes.saturating_mul(self.client.constants(BlockId::HEAD).await?.cost_per_byte);
        Ok((burnt > cap)
            .then(|| format!("storage of up to {burnt} mutez is above the burn-cap of {cap} mutez")))
    }
}

/// Which of the last `count` contents costs the most.
fn dearest(prepared: &Prepared, count: usize) -> usize {
    let contents = &prepared.operation.operation.contents;
    let asked = contents.iter().skip(contents.len().saturating_sub(count)).enumerate();
    asked.max_by_key(|(_, content)| (content.storage_limit, content.fee)).map_or(0, |(index, _)| index)
}

/// That injection is refused, and what builds on it is not tried.
fn leave_out(results: &mut [Option<Injected>], batch: &[Injection], refused: usize, reason: String) {
    results[refused] = Some(Injected::Refused(reason));
    let is_publish = |i: usize| matches!(batch[i], Injection::Publish(_));
    for later in (refused + 1..batch.len()).filter(|later| is_publish(refused) && is_publish(*later)) {
        results[later].get_or_insert(Injected::NotTried);
    }
}

fn action(rollup: RollupAddress, injection: &Injection) -> Action {
    match injection {
        Injection::Publish(commitment) => Action::SmartRollupPublish { rollup, commitment: *commitment },
        Injection::Cement(_) => Action::SmartRollupCement { rollup },
        Injection::Refute { opponent, refutation } => {
            Action::SmartRollupRefute { rollup, opponent: *opponent, refutation: refutation.clone() }
        }
        Injection::Timeout(stakers) => Action::SmartRollupTimeout {
            rollup,
            alice: stakers.staker(Player::Alice),
            bob: stakers.staker(Player::Bob),
        },
        Injection::RecoverBond(staker) => Action::SmartRollupRecoverBond { rollup, staker: *staker },
        Injection::ExecuteOutbox { cemented, proof } => Action::SmartRollupExecuteOutboxMessage {
            rollup,
            cemented_commitment: *cemented,
            output_proof: proof.clone(),
        },
    }
}

/// What the configuration says about fees.
fn limits(fees: &[FeeParameter]) -> Limits {
    let most = |get: fn(&FeeParameter) -> Option<u64>, default: u64| {
        fees.iter().filter_map(get).max().unwrap_or(default)
    };
    let rates = FeeRates::default();
    Limits {
        rates: FeeRates {
            minimal: most(|f| f.minimal_fees, rates.minimal),
            nanotez_per_gas: most(|f| f.minimal_nanotez_per_gas_unit, rates.nanotez_per_gas),
            nanotez_per_byte: most(|f| f.minimal_nanotez_per_byte, rates.nanotez_per_byte),
        },
        ..Limits::default()
    }
}

fn header(header: &soru_l1::Header) -> Header {
    Header {
        hash: header.hash,
        level: header.level,
        predecessor: header.predecessor,
        timestamp: header.timestamp.0,
    }
}

/// The ancestor of a block at a level, as one asks for it.
fn at(of: &Header, level: Level) -> Result<BlockId, Layer1Error> {
    match of.level.get().checked_sub(level.get()) {
        Some(back) => Ok(BlockId::from(of.hash).minus(back)),
        None => Err(Layer1Error::Unknown(format!(
            "an ancestor of level {level} of a block of level {}",
            of.level
        ))),
    }
}

fn own<E, T>(events: Vec<E>, is_own: impl Fn(&E) -> bool, take: impl Fn(E) -> T) -> Vec<T> {
    events.into_iter().filter(is_own).map(take).collect()
}

fn place_of(executed: &Executed) -> Option<(Level, u32)> {
    let proof = OutputProof::from_bytes(&executed.output_proof).ok()?;
    Some((proof.output.level, u32::try_from(proof.output.index).ok()?))
}

impl From<L1Error> for Layer1Error {
    fn from(error: L1Error) -> Self {
        match &error {
            L1Error::NotFound { .. } => Self::Unknown(error.to_string()),
            L1Error::Gone { place } => Self::Pruned(place.to_string()),
            L1Error::Unreachable { .. } | L1Error::Timeout { .. } | L1Error::HttpStatus { .. } => {
                Self::Unreachable(error.to_string())
            }
            L1Error::Rejected { .. } | L1Error::BadJson { .. } => Self::Nonsense(error.to_string()),
        }
    }
}
