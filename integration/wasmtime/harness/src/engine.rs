//! How Wasmtime is set up: to compile on one thread, so that time means something, and with the proposals of today.

use crate::args::{Algorithm, Target};
use wasmtime::{Config, Engine, RegallocAlgorithm, Result};

/// What an engine is to compile for, and how; by default for this machine, with nothing out of the ordinary.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// The machine; `None` for this one.
    pub(crate) target: Option<Target>,
    /// The algorithm of the register allocator.
    pub(crate) algorithm: Algorithm,
    /// Shall Cranelift check every allocation?
    pub(crate) check: bool,
    /// Is there to be debug info? Cranelift then asks its allocator where the program's variables are.
    pub(crate) debug_info: bool,
    /// Shall it do without what Valgrind does not know?
    pub(crate) valgrind: bool,
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
            .debug_info(self.debug_info)
            .wasm_exceptions(true)
            .wasm_function_references(true)
            .wasm_gc(true);
        if self.check {
            enable(&mut config, CHECKER);
        }
        if self.target.as_ref().is_some_and(|target| target.0.starts_with("riscv64")) {
            enable(&mut config, VECTORS);
        }
        if self.valgrind && cfg!(target_arch = "x86_64") && self.target.is_none() {
            UNKNOWN_TO_VALGRIND.iter().for_each(|setting| disable(&mut config, setting));
        }
        Ok(config)
    }

    /// An engine with these settings.
    pub(crate) fn engine(&self) -> Result<Engine> {
        Engine::new(&self.config()?)
    }
}

/// The setting that has Cranelift run its allocator's checker over every allocation. A fault is an error of compilation.
const CHECKER: &str = "regalloc_checker";
/// The setting that RISC-V has vectors, which WebAssembly's need there, and which no target triple says.
const VECTORS: &str = "has_v";

/// The settings that this machine has instructions which Valgrind cannot decode.
const UNKNOWN_TO_VALGRIND: &[&str] = &[
    "has_avx512bitalg",
    "has_avx512dq",
    "has_avx512f",
    "has_avx512vbmi",
    "has_avx512vl",
    "has_avx512vnni",
    "has_avx_vnni",
];

/// Turns on one of the settings above.
fn enable(config: &mut Config, setting: &'static str) {
    // SAFETY: Wasmtime leaves settings of Cranelift to the caller's care because some change what the code assumes of its
    // surroundings. The checker changes no code. What is compiled for RISC-V is given a machine with vectors; Wasmtime
    // looks itself whether this machine has what code assumes, before it runs any.
    #[expect(unsafe_code, reason = "Wasmtime has no other way to these settings")]
    unsafe {
        config.cranelift_flag_enable(setting);
    }
}

/// Turns off one of the settings above.
fn disable(config: &mut Config, setting: &str) {
    // SAFETY: As above; and what is compiled for a machine that lacks instructions runs on one that has them.
    #[expect(unsafe_code, reason = "Wasmtime has no other way to these settings")]
    unsafe {
        config.cranelift_flag_set(setting, "false");
    }
}
