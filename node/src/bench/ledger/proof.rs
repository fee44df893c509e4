//! `ledger.proof`: proofs out of the SM3 tree, the dearer one, over ten million leaves.

use super::history::{self, BOOK};
use super::verify::signer;
use crate::bench::memory::{Writer, entry};
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use std::path::Path;
use std::time::Instant;
use tidegate_kernel_audit::{Profile, Tree};
use tidegate_kernel_journal::DataFolder;
use tidegate_kernel_lab::{Latencies, Row};
use tidegate_service_ledger::trees_folder;

const LEAVES: u64 = 10_000_000;
const PROOFS: u64 = 2000;
/// A record as short as they are: an entry of a tree has the same length whatever it speaks of.
const PAYLOAD: [u8; 8] = [7; 8];
/// Of a record, of its entry in a bundle, of its hash in a tile; and room.
const ROOM_BYTES: u64 = LEAVES * (64 + 76 + 33) + (1 << 30);

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    let free = scratch.free_bytes()?;
    if free < ROOM_BYTES {
        let why = format!("{free} bytes are free and {ROOM_BYTES} are needed");
        report.print(Row { skipped: Some(why), ..row() });
        return Ok(());
    }
    let path = scratch.inner("ledger");
    let stream = write(&path)?;
    let signer = signer(Profile::Sm3)?;
    let key = signer.verifier();
    history::grow(&path, stream, vec![signer])?;
    let tree = Tree::new(&trees_folder(&path, BOOK).join(Profile::Sm3.name()), key);
    let (mut latencies, mut seq) = (Latencies::default(), 1);
    for _ in 0..PROOFS {
        // A prime, so that they lie everywhere.
        seq = 1 + (seq + 7_368_787) % LEAVES;
        let began = Instant::now();
        let proof = tree.prove(seq)?;
        latencies.record(began.elapsed());
        proof.ok_or("a record is in no tree")?.check(tree.key())?;
    }
    scratch.clear("ledger")?;
    let (p50_us, p99_us) = (latencies.quantile_us(0.5), latencies.quantile_us(0.99));
    report.print(Row { value: p50_us / 1000.0, p50_us: Some(p50_us), p99_us: Some(p99_us), ..row() });
    Ok(())
}

fn write(path: &Path) -> Result<u16, Trouble> {
    let folder = DataFolder::open(path)?;
    let mut writer = Writer::on(folder.books());
    for _ in 0..LEAVES {
        writer.append(entry(&PAYLOAD))?;
    }
    writer.finish()?;
    folder.close();
    Ok(entry(&PAYLOAD).stream)
}

fn row() -> Row {
    let load = format!(
        "{LEAVES} leaves, SM3 tree: the checkpoint's SM2 signature verified, the entry found by its number, the way to the root read and \
         checked; page cache as writing left it; median of {PROOFS}"
    );
    Row { scenario: "ledger.proof".to_owned(), metric: "latency", unit: "ms", load, ..Row::default() }
}
