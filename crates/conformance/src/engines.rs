//! The engines that are compared.

#[cfg(feature = "engine")]
use soru_engine::{Compiler, Engine, EngineError, Options};
use soru_exact::TickExact;
use soru_pvm::run::Runner;
#[cfg(feature = "engine")]
use std::time::Duration;

/// The tick-exact interpreter, and both compilers if they are there.
pub struct Engines(Vec<(&'static str, Box<dyn Runner + Send + Sync>)>);

/// The name of the interpreter.
pub const EXACT: &str = "tick-exact";

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Engines {
    /// The interpreter alone.
    pub fn without_compilers() -> Self {
        Self(vec![(EXACT, Box::new(TickExact::new()))])
    }

    /// All of them.
    #[cfg(feature = "engine")]
    pub fn all() -> Result<Self, EngineError> {
        let mut engines = Self::without_compilers();
        for (name, compiler) in [("cranelift", Compiler::Cranelift), ("singlepass", Compiler::Singlepass)] {
            let deadline = Duration::from_secs(60);
            let engine = Engine::new(Options { compiler, deadline, ..Options::default() })?;
            engines.0.push((name, Box::new(engine)));
        }
        Ok(engines)
    }

    /// With their names.
    pub fn list(&self) -> Vec<(&str, &dyn Runner)> {
        self.0.iter().map(|(name, engine)| (*name, &**engine as &dyn Runner)).collect()
    }
}
