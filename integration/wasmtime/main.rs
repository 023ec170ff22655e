//! The whole of both builds: which register allocator is in them is said by their manifests alone.

fn main() -> std::process::ExitCode {
    wasmtime_harness::main(None)
}
