//! The binary `rampart`: parse, run, exit code.

use std::process::ExitCode;

/// Many small buffers of different sizes live for different times; this allocator gives their
/// memory back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    rampart_node::cli::run(std::env::args_os())
}
