//! Looking on while a kernel runs.

use soru_pvm::host::{HostFunction, HostValue, Memory};

/// Somebody who is told what happens in a run: see [`Run::watch`](crate::Run::watch). Ticks count from the beginning of the
/// call of `kernel_run`, see [`Run::used`](crate::Run::used). What is not wanted costs nothing.
pub trait Watch {
    /// The function of that index is called, `used` ticks after the beginning. What the call itself takes counts as its own.
    /// `kernel_run` is the first one, at 0.
    fn enter(&mut self, _function: u32, _used: u64) {}

    /// The function that was entered last has returned, and its caller goes on. At the end of the run `kernel_run` has. A run
    /// that traps or is stopped leaves the functions that are at work entered.
    fn leave(&mut self, _used: u64) {}

    /// A host function has done its work.
    fn host_call(&mut self, _call: &HostCall<'_>) {}
}

/// Nobody.
impl Watch for () {}

impl<W: Watch + ?Sized> Watch for &mut W {
    fn enter(&mut self, function: u32, used: u64) {
        (**self).enter(function, used);
    }

    fn leave(&mut self, used: u64) {
        (**self).leave(used);
    }

    fn host_call(&mut self, call: &HostCall<'_>) {
        (**self).host_call(call);
    }
}

/// A call of a host function.
pub struct HostCall<'a> {
    /// Its index among the functions of the kernel.
    pub index: u32,
    /// Which one it is.
    pub function: HostFunction,
    /// Ticks before the call.
    pub used: u64,
    /// Ticks that it takes, all of them: its instruction, its work, what is idled for the bytes.
    pub ticks: u64,
    /// Its arguments.
    pub args: &'a [HostValue],
    /// Its result: an error if it is negative.
    pub result: Option<HostValue>,
    /// The memory after the call.
    pub memory: &'a dyn Memory,
}

impl HostCall<'_> {
    fn arg(&self, index: usize) -> u64 {
        match self.args.get(index) {
            Some(HostValue::I32(n)) => u64::from(*n as u32),
            Some(HostValue::I64(n)) => *n as u64,
            None => 0,
        }
    }

    /// The result if it is no error, as a number of whatever it counts.
    pub fn count(&self) -> Option<u64> {
        match self.result {
            Some(HostValue::I32(n)) => u64::try_from(n).ok(),
            Some(HostValue::I64(n)) => u64::try_from(n).ok(),
            None => Some(0),
        }
    }

    /// Bytes that the kernel got from the host, or gave to it. Keys are not counted; a call that failed moved none.
    pub fn bytes(&self) -> u64 {
        use HostFunction as F;
        let Some(count) = self.count() else { return 0 };
        match self.function {
            F::ReadInput
            | F::StoreRead
            | F::StoreGetNthKey
            | F::StoreGetHash
            | F::RevealPreimage
            | F::RevealMetadata
            | F::Reveal => count,
            F::WriteOutput | F::WriteDebug => self.arg(1),
            F::StoreWrite => self.arg(4),
            F::StoreHas
            | F::StoreExists
            | F::StoreListSize
            | F::StoreDelete
            | F::StoreDeleteValue
            | F::StoreCreate
            | F::StoreValueSize
            | F::StoreCopy
            | F::StoreMove => 0,
        }
    }

    /// The keys of the durable storage that it names, as far as the memory holds them.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        use HostFunction as F;
        // No key is longer.
        const LONGEST: u64 = 250;
        let places: &[usize] = match self.function {
            F::ReadInput
            | F::WriteOutput
            | F::WriteDebug
            | F::RevealPreimage
            | F::RevealMetadata
            | F::Reveal => &[],
            F::StoreCopy | F::StoreMove => &[0, 2],
            _ => &[0],
        };
        let mut keys = Vec::new();
        for place in places {
            let mut key = vec![0; self.arg(place + 1).min(LONGEST) as usize];
            if self.memory.read(self.arg(*place), &mut key).is_ok() {
                keys.push(key);
            }
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_keys_of_calls() {
        let memory = b"/a/b/long".as_slice();
        let mut memory = memory.to_vec();
        let memory = memory.as_mut_slice();
        let numbers = |numbers: &[i32]| numbers.iter().map(|n| HostValue::I32(*n)).collect::<Vec<_>>();
        let told = |function, args: &[i32], result: Option<i32>| {
            let args = numbers(args);
            let memory: &dyn Memory = &&mut *memory.to_vec();
            let result = result.map(HostValue::I32);
            let call = HostCall { index: 1, function, used: 5, ticks: 9, args: &args, result, memory };
            (call.bytes(), call.keys())
        };
        let (a, b) = (b"/a".to_vec(), b"/b".to_vec());
        assert_eq!(told(HostFunction::StoreMove, &[0, 2, 2, 2], Some(0)), (0, vec![a.clone(), b]));
        assert_eq!(told(HostFunction::StoreWrite, &[0, 2, 0, 4, 5], Some(0)), (5, vec![a.clone()]));
        assert_eq!(told(HostFunction::StoreWrite, &[0, 2, 0, 4, 5], Some(-6)), (0, vec![a.clone()]));
        assert_eq!(told(HostFunction::StoreRead, &[0, 2, 0, 4, 5], Some(3)), (3, vec![a]));
        assert_eq!(told(HostFunction::StoreHas, &[8, 20], Some(-6)), (0, vec![]));
        assert_eq!(told(HostFunction::WriteDebug, &[0, 7], None), (7, vec![]));
    }
}
