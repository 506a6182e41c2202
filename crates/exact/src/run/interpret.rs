//! The loop.
//!
//! Ticks are paid for in advance: an edge pays for all that is done behind it up to the next edge, so that the instructions in between
//! count nothing. When there are not enough ticks left for an edge, the loop goes on slowly, instruction by instruction.

use super::bulk::{Bulk, Reach, bulk};
use super::host::{Called, When, call_host};
use super::table;
use super::{Frame, PAGES_MAX, Pause, Paying, Phase, Run, WINDOW};
use crate::code::{Code, Entry, Shared, cell_of, join};
use crate::memory::Bytes;
use crate::op::{Op, Slot, Word, operations};
use crate::price;
use crate::translate::Site;
use crate::watch::Watch;
use soru_pvm::handover::{Access, Cell};
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
        let ahead = u64::from(code.shared.ahead[self.pc as usize]);
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
        if let (Op::CallHost { args, .. } | Op::CallAny { args, .. }, Some(result)) =
            (self.code.shared.ops[self.pc as usize], result)
        {
            self.cells[self.base + usize::from(args)] = cell_of(result);
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
        all: &Code,
        (until, left): (u64, u64),
        host: &mut HostState<'_>,
        watch: &mut W,
    ) -> (u64, Stop) {
        let Self {
            cells,
            highs,
            frames,
            memory,
            globals,
            globals_high,
            dropped,
            dropped_elements,
            tables,
            ..
        } = self;
        let code = &*all.shared;
        let (ops, ahead) = (code.ops.as_slice(), code.ahead.as_slice());
        let mut left = left;
        let mut pc = self.pc as usize;
        let mut base = self.base;
        let mut room = code.entries[code.function_at(self.pc) as usize].cells;
        let mut is_again = std::mem::take(&mut self.is_again);
        let depth_limit = host.version.call_depth_limit() as usize;
        let stop = 'run: loop {
            let regs = Self::frame(cells, base);
            if code.has_vectors && highs.len() < base + WINDOW {
                highs.resize(base + WINDOW, 0);
            }
            macro_rules! reg {
                ($slot:expr) => {
                    regs[usize::from($slot)]
                };
            }
            // The second cell of a vector.
            macro_rules! high {
                ($slot:expr) => {
                    highs[base + usize::from($slot)]
                };
            }
            macro_rules! wide {
                ($slot:expr) => {
                    join(reg!($slot), high!($slot))
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
            // Calls a function of the kernel for a price.
            macro_rules! call {
                ($args:expr, $function:expr, $entry:expr, $price:expr) => {{
                    if !has_room(frames.len(), depth_limit, room, &$entry) {
                        break 'run Stop::Pause(Pause::Machine);
                    }
                    let start = pay!($price, $entry.start as usize);
                    watch.enter(
                        $function,
                        until - left - if SLOW { 0 } else { u64::from(ahead[start]) } - own(&$entry),
                    );
                    frames.push(Frame { pc: pc as u32, base, cells: room });
                    begin(regs, $args, room, &$entry);
                    if code.has_vectors {
                        begin_wide(&mut highs[base..], $args, room, &$entry);
                    }
                    (pc, base, room) = (start, base + room as usize, $entry.cells);
                    continue 'run;
                }};
            }
            macro_rules! call_host {
                ($args:expr, $function:expr, $enter:expr, $flag:expr) => {{
                    let (when, cells) = (When { until, left, enter: $enter }, &regs[usize::from($args)..]);
                    match call_host(code, $function, cells, memory, host, &when, watch) {
                        Called::TooFew => break 'run Stop::Edge,
                        Called::Failed(trap) => break 'run Stop::Pause(Pause::Host(trap)),
                        Called::Done { result, price, worked } => {
                            let flag: Option<Slot> = $flag;
                            if let Some(flag) = flag {
                                reg!(flag) = 1;
                            }
                            left -= worked;
                            if left < price + price::HOST_END {
                                let paid = left.min(price);
                                left -= paid;
                                self.paying =
                                    Some(Paying { function: $function, result, ticks: price - paid });
                                break 'run Stop::Pause(Pause::Limit);
                            }
                            left -= price + price::HOST_END;
                            if let Some(result) = result {
                                reg!($args) = cell_of(result);
                            }
                            pass!();
                            continue;
                        }
                    }
                }};
            }
            // The end of `kernel_run`. What the machine does behind that of the start function is its own business.
            macro_rules! finish {
                ($edge:expr) => {{
                    if all.ready.is_start() {
                        break 'run Stop::Pause(Pause::Machine);
                    }
                    let price = u64::from($edge) + price::FINISH;
                    if left < price {
                        break 'run Stop::Edge;
                    }
                    left -= price;
                    watch.leave(until - left);
                    self.phase = Phase::Over;
                    break 'run Stop::Pause(Pause::Finished);
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
                            Op::CopyWide { d, a } => {
                                reg!(d) = reg!(a);
                                high!(d) = high!(a);
                            }
                            Op::SelectWide { d, a, b, choice } => {
                                let chosen = if reg!(choice) != 0 { a } else { b };
                                reg!(d) = reg!(chosen);
                                high!(d) = high!(chosen);
                            }
                            Op::GlobalGetWide { d, index } => {
                                reg!(d) = globals[index as usize];
                                high!(d) = globals_high[index as usize];
                            }
                            Op::GlobalSetWide { index, a } => {
                                globals[index as usize] = reg!(a);
                                globals_high[index as usize] = high!(a);
                            }
                            Op::Vector { d, a, b, c, index } => {
                                let vector = &code.vectors[index as usize];
                                let done = vector.op.apply([wide!(a), wide!(b), wide!(c)]);
                                let Some(result) = done else { leave_to_machine!() };
                                reg!(d) = result as u64;
                                if vector.is_wide {
                                    high!(d) = (result >> 64) as u64;
                                }
                            }
                            Op::VectorLoad { d, a, b, index } => {
                                let vector = &code.vectors[index as usize];
                                let loaded = load(memory, reg!(a) as u32, vector.access);
                                let done = loaded.and_then(|bytes| vector.op.apply([bytes, wide!(b), 0]));
                                let Some(result) = done else { leave_to_machine!() };
                                reg!(d) = result as u64;
                                high!(d) = (result >> 64) as u64;
                            }
                            Op::VectorStore { a, b, index } => {
                                let vector = &code.vectors[index as usize];
                                let bytes = vector.op.apply([0, wide!(b), 0]);
                                let stored = bytes.and_then(|bytes| store(memory, reg!(a) as u32, vector.access, bytes));
                                if stored.is_none() {
                                    leave_to_machine!();
                                }
                            }
                            Op::TableSet { a, value, table } => {
                                if !table::set(tables, table, reg!(a), reg!(value)) {
                                    leave_to_machine!();
                                }
                            }
                            Op::TableGrow { d, value, count, table } => {
                                let grown = table::grow(code, tables, table, reg!(count) as u32, reg!(value));
                                let Some(before) = grown else { leave_to_machine!() };
                                reg!(d) = before;
                            }
                            Op::ElemDrop { segment } => dropped_elements[segment as usize] = true,
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
                                call!(args, function, entry, u64::from(enter))
                            }
                            Op::CallIndirect { args, index, table, of_type, enter, .. } => {
                                let element = tables[usize::from(table)].get(reg!(index) as usize);
                                let function = callee(code, element, of_type);
                                let Some(function) = function else { break 'run Stop::Pause(Pause::Machine) };
                                let entry = code.entries[function as usize];
                                let price = u64::from(enter) + price_of(code, &entry);
                                call!(args, function, entry, price)
                            }
                            Op::CallHost { args, function, enter } => call_host!(args, function, enter, None),
                            Op::CallAny { args, index, site, enter } => {
                                let Site { table, of_type, flag, .. } = code.sites[site as usize];
                                let element = tables[table as usize].get(reg!(index) as usize);
                                let function = callee(code, element, of_type);
                                let Some(function) = function else { break 'run Stop::Pause(Pause::Machine) };
                                if code.module.functions[function as usize].host.is_some() {
                                    call_host!(args, function, enter, Some(flag));
                                }
                                let entry = code.entries[function as usize];
                                let price = u64::from(enter) + price_of(code, &entry);
                                if left >= price - if SLOW { u64::from(ahead[entry.start as usize]) } else { 0 } {
                                    reg!(flag) = 0;
                                }
                                call!(args, function, entry, price)
                            }
                            Op::Return { first, count, edge } => {
                                let Some(frame) = frames.last() else { finish!(edge) };
                                let next = frame.pc as usize + 1;
                                let (args, back) = match ops[frame.pc as usize] {
                                    Op::Call { args, back, .. } | Op::CallIndirect { args, back, .. } => (args, back),
                                    Op::CallAny { args, site, .. } => (args, code.sites[site as usize].back),
                                    _ => break 'run Stop::Pause(Pause::Machine),
                                };
                                pc = pay!(u64::from(edge) + u64::from(back), next);
                                watch.leave(until - left - if SLOW { 0 } else { u64::from(ahead[next]) });
                                let (first, to) = (base + usize::from(first), frame.base + usize::from(args));
                                (base, room) = (frame.base, frame.cells);
                                frames.pop();
                                cells.copy_within(first..first + usize::from(count), to);
                                if code.has_vectors {
                                    highs.copy_within(first..first + usize::from(count), to);
                                }
                                continue 'run;
                            }
                            // The caller would have more on its stack than its code says.
                            Op::ReturnMore { edge, .. } if frames.is_empty() => finish!(edge),
                            Op::ReturnMore { .. } => break 'run Stop::Pause(Pause::Machine),
                            Op::MemoryFill { .. }
                            | Op::MemoryCopy { .. }
                            | Op::MemoryInit { .. }
                            | Op::TableFill { .. }
                            | Op::TableCopy { .. }
                            | Op::TableInit { .. } => {
                                let reach = Reach { code: all, memory, tables, dropped, dropped_elements };
                                match bulk(op, regs, left, is_again, reach) {
                                    Bulk::Machine => break 'run Stop::Pause(Pause::Machine),
                                    Bulk::TooFew => break 'run Stop::Edge,
                                    Bulk::Part(ticks) => {
                                        left -= ticks;
                                        is_again = true;
                                        break 'run Stop::Pause(Pause::Limit);
                                    }
                                    Bulk::Done(ticks) => {
                                        left -= ticks;
                                        is_again = false;
                                        pass!();
                                        continue;
                                    }
                                }
                            }
                        }
                        pc += 1;
                    }
                };
            }
            operations!(run);
        };
        self.is_again = is_again;
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

/// The same for the second cells of vectors.
#[cold]
fn begin_wide(highs: &mut [u64], args: Slot, room: u32, entry: &Entry) {
    let (args, room) = (usize::from(args), room as usize);
    let (params, locals) = (usize::from(entry.params), usize::from(entry.locals));
    highs.copy_within(args..args + params, room);
    highs[room + params..room + params + locals].fill(0);
}

/// The function that an element refers to, if it is of that type.
#[inline]
fn callee(code: &Shared, element: Option<&u64>, of_type: u32) -> Option<u32> {
    let function = element?.checked_sub(1)?;
    (code.kinds[function as usize] == code.type_kinds[of_type as usize]).then_some(function as u32)
}

/// What it takes to come to the first instruction of a function from the task of the call, and to go on from there.
#[inline]
fn price_of(code: &Shared, entry: &Entry) -> u64 {
    own(entry) - u64::from(price::INSTRUCTION) + u64::from(code.ahead[entry.start as usize])
}

/// What a call takes before the first instruction of the function.
#[inline]
fn own(entry: &Entry) -> u64 {
    u64::from(price::INSTRUCTION + price::enter(entry.params.into(), entry.locals.into()))
}

/// Bytes of the memory, the first one lowest.
fn load(memory: &Bytes, at: u32, access: Access) -> Option<u128> {
    let Access { offset, len, .. } = access;
    match len {
        1 => memory.load(at, offset).map(u8::from_le_bytes).map(u128::from),
        2 => memory.load(at, offset).map(u16::from_le_bytes).map(u128::from),
        4 => memory.load(at, offset).map(u32::from_le_bytes).map(u128::from),
        8 => memory.load(at, offset).map(u64::from_le_bytes).map(u128::from),
        _ => memory.load(at, offset).map(u128::from_le_bytes),
    }
}

fn store(memory: &mut Bytes, at: u32, access: Access, bytes: u128) -> Option<()> {
    let Access { offset, len, .. } = access;
    match len {
        1 => memory.store(at, offset, (bytes as u8).to_le_bytes()),
        2 => memory.store(at, offset, (bytes as u16).to_le_bytes()),
        4 => memory.store(at, offset, (bytes as u32).to_le_bytes()),
        8 => memory.store(at, offset, (bytes as u64).to_le_bytes()),
        _ => memory.store(at, offset, bytes.to_le_bytes()),
    }
}

/// Pages before, or −1; nothing if it would be more than the interpreter keeps.
fn grow(code: &Shared, memory: &mut Bytes, more: u32) -> Option<u64> {
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
