//! Which engine runs kernels, wherever a command runs some.

use anyhow::Result;
use clap::Args;
use soru_engine::{Compiler, Engine, Kind};

/// The engine and its compiler.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineChoice {
    /// Engine: compiled, tick-exact or reference (slow, to check the others) [default: compiled, or SORU_ENGINE]
    #[arg(long)]
    pub(crate) engine: Option<Kind>,
    /// Compiler of the compiled engine: cranelift or singlepass [default: cranelift, or OCTEZ_WASMER_COMPILER]
    #[arg(long)]
    pub(crate) wasm_compiler: Option<Compiler>,
}

impl EngineChoice {
    /// What is said here, then what the environment says, then what is usual.
    pub(crate) fn options(&self) -> Result<soru_engine::Options> {
        Ok(soru_engine::Options {
            kind: self.engine.map_or_else(Kind::from_env, |kind| Ok(Some(kind)))?.unwrap_or_default(),
            compiler: self
                .wasm_compiler
                .map_or_else(Compiler::from_env, |c| Ok(Some(c)))?
                .unwrap_or_default(),
            ..soru_engine::Options::default()
        })
    }

    /// The engine that goes through runs; none where the machine itself is to make every tick.
    pub(crate) fn way(&self) -> Result<Option<Engine>> {
        let options = self.options()?;
        (options.kind != Kind::Reference).then(|| Engine::new(options).map_err(Into::into)).transpose()
    }

    /// The same for another command of this program.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let engine = self.engine.map(|kind| ["--engine".to_owned(), kind.to_string()]);
        let compiler =
            self.wasm_compiler.map(|compiler| ["--wasm-compiler".to_owned(), compiler.to_string()]);
        engine.into_iter().chain(compiler).flatten().collect()
    }
}
