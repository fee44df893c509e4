//! A finding: what was seen, joined to what the catalogue says of it, as words and as JSON.

use crate::doctor::catalog::{CATALOG, Entry, Severity};
use serde_json::json;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Chinese,
}

impl Language {
    /// As POSIX has it: the first of these that is set decides.
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Language {
        let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
        let value = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(set).unwrap_or_default();
        if value.starts_with("zh") { Language::Chinese } else { Language::English }
    }

    fn pick(self, [english, chinese]: [&str; 2]) -> &str {
        match self {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) code: &'static str,
    /// Names and numbers, which need no translation.
    pub(super) evidence: String,
}

impl Finding {
    pub(super) fn entry(&self) -> &'static Entry {
        CATALOG.iter().find(|entry| entry.code == self.code).expect("every finding is in the catalogue")
    }

    pub(super) fn words(&self, language: Language) -> String {
        let Entry { code, severity, title, hint } = self.entry();
        let (severity, title, hint) =
            (language.pick(severity.words()), language.pick(*title), language.pick(*hint));
        let label = language.pick(["hint", "建议"]);
        format!("{severity}[{code}]: {title}\n  {}\n  {label}: {hint}\n", self.evidence)
    }

    pub(super) fn json(&self) -> String {
        let Entry { code, severity, title: [title, title_zh], hint: [hint, hint_zh] } = self.entry();
        let severity = severity.words()[0];
        json!({
            "code": code, "severity": severity, "title": title, "title_zh": title_zh,
            "evidence": self.evidence, "hint": hint, "hint_zh": hint_zh,
        })
        .to_string()
    }
}

pub(super) fn summary(found: &[Finding], language: Language) -> String {
    let of = |severity| found.iter().filter(|finding| finding.entry().severity == severity).count();
    let [errors, warnings, notes] = [Severity::Error, Severity::Warning, Severity::Note].map(of);
    match language {
        Language::English => format!(
            "{errors} errors, {warnings} warnings, {notes} notes; more on each: tidegate explain CODE\n"
        ),
        Language::Chinese => {
            format!("错误 {errors}，警告 {warnings}，提示 {notes}；逐条说明：tidegate explain 代码\n")
        }
    }
}
