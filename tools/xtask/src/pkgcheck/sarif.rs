//! Findings as SARIF 2.1.0 (OASIS), which code review tools show at their lines.

use serde_json::{Value, json};

use super::{Finding, RULES};

pub fn sarif(findings: &[Finding]) -> Value {
    let rules = RULES.iter().map(|rule| json!({"id": rule.name, "shortDescription": {"text": rule.what}}));
    let results = findings.iter().map(|finding| {
        let place = json!({
            "artifactLocation": {"uri": finding.path},
            "region": {"startLine": finding.line},
        });
        json!({
            "ruleId": finding.rule,
            "level": "error",
            "message": {"text": format!("{} ({})", finding.message, finding.hint)},
            "locations": [{"physicalLocation": place}],
        })
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "pkgcheck", "rules": rules.collect::<Vec<_>>()}},
            "results": results.collect::<Vec<_>>(),
        }],
    })
}
