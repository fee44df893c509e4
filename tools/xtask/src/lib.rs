//! The project's own tool: `cargo xtask test | tidy | pkgcheck | docs | services | dist | image | coverage | bench |
//! conformance | race |
//! torture`.
//!
//! It checks and runs the product and is never a part of it: no product crate may depend on it, and it reads the
//! product only as text, as `cargo metadata`, as test output and as the binary that is shipped. It starts processes, all
//! of them by name and without a shell in between (but for one `kill`), and writes only below `target/` and, when asked,
//! to `ratchet.toml` and the folder of an image.

pub mod bench;
pub mod checks;
pub mod conformance;
pub mod coverage;
pub mod dist;
pub mod docs;
pub mod image;
pub mod junit;
pub mod pkgcheck;
pub mod process;
pub mod race;
pub mod report;
pub mod services;
pub mod stages;
pub mod tar;
pub mod tidy;
pub mod torture;
pub mod workspace;
