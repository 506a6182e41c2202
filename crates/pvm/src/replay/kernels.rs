//! Repeating the beginnings of many runs that differ in their kernels.

use super::file::RunFile;
use super::ticks::LineError;
use super::tracer::{Outside, Tracer};
use serde_json::{Map, Value};
use soru_base::tick::Tick;

impl RunFile {
    /// Gives the line of that number (from 1) anew, of a file whose lines have a kernel each: what the state is like at the
    /// tick of the line. The first line comes as it is.
    pub fn replay_kernel(&self, line: usize) -> Option<Result<Value, LineError>> {
        let asked = self.lines.get(line.checked_sub(1)?)?;
        Some(if line == 1 { Ok(asked.clone()) } else { self.find_of_kernel(line, asked) })
    }

    fn find_of_kernel(&self, line: usize, asked: &Value) -> Result<Value, LineError> {
        let malformed = |reason: &str| LineError::Malformed { line, reason: reason.to_owned() };
        let trace = |error| LineError::Trace { line, error };
        let kernel = asked["kernel"].as_str().and_then(|kernel| hex::decode(kernel).ok());
        let kernel = kernel.ok_or_else(|| malformed("kernel: expected bytes in hexadecimal"))?;
        let tick = asked["tick"].as_u64().ok_or_else(|| malformed("tick: expected a natural number"))?;
        let mut reveals = self.reveals.clone();
        let outside = Outside { reveals: &mut reveals, debug: &mut (), watch: &mut |_| () };
        let mut tracer = Tracer::begin(self.setup(), &kernel, &self.levels, outside).map_err(trace)?;
        tracer.go_to(Tick(tick)).map_err(trace)?;
        let seen = tracer.observe(asked.get("proof_size").is_some()).map_err(trace)?;
        let mut found = Map::new();
        let mut put = |name: &str, value: Value| {
            found.insert(name.to_owned(), value);
        };
        for name in ["opcode", "immediates"] {
            if let Some(value) = asked.get(name) {
                put(name, value.clone());
            }
        }
        let accepted = seen.state == "Link";
        put("accepted", accepted.into());
        put("tick", tick.into());
        put("hash", seen.hash.to_hex().into());
        if let Some(error) = seen.error.map(|error| error.to_json()) {
            put("error", error["explanation"].clone());
        } else if let Some(fault) = tracer.fault().filter(|_| !accepted) {
            put("fault", fault.into());
        }
        if let Some(size) = seen.proof_size {
            put("proof_size", size.into());
        }
        put("kernel", asked["kernel"].clone());
        Ok(Value::Object(found))
    }
}
