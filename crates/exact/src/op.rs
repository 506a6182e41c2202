//! Instructions of the interpreter: on cells of a frame, some for several instructions of the kernel at once.

/// The index of a cell in its frame: arguments, locals, operands.
pub(crate) type Slot = u16;

/// A number as a cell keeps it: 32 bits with zeros above.
pub(crate) trait Word: Copy {
    fn of(cell: u64) -> Self;
    fn cell(self) -> u64;
}

macro_rules! words {
    ($($word:ty: |$value:ident| $cell:expr;)*) => {$(
        impl Word for $word {
            #[inline(always)]
            fn of(cell: u64) -> Self {
                cell as $word
            }
            #[inline(always)]
            fn cell(self) -> u64 {
                let $value = self;
                $cell
            }
        }
    )*};
}

words! {
    i32: |n| u64::from(n as u32);
    u32: |n| u64::from(n);
    i64: |n| n as u64;
    u64: |n| n;
}

/// The operations on numbers, with what they do. `binary` and `unary` always have a result; `partial` may trap.
macro_rules! operations {
    ($give:ident) => {
        $give! {
            binary {
                I32Eq u32 |a, b| u32::from(a == b);
                I32Ne u32 |a, b| u32::from(a != b);
                I32LtS i32 |a, b| u32::from(a < b);
                I32LtU u32 |a, b| u32::from(a < b);
                I32GtS i32 |a, b| u32::from(a > b);
                I32GtU u32 |a, b| u32::from(a > b);
                I32LeS i32 |a, b| u32::from(a <= b);
                I32LeU u32 |a, b| u32::from(a <= b);
                I32GeS i32 |a, b| u32::from(a >= b);
                I32GeU u32 |a, b| u32::from(a >= b);
                I64Eq u64 |a, b| u32::from(a == b);
                I64Ne u64 |a, b| u32::from(a != b);
                I64LtS i64 |a, b| u32::from(a < b);
                I64LtU u64 |a, b| u32::from(a < b);
                I64GtS i64 |a, b| u32::from(a > b);
                I64GtU u64 |a, b| u32::from(a > b);
                I64LeS i64 |a, b| u32::from(a <= b);
                I64LeU u64 |a, b| u32::from(a <= b);
                I64GeS i64 |a, b| u32::from(a >= b);
                I64GeU u64 |a, b| u32::from(a >= b);
                I32Add u32 |a, b| a.wrapping_add(b);
                I32Sub u32 |a, b| a.wrapping_sub(b);
                I32Mul u32 |a, b| a.wrapping_mul(b);
                I32And u32 |a, b| a & b;
                I32Or u32 |a, b| a | b;
                I32Xor u32 |a, b| a ^ b;
                I32Shl u32 |a, b| a.wrapping_shl(b);
                I32ShrS i32 |a, b| a.wrapping_shr(b as u32);
                I32ShrU u32 |a, b| a.wrapping_shr(b);
                I32Rotl u32 |a, b| a.rotate_left(b & 31);
                I32Rotr u32 |a, b| a.rotate_right(b & 31);
                I64Add u64 |a, b| a.wrapping_add(b);
                I64Sub u64 |a, b| a.wrapping_sub(b);
                I64Mul u64 |a, b| a.wrapping_mul(b);
                I64And u64 |a, b| a & b;
                I64Or u64 |a, b| a | b;
                I64Xor u64 |a, b| a ^ b;
                I64Shl u64 |a, b| a.wrapping_shl(b as u32);
                I64ShrS i64 |a, b| a.wrapping_shr(b as u32);
                I64ShrU u64 |a, b| a.wrapping_shr(b as u32);
                I64Rotl u64 |a, b| a.rotate_left((b & 63) as u32);
                I64Rotr u64 |a, b| a.rotate_right((b & 63) as u32);
            }
            partial {
                I32DivS i32 |a, b| a.checked_div(b);
                I32DivU u32 |a, b| a.checked_div(b);
                I32RemS i32 |a, b| (b != 0).then(|| a.wrapping_rem(b));
                I32RemU u32 |a, b| a.checked_rem(b);
                I64DivS i64 |a, b| a.checked_div(b);
                I64DivU u64 |a, b| a.checked_div(b);
                I64RemS i64 |a, b| (b != 0).then(|| a.wrapping_rem(b));
                I64RemU u64 |a, b| a.checked_rem(b);
            }
            unary {
                I32Eqz u32 |a| u32::from(a == 0);
                I64Eqz u64 |a| u32::from(a == 0);
                I32Clz u32 |a| a.leading_zeros();
                I32Ctz u32 |a| a.trailing_zeros();
                I32Popcnt u32 |a| a.count_ones();
                I64Clz u64 |a| u64::from(a.leading_zeros());
                I64Ctz u64 |a| u64::from(a.trailing_zeros());
                I64Popcnt u64 |a| u64::from(a.count_ones());
                I32WrapI64 u64 |a| a as u32;
                I64ExtendI32S i32 |a| i64::from(a);
                I64ExtendI32U u32 |a| u64::from(a);
                I32Extend8S u32 |a| a as i8 as i32;
                I32Extend16S u32 |a| a as i16 as i32;
                I64Extend8S u64 |a| a as i8 as i64;
                I64Extend16S u64 |a| a as i16 as i64;
                I64Extend32S u64 |a| a as i32 as i64;
            }
            load {
                I32Load u32 as u32;
                I64Load u64 as u64;
                I32Load8S i8 as i32;
                I32Load8U u8 as u32;
                I32Load16S i16 as i32;
                I32Load16U u16 as u32;
                I64Load8S i8 as i64;
                I64Load8U u8 as u64;
                I64Load16S i16 as i64;
                I64Load16U u16 as u64;
                I64Load32S i32 as i64;
                I64Load32U u32 as u64;
            }
            store {
                I32Store u32;
                I64Store u64;
                I32Store8 u8;
                I32Store16 u16;
                I64Store8 u8;
                I64Store16 u16;
                I64Store32 u32;
            }
        }
    };
}
pub(crate) use operations;

macro_rules! define {
    (
        binary { $($binary:ident $bt:ident |$ba:ident, $bb:ident| $be:expr;)* }
        partial { $($partial:ident $pt:ident |$pa:ident, $pb:ident| $pe:expr;)* }
        unary { $($unary:ident $ut:ident |$ua:ident| $ue:expr;)* }
        load { $($load:ident $lt:ident as $la:ident;)* }
        store { $($store:ident $st:ident;)* }
    ) => {
        /// An instruction. `to` is the index of an instruction; what an edge is priced at contains what the
        /// instructions behind it take together, up to the next one that has edges.
        #[derive(Debug, Clone, Copy)]
        pub(crate) enum Op {
            $($binary { d: Slot, a: Slot, b: Slot },)*
            $($partial { d: Slot, a: Slot, b: Slot },)*
            $($unary { d: Slot, a: Slot },)*
            $($load { d: Slot, a: Slot, offset: u32 },)*
            $($store { a: Slot, value: Slot, offset: u32 },)*
            /// Nothing but its price.
            Nothing,
            Copy { d: Slot, a: Slot },
            Const { d: Slot, low: u32, high: u32 },
            Select { d: Slot, a: Slot, b: Slot, choice: Slot },
            GlobalGet { d: Slot, index: u32 },
            GlobalSet { index: u32, a: Slot },
            // The same of vectors.
            CopyWide { d: Slot, a: Slot },
            SelectWide { d: Slot, a: Slot, b: Slot, choice: Slot },
            GlobalGetWide { d: Slot, index: u32 },
            GlobalSetWide { index: u32, a: Slot },
            /// An operation of `Code::vectors`.
            Vector { d: Slot, a: Slot, b: Slot, c: Slot, index: u32 },
            VectorLoad { d: Slot, a: Slot, b: Slot, index: u32 },
            VectorStore { a: Slot, b: Slot, index: u32 },
            TableGet { d: Slot, a: Slot, table: u32 },
            TableSet { a: Slot, value: Slot, table: u32 },
            TableSize { d: Slot, table: u32 },
            TableGrow { d: Slot, value: Slot, count: Slot, table: u32 },
            /// Of a reference, which is null or not.
            IsNull { d: Slot, a: Slot },
            MemorySize { d: Slot },
            MemoryGrow { d: Slot, a: Slot },
            DataDrop { segment: u32 },
            ElemDrop { segment: u32 },

            // From here on they have edges.
            Unreachable,
            Jump { to: u32, edge: u32 },
            JumpIf { a: Slot, to: u32, jump: u32, fall: u32 },
            JumpIfZero { a: Slot, to: u32, jump: u32, fall: u32 },
            /// Into `count + 1` targets from `first` on.
            JumpTable { a: Slot, first: u32, count: u32 },
            /// Arguments and results lie from `args` on.
            Call { args: Slot, function: u32, enter: u32, back: u32 },
            CallHost { args: Slot, function: u32, enter: u32 },
            CallIndirect { args: Slot, index: Slot, table: u16, of_type: u32, enter: u32, back: u32 },
            /// One that may call a host function, by its site.
            CallAny { args: Slot, index: Slot, site: u32, enter: u32 },
            Return { first: Slot, count: u16, edge: u32 },
            /// With more on the stack than the results.
            ReturnMore { edge: u32 },
            MemoryFill { to: Slot, value: Slot, count: Slot, edge: u32 },
            MemoryCopy { to: Slot, from: Slot, count: Slot, edge: u32 },
            MemoryInit { to: Slot, from: Slot, count: Slot, segment: u32, edge: u32 },
            TableFill { to: Slot, value: Slot, count: Slot, table: u16, edge: u32 },
            TableCopy { to: Slot, from: Slot, count: Slot, to_table: u16, from_table: u16, edge: u32 },
            TableInit { to: Slot, from: Slot, count: Slot, table: u16, segment: u16, edge: u32 },
        }

        impl Op {
            /// The cell that a plain instruction writes.
            pub(crate) fn destination(&mut self) -> Option<&mut Slot> {
                match self {
                    $(Self::$binary { d, .. } => Some(d),)*
                    $(Self::$partial { d, .. } => Some(d),)*
                    $(Self::$unary { d, .. } => Some(d),)*
                    $(Self::$load { d, .. } => Some(d),)*
                    Self::Copy { d, .. }
                    | Self::Const { d, .. }
                    | Self::Select { d, .. }
                    | Self::GlobalGet { d, .. }
                    | Self::CopyWide { d, .. }
                    | Self::SelectWide { d, .. }
                    | Self::GlobalGetWide { d, .. }
                    | Self::Vector { d, .. }
                    | Self::VectorLoad { d, .. }
                    | Self::TableGrow { d, .. }
                    | Self::TableGet { d, .. }
                    | Self::TableSize { d, .. }
                    | Self::IsNull { d, .. }
                    | Self::MemorySize { d }
                    | Self::MemoryGrow { d, .. } => Some(d),
                    _ => None,
                }
            }
        }
    };
}
operations!(define);

const _: () = assert!(size_of::<Op>() <= 20);

impl Op {
    /// Adds to the price of each of its edges.
    pub(crate) fn add_to_edges(&mut self, price: u32) {
        match self {
            Self::JumpIf { jump, fall, .. } | Self::JumpIfZero { jump, fall, .. } => {
                *jump += price;
                *fall += price;
            }
            Self::Jump { edge, .. }
            | Self::Return { edge, .. }
            | Self::ReturnMore { edge, .. }
            | Self::MemoryFill { edge, .. }
            | Self::MemoryCopy { edge, .. }
            | Self::MemoryInit { edge, .. }
            | Self::TableFill { edge, .. }
            | Self::TableCopy { edge, .. }
            | Self::TableInit { edge, .. }
            | Self::CallAny { enter: edge, .. }
            | Self::Call { enter: edge, .. }
            | Self::CallHost { enter: edge, .. }
            | Self::CallIndirect { enter: edge, .. } => *edge += price,
            // The targets of a table are added to elsewhere.
            _ => (),
        }
    }

    /// Whether it has edges, which are paid for one by one.
    pub(crate) fn has_edges(&self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::Jump { .. }
                | Self::JumpIf { .. }
                | Self::JumpIfZero { .. }
                | Self::JumpTable { .. }
                | Self::Call { .. }
                | Self::CallHost { .. }
                | Self::CallIndirect { .. }
                | Self::CallAny { .. }
                | Self::Return { .. }
                | Self::ReturnMore { .. }
                | Self::MemoryFill { .. }
                | Self::MemoryCopy { .. }
                | Self::MemoryInit { .. }
                | Self::TableFill { .. }
                | Self::TableCopy { .. }
                | Self::TableInit { .. }
        )
    }
}
