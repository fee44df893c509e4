//! The watchdog as the node wires it: what others put into a dump, and in which words people are told.

use crate::storage::Storage;
use serde_json::{Value, json};
use tidegate_kernel_journal::{Id, Journal, ReadLimit};
use tidegate_service_notice::{Change, Language, Notice, Outbox, Severity};
use tidegate_service_probe::{Cause, Herald, Incident};

/// A cursor's oldest record is looked for by reading so little.
const ONE: ReadLimit = ReadLimit { records: 1, bytes: 1 << 16 };

/// Every reader of both journals: how far behind it is, and since when the first record waits that it has not settled.
pub(crate) fn queues(storage: &Storage) -> String {
    let journals: Vec<Value> =
        storage.journals().iter().flat_map(|(name, journal)| readers(name, journal)).collect();
    json!({ "readers": journals }).to_string() + "\n"
}

fn readers(name: &str, journal: &Journal) -> Vec<Value> {
    let reader = |account: tidegate_kernel_journal::Account| {
        let (lag, in_flight) = (account.lag.total(), account.in_flight.total());
        let oldest = (lag + in_flight > 0).then(|| journal.read(account.stream, account.position, ONE));
        let oldest_ms =
            oldest.and_then(Result::ok).and_then(|(records, _)| Some(records.first()?.head.stamp_ms));
        json!({
            "journal": name, "cursor": account.cursor, "stream": account.stream, "lag": lag, "in_flight": in_flight,
            "oldest_ms": oldest_ms, "oldest_age_ms": oldest_ms.map(|at| crate::pulse::wall_ms().saturating_sub(at)),
        })
    };
    journal.status().accounts.into_iter().map(reader).collect()
}

/// Has an incident told by the channels of alarms.
#[derive(Debug)]
pub(crate) struct Messenger {
    pub(crate) outbox: Outbox,
    pub(crate) language: Language,
}

impl Herald for Messenger {
    fn tell(&self, incident: &Incident) -> Result<(), String> {
        let notice = Notice {
            id: Id::v7(incident.at_ms),
            change: Change::Raised,
            severity: Severity::High,
            at_ms: incident.at_ms,
            alarm: title(incident.cause, self.language).to_owned(),
            origin: String::new(),
            value: incident.evidence.clone(),
            text: text(incident, self.language),
            by: String::new(),
        };
        self.outbox.post(&notice).map(drop).map_err(|refusal| refusal.to_string())
    }
}

fn title(cause: Cause, language: Language) -> &'static str {
    match (cause, language) {
        (Cause::Cpu, Language::English) => "the node has used up its processor quota",
        (Cause::Cpu, Language::Chinese) => "节点处理器配额已耗尽",
        (Cause::Stall, Language::English) => "the node is stuck",
        (Cause::Stall, Language::Chinese) => "节点停滞",
    }
}

fn text(incident: &Incident, language: Language) -> String {
    let dump = match (&incident.dump, language) {
        (Ok(path), Language::English) => format!("dump {}", path.display()),
        (Ok(path), Language::Chinese) => format!("转储 {}", path.display()),
        (Err(why), Language::English) => format!("no dump: {why}"),
        (Err(why), Language::Chinese) => format!("没有转储：{why}"),
    };
    let hottest = incident.hottest.iter().take(3);
    let hottest: Vec<_> =
        hottest.map(|(function, part)| format!("{:.0} % {function}", part * 100.0)).collect();
    match hottest.is_empty() {
        true => dump,
        false => format!("{dump}; {}", hottest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(dump: Result<&str, &str>) -> Incident {
        Incident {
            cause: Cause::Cpu,
            at_ms: 5,
            evidence: "1.94 of 2.00 processors (97 %), by processors".to_owned(),
            hottest: vec![("tidegate::story".to_owned(), 0.634), ("memcpy".to_owned(), 0.1)],
            dump: dump.map(Into::into).map_err(Into::into),
        }
    }

    #[test]
    fn people_are_told_where_the_dump_is_and_what_took_most_in_their_language() {
        let (kept, lost) = (incident(Ok("/d/probe/x-cpu")), incident(Err("could not write a dump: full")));
        assert_eq!(text(&kept, Language::English), "dump /d/probe/x-cpu; 63 % tidegate::story, 10 % memcpy");
        assert!(text(&lost, Language::English).starts_with("no dump: could not write a dump: full; 63 %"));
        assert!(text(&kept, Language::Chinese).starts_with("转储 /d/probe/x-cpu; 63 %"));
    }
}
