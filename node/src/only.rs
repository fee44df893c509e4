//! Which capabilities a process runs: all of them, or those that `node.only` and `--only` name, so that each can have a process of its
//! own. Management is in each.

use tidegate_kernel_plug::Route;
use tidegate_kernel_plug::config::{Fault, Faults, Field, Kind, Values};
use tidegate_service_ledger as ledger;

/// What can be named. The listener for gRPC, the brokers elsewhere and the devices that are asked are ways into `ingest`, and go with it;
/// that for HTTP goes with `ingest` and with `ledger`.
pub(crate) const NAMES: &[&str] = &["broker", "ingest", "history", "notice", "ledger"];

pub(crate) const FIELD: Field = Field::new(
    "only",
    Kind::List { of: &Kind::Choice(NAMES), items_max: NAMES.len() },
    "[]",
    "The capabilities that this process runs; with none named, all. History and notices are fed by ingest, and need it beside them; ledger needs a book.",
);

/// Whether each runs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Only {
    pub(crate) broker: bool,
    pub(crate) ingest: bool,
    pub(crate) history: bool,
    pub(crate) notice: bool,
    pub(crate) ledger: bool,
}

impl Only {
    pub(crate) fn from_values(values: &Values, faults: &mut Faults) -> Only {
        let named: Vec<String> = values.get("only");
        let runs = |name: &str| named.is_empty() || named.iter().any(|one| one == name);
        let [broker, ingest, history, notice, ledger] =
            ["broker", "ingest", "history", "notice", "ledger"].map(runs);
        for name in named.iter().filter(|name| !ingest && matches!(name.as_str(), "history" | "notice")) {
            let message =
                format!("{name} is fed by ingest, which node.only (--only) leaves to another process");
            let hint = format!(
                "run --only ingest,{name} here, and bring it the readings as docs/guides/isolation.md says"
            );
            let place = values.origin("only").place();
            faults.push(Fault { place, code: "TG-SV-003", message, hint });
        }
        Only { broker, ingest, history, notice, ledger }
    }

    /// The books alone, or beside others, are named for their books.
    pub(crate) fn judge_books(self, values: &Values, ledger: &ledger::Config, faults: &mut Faults) {
        let is_named = !values.get::<Vec<String>>("only").is_empty() && self.ledger;
        if is_named && ledger.books.is_empty() {
            let message = "node.only (--only) names ledger, and there is no book";
            let hint = "name a book in the file, as in [ledger.books.main], or leave ledger out";
            let place = values.origin("only").place();
            faults.push(Fault {
                place,
                code: "TG-SV-006",
                message: message.to_owned(),
                hint: hint.to_owned(),
            });
        }
    }

    /// The capability that answers this route, where it does not run here.
    pub(crate) fn lacks(&self, route: &Route) -> Option<&'static str> {
        let begins = |beginnings: &[&str]| beginnings.iter().any(|one| route.path.starts_with(one));
        let of_ingest = ["/api/v1/ingest", "/api/v1/alarms", "/api/v1/story", "/api/v1/devices"];
        let lacks_ingest = (!self.ingest && begins(&of_ingest)).then_some("ingest");
        let lacks_notice = (!self.notice && begins(&["/api/v1/notice"])).then_some("notice");
        let lacks_history = (!self.history && begins(&["/api/v1/history"])).then_some("history");
        let lacks_ledger = (!self.ledger && begins(&["/api/v1/ledger"])).then_some("ledger");
        lacks_ingest.or(lacks_notice).or(lacks_history).or(lacks_ledger)
    }
}
