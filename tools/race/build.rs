//! Casts the product's lock-free cores for the models: the files as they are, but that `std`'s atomics, locks and threads are those
//! of a tool, and rows are short. With the feature `planted` one mistake more is in each.
//!
//! A text that is to be replaced and is not there ends the build: then the core was changed, and what is cast has to be said anew.

use std::path::Path;

/// A text and what stands in its place.
type Change = (&'static str, &'static str);

struct Cast {
    /// `OUT_DIR/NAME.rs`.
    name: &'static str,
    core: &'static Core,
    planted: &'static [Change],
}

struct Core {
    path: &'static str,
    changes: &'static [Change],
}

const BOARD: Core = Core {
    path: "../../engines/book/src/board.rs",
    changes: &[
        ("use std::sync::atomic", "use crate::model::sync::atomic"),
        ("std::hint::spin_loop()", "crate::model::hint::spin_loop()"),
        ("const ROW_SLOTS: usize = 1024;", "const ROW_SLOTS: usize = 2;"),
    ],
};

const WATERMARK: Core = Core {
    path: "../../kernel/journal/src/watermark.rs",
    changes: &[
        ("use std::sync::atomic", "use crate::model::sync::atomic"),
        (
            "use std::sync::{Arc, Mutex, PoisonError};",
            "use std::sync::{Arc, PoisonError};\nuse crate::model::sync::Mutex;",
        ),
        ("std::sync::MutexGuard", "crate::model::sync::MutexGuard"),
        ("use std::thread::Thread;", "use crate::model::thread::Thread;"),
        ("std::thread::current()", "crate::model::thread::current()"),
        ("std::thread::park()", "crate::model::thread::park()"),
        // A message, and with it a crate; no part of what is looked at.
        (", thiserror::Error)]", ")]"),
        ("#[error(\"the journal stopped writing, so the outcome of this record is unknown\")]", ""),
    ],
};

const CASTS: &[Cast] = &[
    Cast { name: "loom_board", core: &BOARD, planted: RELAXED },
    Cast { name: "loom_watermark", core: &WATERMARK, planted: HASTY },
    Cast { name: "loom_litmus", core: &BOARD, planted: RELEASE_ACQUIRE },
    Cast { name: "shuttle_board", core: &BOARD, planted: UNANNOUNCED },
    Cast { name: "shuttle_watermark", core: &WATERMARK, planted: HASTY },
    Cast { name: "litmus_board", core: &BOARD, planted: RELEASE_ACQUIRE },
    Cast { name: "litmus_watermark", core: &WATERMARK, planted: HASTY },
];

/// No order between one number and the next.
const RELAXED: &[Change] = &[("Ordering::SeqCst}", "Ordering::Relaxed as SeqCst}")];

/// The usual order for a seqlock: right for one board, and not one order for all of them.
const RELEASE_ACQUIRE: &[Change] = &[
    ("load(SeqCst)", "load(crate::model::sync::atomic::Ordering::Acquire)"),
    (", SeqCst)", ", crate::model::sync::atomic::Ordering::Release)"),
];

/// The writer does not say that it is about to write.
const UNANNOUNCED: &[Change] = &[("self.version.store(version.wrapping_add(1), SeqCst);", "")];

/// A waiter does not look again once it has the lock, and asks for the value before it asks for the stop.
const HASTY: &[Change] = &[
    (
        "let mut waiters = self.lock();\n        if let Some(outcome) = self.outcome(wanted) {\n            return Poll::Ready(outcome);\n        }\n",
        "let mut waiters = self.lock();\n",
    ),
    ("let stopped = self.stopped.load(Ordering::SeqCst);", ""),
    ("stopped.then_some", "self.stopped.load(Ordering::SeqCst).then_some"),
];

fn main() {
    let planted = std::env::var_os("CARGO_FEATURE_PLANTED").is_some();
    let out = std::env::var("OUT_DIR").expect("cargo names the folder");
    println!("cargo:rerun-if-changed=build.rs");
    for Cast { name, core, planted: faults } in CASTS {
        println!("cargo:rerun-if-changed={}", core.path);
        let source =
            std::fs::read_to_string(core.path).unwrap_or_else(|error| panic!("{}: {error}", core.path));
        let mut text = without_tests_and_head(&source);
        let faults = if planted { *faults } else { &[] };
        for (from, to) in core.changes.iter().chain(faults) {
            assert!(
                text.contains(from),
                "{} has no more `{from}`: say in tools/race/build.rs what it is now",
                core.path
            );
            text = text.replace(from, to);
        }
        std::fs::write(Path::new(&out).join(format!("{name}.rs")), text).expect("cargo's folder is writable");
    }
}

/// A head in `//!` may not stand where a file is included.
fn without_tests_and_head(source: &str) -> String {
    let core = source.split("#[cfg(test)]").next().unwrap_or_default();
    core.lines().filter(|line| !line.starts_with("//!")).map(|line| format!("{line}\n")).collect()
}
