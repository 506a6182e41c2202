//! The loop.
//!
//! Ticks are paid for in advance: an edge pays for all that is done behind it up to the next edge, so that the instructions in between
//! count nothing. When there are not enough ticks left for an edge, the loop goes on slowly, instruction by instruction.

use super::bulk::{Part, part};
use super::host::{Called, When, call_host};
use super::{Frame, PAGES_MAX, Pause, Paying, Phase, Run, WINDOW};
use crate::code::{Code, Entry};
use crate::memory::Bytes;
use crate::op::{Op, Slot, Word, operations};
use crate::price;
use crate::watch::Watch;
use soru_pvm::handover::Cell;
use soru_pvm::host::HostState;

/// Calls hold no more cells than these together: see `soru_pvm`, which has a limit of its own.
const HELD_MAX: u64 = 1 << 23;

/// Why the loop has ended.
enum Stop {
    /// There are not enough ticks for the instruction, which has edges. Nothing of it is done.
    Edge,
    /// It went past an edge, and there are not enough ticks for what is behind it.
    Behind,
    Pause(Pause),
}

impl Run {
    pub(super) fn interpret<W: Watch>(
        &mut self,
        until: u64,
        left: u64,
        host: &mut HostState<'_>,
        watch: &mut W,
    ) -> (u64, Pause) {
        let code = self.code.clone();
        let ahead = u64::from(code.ahead[self.pc as usize]);
        let mut left = left;
        // What is done already of an instruction was paid for.
        if left >= ahead {
            let (after, stop) = self.run::<false, W>(&code, (until, left - ahead), host, watch);
            left = after;
            if let Stop::Pause(pause) = stop {
                return (left, pause);
            }
        }
        match self.run::<true, W>(&code, (until, left), host, watch) {
            (left, Stop::Pause(pause)) => (left, pause),
            (left, Stop::Edge | Stop::Behind) => (left, Pause::Limit),
        }
    }

    /// Puts the result of the host function that the next instruction has called.
    pub(super) fn host_result(&mut self, result: Option<Cell>) {
        if let (Op::CallHost { args, .. }, Some(result)) = (self.code.ops[self.pc as usize], result) {
            self.cells[self.base + usize::from(args)] = crate::code::cell_of(result);
        }
    }

    /// The cells of a function from where it begins.
    fn frame(cells: &mut Vec<u64>, base: usize) -> &mut [u64; WINDOW] {
        if cells.len() < base + WINDOW {
            cells.resize(base + WINDOW, 0);
        }
        let window = cells[base..].first_chunk_mut();
        window.expect("there are so many: they were just made")
    }

    /// Runs from the next instruction on. If it is not slow, what is done up to the next edge was paid for.
    /// That is until so many ticks are used, and so many of them are left.
    fn run<const SLOW: bool, W: Watch>(
        &mut self,
        code: &Code,
        (until, left): (u64, u64),
        host: &mut HostState<'_>,
        watch: &mut W,
    ) -> (u64, Stop) {
        let Self { cells, frames, memory, globals, dropped, tables, .. } = self;
        let (ops, ahead) = (code.ops.as_slice(), code.ahead.as_slice());
        let mut left = left;
        let mut pc = self.pc as usize;
        let mut base = self.base;
        let mut room = code.entries[code.function_at(self.pc) as usize].cells;
        let mut is_again = std::mem::take(&mut self.is_again);
        let depth_limit = host.version.call_depth_limit() as usize;
        let stop = 'run: loop {
            let regs = Self::frame(cells, base);
            macro_rules! reg {
                ($slot:expr) => {
                    regs[usize::from($slot)]
                };
            }
            // What is done from here on up to the next edge was paid for, and is not done.
            macro_rules! leave_to_machine {
                () => {{
                    left += u64::from(if SLOW { code.prices[pc] } else { ahead[pc] });
                    break 'run Stop::Pause(Pause::Machine);
                }};
            }
            macro_rules! pay {
                ($edge:expr, $to:expr) => {{
                    let to = $to;
                    let mut price = u64::from($edge);
                    if SLOW {
                        price -= u64::from(ahead[to]);
                    }
                    if left < price {
                        break 'run Stop::Edge;
                    }
                    left -= price;
                    to
                }};
            }
            // To the next instruction, for a price that is known now.
            macro_rules! pass {
                () => {{
                    pc += 1;
                    if !SLOW {
                        let price = u64::from(ahead[pc]);
                        if left < price {
                            break 'run Stop::Behind;
                        }
                        left -= price;
                    }
                }};
            }
            macro_rules! run {
                (
                    binary { $($binary:ident $bt:ident |$ba:ident, $bb:ident| $be:expr;)* }
                    partial { $($partial:ident $pt:ident |$pa:ident, $pb:ident| $pe:expr;)* }
                    unary { $($unary:ident $ut:ident |$ua:ident| $ue:expr;)* }
                    load { $($load:ident $lt:ident as $la:ident;)* }
                    store { $($store:ident $st:ident;)* }
                ) => {
                    loop {
                        let op = ops[pc];
                        if SLOW && !op.has_edges() {
                            let price = u64::from(code.prices[pc]);
                            if left < price {
                                break 'run Stop::Pause(Pause::Limit);
                            }
                            left -= price;
                        }
                        match op {
                            $(Op::$binary { d, a, b } => {
                                let $ba = <$bt as Word>::of(reg!(a));
                                let $bb = <$bt as Word>::of(reg!(b));
                                reg!(d) = Word::cell($be);
                            })*
                            $(Op::$partial { d, a, b } => {
                                let $pa = <$pt as Word>::of(reg!(a));
                                let $pb = <$pt as Word>::of(reg!(b));
                                let Some(result) = $pe else { leave_to_machine!() };
                                reg!(d) = Word::cell(result);
                            })*
                            $(Op::$unary { d, a } => {
                                let $ua = <$ut as Word>::of(reg!(a));
                                reg!(d) = Word::cell($ue);
                            })*
                            $(Op::$load { d, a, offset } => {
                                let loaded = memory.load(reg!(a) as u32, offset);
                                let Some(bytes) = loaded else { leave_to_machine!() };
                                reg!(d) = Word::cell($lt::from_le_bytes(bytes) as $la);
                            })*
                            $(Op::$store { a, value, offset } => {
                                let bytes = (reg!(value) as $st).to_le_bytes();
                                if memory.store(reg!(a) as u32, offset, bytes).is_none() {
                                    leave_to_machine!();
                                }
                            })*
                            Op::Nothing => (),
                            Op::Copy { d, a } => reg!(d) = reg!(a),
                            Op::Const { d, low, high } => reg!(d) = u64::from(low) | u64::from(high) << 32,
                            Op::Select { d, a, b, choice } => {
                                reg!(d) = if reg!(choice) != 0 { reg!(a) } else { reg!(b) };
                            }
                            Op::GlobalGet { d, index } => reg!(d) = globals[index as usize],
                            Op::GlobalSet { index, a } => globals[index as usize] = reg!(a),
                            Op::TableGet { d, a, table } => {
                                let found = tables[table as usize].get(reg!(a) as usize);
                                let Some(element) = found else { leave_to_machine!() };
                                reg!(d) = *element;
                            }
                            Op::TableSize { d, table } => reg!(d) = tables[table as usize].len() as u64,
                            Op::IsNull { d, a } => reg!(d) = u64::from(reg!(a) == 0),
                            Op::MemorySize { d } => reg!(d) = u64::from(memory.pages()),
                            Op::MemoryGrow { d, a } => {
                                let Some(before) = grow(code, memory, reg!(a) as u32) else { leave_to_machine!() };
                                reg!(d) = before;
                            }
                            Op::DataDrop { segment } => dropped[segment as usize] = true,

                            Op::Unreachable => break 'run Stop::Pause(Pause::Machine),
                            Op::Jump { to, edge } => {
                                pc = pay!(edge, to as usize);
                                continue;
                            }
                            Op::JumpIf { a, to, jump, fall } => {
                                pc = if reg!(a) != 0 { pay!(jump, to as usize) } else { pay!(fall, pc + 1) };
                                continue;
                            }
                            Op::JumpIfZero { a, to, jump, fall } => {
                                pc = if reg!(a) == 0 { pay!(jump, to as usize) } else { pay!(fall, pc + 1) };
                                continue;
                            }
                            Op::JumpTable { a, first, count } => {
                                let target = code.targets[(first + (reg!(a) as u32).min(count)) as usize];
                                pc = pay!(target.edge, target.to as usize);
                                continue;
                            }
                            Op::Call { args, function, enter, .. } => {
                                let entry = code.entries[function as usize];
                                if !has_room(frames.len(), depth_limit, room, &entry) {
                                    break 'run Stop::Pause(Pause::Machine);
                                }
                                let used = until - left;
                                let start = pay!(enter, entry.start as usize);
                                watch.enter(function, used);
                                frames.push(Frame { pc: pc as u32, base, cells: room });
                                begin(regs, args, room, &entry);
                                (pc, base, room) = (start, base + room as usize, entry.cells);
                                continue 'run;
                            }
                            Op::CallIndirect { args, index, table, of_type, enter, .. } => {
                                let element = tables[usize::from(table)].get(reg!(index) as usize).copied();
                                let Some(function) = element.and_then(|element| element.checked_sub(1)) else {
                                    break 'run Stop::Pause(Pause::Machine);
                                };
                                let function = function as usize;
                                let entry = code.entries[function];
                                if code.kinds[function] != code.type_kinds[of_type as usize]
                                    || code.module.functions[function].host.is_some()
                                    || !has_room(frames.len(), depth_limit, room, &entry)
                                {
                                    break 'run Stop::Pause(Pause::Machine);
                                }
                                let more = price::enter(entry.params.into(), entry.locals.into());
                                let (used, start) = (until - left, entry.start as usize);
                                let start = pay!(u64::from(enter) + u64::from(more) + u64::from(ahead[start]), start);
                                watch.enter(function as u32, used);
                                frames.push(Frame { pc: pc as u32, base, cells: room });
                                begin(regs, args, room, &entry);
                                (pc, base, room) = (start, base + room as usize, entry.cells);
                                continue 'run;
                            }
                            Op::CallHost { args, function, enter } => {
                                let (when, cells) = (When { until, left, enter }, &regs[usize::from(args)..]);
                                match call_host(code, function, cells, memory, host, &when, watch) {
                                    Called::TooFew => break 'run Stop::Edge,
                                    Called::Failed(trap) => break 'run Stop::Pause(Pause::Host(trap)),
                                    Called::Done { result, price, worked } => {
                                        left -= worked;
                                        if left < price + price::HOST_END {
                                            let paid = left.min(price);
                                            left -= paid;
                                            self.paying = Some(Paying { function, result, ticks: price - paid });
                                            break 'run Stop::Pause(Pause::Limit);
                                        }
                                        left -= price + price::HOST_END;
                                        if let Some(result) = result {
                                            reg!(args) = crate::code::cell_of(result);
                                        }
                                        pass!();
                                        continue;
                                    }
                                }
                            }
                            Op::Return { first, count, edge } => {
                                let Some(frame) = frames.last() else {
                                    let price = u64::from(edge) + price::FINISH;
                                    if left < price {
                                        break 'run Stop::Edge;
                                    }
                                    left -= price;
                                    watch.leave(until - left);
                                    self.phase = Phase::Over;
                                    break 'run Stop::Pause(Pause::Finished);
                                };
                                let next = frame.pc as usize + 1;
                                let (Op::Call { args, back, .. } | Op::CallIndirect { args, back, .. }) =
                                    ops[frame.pc as usize]
                                else {
                                    break 'run Stop::Pause(Pause::Machine);
                                };
                                pc = pay!(u64::from(edge) + u64::from(back), next);
                                watch.leave(until - left - if SLOW { 0 } else { u64::from(ahead[next]) });
                                let (first, to) = (base + usize::from(first), frame.base + usize::from(args));
                                (base, room) = (frame.base, frame.cells);
                                frames.pop();
                                cells.copy_within(first..first + usize::from(count), to);
                                continue 'run;
                            }
                            Op::MemoryFill { to, value, count, edge } => {
                                let (start, len) = (reg!(to) as u32, reg!(count) as u32);
                                if !memory.has(start, len) {
                                    break 'run Stop::Pause(Pause::Machine);
                                }
                                let byte = reg!(value) as u8;
                                let done = part(left, edge, is_again, len, price::FILLED);
                                memory.fill(start, done.count, byte);
                                if done.ticks == 0 {
                                    break 'run Stop::Edge;
                                }
                                left -= done.ticks;
                                if done.is_part {
                                    reg!(to) = u64::from(start + done.count);
                                    reg!(count) = u64::from(len - done.count);
                                    self.is_again = true;
                                    break 'run Stop::Pause(Pause::Limit);
                                }
                                is_again = false;
                                pass!();
                                continue;
                            }
                            Op::MemoryCopy { to, from, count, edge } => {
                                let (start, source, len) = (reg!(to) as u32, reg!(from) as u32, reg!(count) as u32);
                                if !memory.has(start, len) || !memory.has(source, len) {
                                    break 'run Stop::Pause(Pause::Machine);
                                }
                                let mut done = part(left, edge, is_again, len, price::COPIED);
                                if done.is_part && start > source {
                                    // From the end: the machine keeps a task for every byte, which is its own business.
                                    done = Part::default();
                                }
                                memory.copy(start, source, done.count);
                                if done.ticks == 0 {
                                    self.is_again = is_again;
                                    break 'run Stop::Edge;
                                }
                                left -= done.ticks;
                                if done.is_part {
                                    reg!(to) = u64::from(start + done.count);
                                    reg!(from) = u64::from(source + done.count);
                                    reg!(count) = u64::from(len - done.count);
                                    self.is_again = true;
                                    break 'run Stop::Pause(Pause::Limit);
                                }
                                is_again = false;
                                pass!();
                                continue;
                            }
                            Op::MemoryInit { to, from, count, segment, edge } => {
                                let (start, source, len) = (reg!(to) as u32, reg!(from) as u32, reg!(count) as u32);
                                let range = code.module.segments[segment as usize].clone();
                                let bytes = &code.module.bytes[range];
                                let bytes = if dropped[segment as usize] { &[] } else { bytes };
                                let end = u64::from(source) + u64::from(len);
                                if !memory.has(start, len) || end > bytes.len() as u64 {
                                    break 'run Stop::Pause(Pause::Machine);
                                }
                                let done = part(left, edge, is_again, len, price::FILLED);
                                let source = source as usize;
                                memory.write_all(start, &bytes[source..source + done.count as usize]);
                                if done.ticks == 0 {
                                    break 'run Stop::Edge;
                                }
                                left -= done.ticks;
                                if done.is_part {
                                    reg!(to) = u64::from(start + done.count);
                                    reg!(from) = source as u64 + u64::from(done.count);
                                    reg!(count) = u64::from(len - done.count);
                                    self.is_again = true;
                                    break 'run Stop::Pause(Pause::Limit);
                                }
                                is_again = false;
                                pass!();
                                continue;
                            }
                        }
                        pc += 1;
                    }
                };
            }
            operations!(run);
        };
        if matches!(stop, Stop::Edge) && is_again {
            self.is_again = true;
        }
        (self.pc, self.base) = (pc as u32, base);
        (left, stop)
    }
}

/// Whether the machine makes one more call, and the interpreter has room for it.
#[inline]
fn has_room(waiting: usize, limit: usize, room: u32, entry: &Entry) -> bool {
    // The frame that calls `kernel_run` waits, too.
    let calls = waiting + 2;
    calls < limit && (u64::from(room) + u64::from(entry.cells)) * (calls as u64) < HELD_MAX
}

/// Puts arguments and locals of a function that begins.
#[inline]
fn begin(regs: &mut [u64; WINDOW], args: Slot, room: u32, entry: &Entry) {
    let (args, room) = (usize::from(args), room as usize);
    let (params, locals) = (usize::from(entry.params), usize::from(entry.locals));
    regs.copy_within(args..args + params, room);
    regs[room + params..room + params + locals].fill(0);
}

/// Pages before, or −1; nothing if it would be more than the interpreter keeps.
fn grow(code: &Code, memory: &mut Bytes, more: u32) -> Option<u64> {
    const MOST: u64 = 1 << 16;
    let before = memory.pages();
    let after = u64::from(before) + u64::from(more);
    if after > code.module.pages_max.unwrap_or(MOST).min(MOST) {
        return Some(u64::from(u32::MAX));
    }
    if after > u64::from(PAGES_MAX) {
        return None;
    }
    if more > 0 {
        memory.grow(more);
    }
    Some(u64::from(before))
}
