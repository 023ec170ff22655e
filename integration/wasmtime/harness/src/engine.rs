//! How Wasmtime is set up: on one thread, so that time means something, and with every proposal that programs use.

use crate::args::{Algorithm, Target};
use wasmtime::{Config, Engine, RegallocAlgorithm, Result};

/// What an engine is to compile for, and how.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The machine; `None` for this one.
    pub(crate) target: Option<Target>,
    /// The algorithm of the register allocator.
    pub(crate) algorithm: Algorithm,
    /// Shall Cranelift check every allocation?
    pub(crate) check: bool,
}

impl Setup {
    /// Settings with what all programs need.
    pub(crate) fn config(&self) -> Result<Config> {
        let mut config = Config::new();
        if let Some(Target(triple)) = &self.target {
            config.target(triple)?;
        }
        config
            .cranelift_regalloc_algorithm(match self.algorithm {
                Algorithm::Backtracking => RegallocAlgorithm::Backtracking,
                Algorithm::SinglePass => RegallocAlgorithm::SinglePass,
            })
            .wasm_exceptions(true)
            .wasm_function_references(true)
            .wasm_gc(true);
        if self.check {
            enable_checker(&mut config);
        }
        Ok(config)
    }

    /// An engine with these settings.
    pub(crate) fn engine(&self) -> Result<Engine> {
        Engine::new(&self.config()?)
    }
}

/// Has Cranelift run its allocator's checker over every allocation. A fault is reported as an error of compilation.
fn enable_checker(config: &mut Config) {
    // SAFETY: settings of Cranelift are unsafe to change because some of them change what the code assumes of its
    // surroundings. This one adds a check to the compiler and changes no code.
    #[expect(unsafe_code, reason = "Wasmtime has no other way to this setting")]
    unsafe {
        config.cranelift_flag_enable("regalloc_checker");
    }
}
