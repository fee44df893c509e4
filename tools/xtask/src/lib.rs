//! The project's own tool: `cargo xtask test | tidy | services`.
//!
//! It checks and runs the product and is never a part of it: no product crate may depend on it, and it reads the
//! product only as text, as `cargo metadata` and as test output. It starts processes, all of them by name and without
//! a shell in between (but for one `kill`), and writes only below `target/` and, when asked, to `ratchet.toml`.

pub mod junit;
pub mod process;
pub mod report;
pub mod services;
pub mod stages;
pub mod tidy;
pub mod workspace;
