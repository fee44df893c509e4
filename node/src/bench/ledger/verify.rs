//! `ledger.verify`: a million transfers and both trees over them, verified as `tidegate ledger verify` does, on one core.

use super::history::{self, ACCOUNTS, BOOK, History};
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use tidegate_kernel_audit::{Profile, Signer, Verifier};
use tidegate_kernel_lab::{Row, median, thread_cpu};
use tidegate_kernel_sm::sm2;
use tidegate_service_ledger::STREAM_MIN;
use tidegate_service_ledger::verify::{Trust, verify};

const TRANSFERS: u64 = 1_000_000;
const IDS: usize = 1 << 20;
const ROUNDS: usize = 3;

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    let path = scratch.inner("ledger");
    history::write(&path, History { transfers: TRANSFERS, ids: IDS, snapshot_at: None })?;
    let signers = Profile::ALL.into_iter().map(signer).collect::<Result<Vec<_>, _>>()?;
    let keys: Vec<Verifier> = signers.iter().map(Signer::verifier).collect();
    history::grow(&path, STREAM_MIN, signers)?;
    let trust = Trust { keys, ..Trust::default() };
    let (mut seconds, mut records) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let before = thread_cpu();
        let verification = verify(&path, &trust)?;
        seconds.push(thread_cpu().saturating_sub(before).as_secs_f64());
        if let Some(fault) = verification.faults().first() {
            return Err(fault.to_string().into());
        }
        records = verification.journal.records;
    }
    scratch.clear("ledger")?;
    let seconds = median(seconds);
    report.print(Row {
        scenario: "ledger.verify".to_owned(),
        metric: "rate",
        unit: "record/s",
        value: records as f64 / seconds,
        cpu_us_per_op: Some(seconds * 1e6 / records as f64),
        load: format!(
            "{TRANSFERS} transfers, {ACCOUNTS} accounts, both trees made again and compared with their files and checkpoints; page cache as \
             writing left it; CPU time of the one thread, median of {ROUNDS}"
        ),
        ..Row::default()
    });
    Ok(())
}

pub(super) fn signer(profile: Profile) -> Result<Signer, Trouble> {
    let name = format!("bench/ledger/{BOOK}/{}", profile.name());
    match profile {
        Profile::Sha256 => {
            let pkcs8 =
                Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| "no random bytes")?;
            Ok(Signer::ed25519(&name, pkcs8.as_ref())?)
        }
        Profile::Sm3 => Ok(Signer::sm2(&name, sm2::SigningKey::generate()?)?),
    }
}
