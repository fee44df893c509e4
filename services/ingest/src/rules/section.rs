//! What the configuration file says of rules: `[ingest.rules.NAME]` for each, `[ingest.rule_limits]` and `[ingest.rule_trial]` for all.
//! Pure.

use crate::rules::catalog;
use crate::rules::config::{RulesConfig, misnamed};
use std::time::Duration;
use tidegate_engine_rules::{
    Catalog, Fault as RuleFault, Limits, Output, RuleSpec, Severity, ShadowTerm, compile,
};
use tidegate_engine_tags::{Model, ModelConfig};
use tidegate_kernel_plug::config::{Fault, Faults, Field, Group, Kind, Many, Reload, Section, Values};

/// Rules the file can name; one with devices counts once here and for each device in the engine's limit.
const RULES_MAX: usize = 1024;
const DAY_MS: u64 = 86_400_000;

const NAME: Kind = Kind::Text { bytes_max: 200 };
const MESSAGE: Kind = Kind::Text { bytes_max: 1000 };

/// Added to the section of the pipeline.
pub const RULES: Section = Section::new("ingest", "", &[]).with(&[TAGS, LIMITS, TRIAL, EACH]);

const NAMES: Kind = Kind::List { of: &NAME, items_max: 4096 };

const TAGS: Group = Group::one(
    "rule_tags",
    "Tags rules may name, as device.tag, of devices that no model describes. Those of the model and topics need no mention.",
    &[
        Field::new("number", NAMES, "[]", "Those that are numbers.").live(),
        Field::new("boolean", NAMES, "[]", "Those that are true or false.").live(),
        Field::new("text", NAMES, "[]", "Those that are texts.").live(),
    ],
);

const LIMITS: Group = Group::one(
    "rule_limits",
    "What rules may take, and how long what they put out stays of use.",
    &[
        Field::new(
            "cost_per_evaluation_max",
            Kind::Integer { min: 1, max: 100_000 },
            "500",
            "Units of one evaluation of one rule.",
        ),
        Field::new(
            "cost_per_update_max",
            Kind::Integer { min: 1, max: 10_000_000 },
            "20000",
            "Units that one update of one tag may cost over all rules that read it.",
        ),
        Field::new(
            "span_max",
            Kind::Duration { min_ms: 1000, max_ms: 31 * DAY_MS },
            "24 h",
            "The longest window, watch or hold time.",
        ),
        Field::new(
            "window_bytes_max",
            Kind::Bytes { min: 1 << 16, max: 1 << 34 },
            "64 MiB",
            "Memory of all windows.",
        ),
        Field::new(
            "snapshot",
            Kind::Duration { min_ms: 100, max_ms: 3_600_000 },
            "10 s",
            "How often what rules remember is written down.",
        ),
        Field::new(
            "command_age_max",
            Kind::Duration { min_ms: 1, max_ms: DAY_MS },
            "10 s",
            "A command that is older is not sent, nor handed to a subscriber that was away, to the second begun.",
        ),
        Field::new(
            "shelf_max",
            Kind::Duration { min_ms: 1000, max_ms: 31 * DAY_MS },
            "24 h",
            "The longest an alarm can be shelved.",
        ),
    ],
);

const TRIAL: Group = Group::one(
    "rule_trial",
    "A changed set of rules runs beside the one in force first, and puts nothing out.",
    &[
        Field::new(
            "duration",
            Kind::Duration { min_ms: 0, max_ms: 31 * DAY_MS },
            "10 min",
            "For how long; with nothing, it takes over at once.",
        )
        .live(),
        Field::new(
            "evaluations_max",
            Kind::Integer { min: 1, max: i64::MAX },
            "1000000",
            "Or for so many evaluations, whichever is first.",
        )
        .live(),
        Field::new(
            "automatic",
            Kind::Flag,
            "true",
            "Whether it then takes over by itself, or waits to be told to.",
        )
        .live(),
    ],
);

const EACH: Group = Group::many(
    "rules",
    "A rule; the language is in docs/guides/rules.md.",
    Many { groups_max: RULES_MAX, reload: Reload::Live },
    &[
        Field::required("when", Kind::Text { bytes_max: 4096 }, "The condition, or the number to derive.")
            .live(),
        Field::new(
            "devices",
            Kind::List { of: &NAME, items_max: 4096 },
            "[]",
            "One rule for each of them, with $device in its place.",
        )
        .live(),
        Field::optional("derive", NAME, "The tag it derives: device.tag.").live(),
        Field::new(
            "derive_every",
            Kind::Duration { min_ms: 0, max_ms: DAY_MS },
            "0 s",
            "A derived number comes at most this often.",
        )
        .live(),
        Field::optional("alarm", MESSAGE, "The text of the alarm it raises.").live(),
        Field::new(
            "severity",
            Kind::Choice(&["low", "medium", "high", "critical"]),
            "medium",
            "How much that alarm matters.",
        )
        .live(),
        Field::optional("command", NAME, "The topic of the command it sends.").live(),
        Field::optional("command_came", MESSAGE, "What is sent when the condition comes.").live(),
        Field::optional("command_went", MESSAGE, "What is sent when it goes.").live(),
    ],
);

impl RulesConfig {
    /// From the section of the pipeline, beside the tags of the model. Faults of a rule stand at its `when`, with line and column within
    /// it. Beside a faulty model nobody can say which tags there are, so rules are not judged.
    pub fn from_values(values: &Values, model: &ModelConfig, faults: &mut Faults) -> RulesConfig {
        let (limits, trial) = (values.group("rule_limits"), values.group("rule_trial"));
        let model = Model::compile(model);
        let mut config = RulesConfig {
            rules: values.named("rules").map(|(name, rule)| spec(name, rule)).collect(),
            catalog: model.as_ref().map_or_else(|_| Catalog::of_topics(), catalog::of_model),
            limits: Limits {
                cost_per_evaluation_max: limits.get("cost_per_evaluation_max"),
                cost_per_update_max: limits.get("cost_per_update_max"),
                span_ms_max: limits.millis("span_max"),
                window_bytes_max: limits.get("window_bytes_max"),
                ..Limits::default()
            },
            trial: ShadowTerm {
                duration_ms: trial.millis("duration"),
                evaluations_max: trial.get("evaluations_max"),
                automatic: trial.get("automatic"),
            },
            snapshot_ms: limits.millis("snapshot"),
            command_age_ms_max: limits.millis("command_age_max"),
            shelf_ms_max: limits.millis("shelf_max"),
        };
        catalog::add_named(&mut config.catalog, values.group("rule_tags"), faults);
        if model.is_ok() {
            judge(&config, values, faults);
        }
        config
    }
}

fn spec(name: &str, values: &Values) -> RuleSpec {
    let derive =
        values.find("derive").map(|tag| Output::Derive { tag, every_ms: values.millis("derive_every") });
    let alarm = values.find("alarm").map(|text| Output::Alarm { severity: severity(values), text });
    let command = values.find("command").map(|topic| Output::Command {
        topic,
        came: values.find("command_came"),
        went: values.find("command_went"),
    });
    let outputs = [derive, alarm, command].into_iter().flatten().collect();
    RuleSpec { name: name.to_owned(), text: values.get("when"), devices: values.get("devices"), outputs }
}

fn severity(values: &Values) -> Severity {
    let word: String = values.get("severity");
    let known = Severity::ALL.into_iter().find(|severity| severity.name() == word);
    known.expect("the table has these words alone")
}

fn judge(config: &RulesConfig, values: &Values, faults: &mut Faults) {
    match compile(&config.rules, &config.catalog, &config.limits) {
        Ok(set) => {
            for (rule, name) in set.rules().iter().flat_map(|rule| {
                rule.outputs.iter().filter_map(move |output| Some((rule, misnamed(output)?)))
            }) {
                let message = format!("{name:?} is no device.tag, or no topic");
                faults.push(at(values, &rule.name, "TG-RU-011", message, "name it as in line-7.mean"));
            }
        }
        Err(found) => found.iter().for_each(|fault| faults.push(told(values, fault))),
    }
}

fn told(values: &Values, fault: &RuleFault) -> Fault {
    let message = format!("{}: {}", fault.place, fault.what);
    at(values, &fault.rule, fault.what.code(), message, &fault.what.hint())
}

/// At the rule's text, or at the whole where no rule of this name is in the file.
fn at(values: &Values, rule: &str, code: &'static str, message: String, hint: &str) -> Fault {
    let name = rule.split('@').next().unwrap_or(rule);
    let found = values.named("rules").find(|(known, _)| *known == name || *known == rule);
    let message = format!("rule {rule}, {message}");
    let fault = match found {
        Some((_, group)) => group.fault("when", message, hint),
        None => values.fault_here(message, hint),
    };
    Fault { code, ..fault }
}

/// The default of the term, beside the table's, for whoever makes a config by hand.
pub(crate) const TERM: ShadowTerm = ShadowTerm {
    duration_ms: Duration::from_secs(600).as_millis() as u64,
    evaluations_max: 1_000_000,
    automatic: true,
};

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_plug::config::{Source, Table};

    type Told = Vec<(String, &'static str)>;

    fn read(file: &str) -> Result<RulesConfig, Told> {
        let none = |_: &_| Err(String::new());
        let source = Source { file: Some(file.as_bytes()), overrides: &[], secrets: &none };
        let mut reading = Table::new(&[crate::SECTION, RULES]).read(&source);
        let config = reading.section("ingest", |values, faults| {
            let model = crate::model_config(values, faults);
            RulesConfig::from_values(values, &model, faults)
        });
        let told =
            |faults: Faults| faults.iter().map(|fault| (fault.place_in("f"), fault.code)).collect::<Told>();
        reading.finish().map_err(told)?;
        Ok(config.expect("a section without faults makes its settings"))
    }

    #[test]
    fn the_table_has_the_defaults() {
        let (config, preset) = (read("").unwrap(), RulesConfig::default());
        assert_eq!(
            (config.limits, config.trial, config.snapshot_ms),
            (preset.limits, preset.trial, preset.snapshot_ms)
        );
        assert_eq!(
            (config.command_age_ms_max, config.shelf_ms_max),
            (preset.command_age_ms_max, preset.shelf_ms_max)
        );
    }

    #[test]
    fn a_rule_is_read_with_all_it_puts_out() {
        let file = "[ingest.rules.hot]\nwhen = \"`$device/temp` > 80 for 5 s\"\ndevices = [\"p-7\"]\nderive = \"$device.hot\"\n\
            alarm = \"hot\"\nseverity = \"high\"\ncommand = \"$device/stop\"\ncommand_came = \"1\"\n";
        let config = read(file).unwrap();
        let set = config.check().unwrap();
        let rule = &set.rules()[0];
        assert_eq!((rule.name.as_str(), rule.outputs.len()), ("hot@p-7", 3));
        assert_eq!(rule.outputs[1], Output::Alarm { severity: Severity::High, text: "hot".to_owned() });
    }

    #[test]
    fn a_tag_without_a_model_can_be_named_once_it_is_mentioned() {
        let rule = "[ingest.rules.hot]\nwhen = \"press-7.temp > 80 and press-7.on\"\nalarm = \"hot\"\n";
        assert_eq!(read(rule).unwrap_err().len(), 2);
        let tags = "[ingest.rule_tags]\nnumber = [\"press-7.temp\"]\nboolean = [\"press-7.on\"]\n";
        assert_eq!(read(&format!("{tags}{rule}")).unwrap().rules.len(), 1);
    }

    const MODEL: &str = "[ingest.templates.press.tags]\ntemp = {}\non = { type = \"boolean\" }\nvib = { type = \"reals\" }\n\
        [ingest.devices.press-7]\ntopic = \"line/7\"\ntemplate = \"press\"\n\
        [ingest.devices.more]\ntopic = \"more/+\"\ntemplate = \"press\"\n";

    fn rule(when: &str) -> String {
        format!("{MODEL}[ingest.rules.hot]\nwhen = {when:?}\nalarm = \"hot\"\n")
    }

    #[test]
    fn the_tags_of_the_model_need_no_mention() {
        for when in [
            "press-7.temp > 80 and press-7.on",
            "press-7.vib.rms > 1 and other-9.vib.kurtosis > 4",
            "avg(`+.temp`, 1 min) > 80",
        ] {
            assert!(read(&rule(when)).is_ok(), "{when}");
        }
        let place = format!("f:{}:8", MODEL.lines().count() + 2);
        for (when, code) in [
            ("press-7.vib > 1", "TG-RU-002"),
            ("press-7.on > 1", "TG-RU-003"),
            ("avg(`+.vib`, 1 s) > 1", "TG-RU-002"),
        ] {
            assert_eq!(read(&rule(when)).unwrap_err(), [(place.clone(), code)], "{when}");
        }
    }

    #[test]
    fn a_tag_that_is_of_two_kinds_is_a_fault_where_it_is_named() {
        let tags =
            "[ingest.rule_tags]\nnumber = [\"press-7.temp\", \"other.on\", \"x.y\"]\ntext = [\"x.y\"]\n";
        let told = read(&format!("{tags}{MODEL}")).unwrap_err();
        assert_eq!(told, [("f:2:27".to_owned(), "TG-RU-017"), ("f:3:9".to_owned(), "TG-RU-017")]);
    }

    #[test]
    fn rules_beside_a_faulty_model_are_not_judged() {
        let told = read(&rule("press-7.temp > 80").replace("line/7", "line/#")).unwrap_err();
        assert!(told.iter().all(|(_, code)| !code.starts_with("TG-RU")), "{told:?}");
    }

    #[test]
    fn faults_of_rules_stand_where_the_rules_do() {
        let file = "[ingest.rules.one]\nwhen = \"`a/b` >\"\nalarm = \"x\"\n[ingest.rules.two]\nwhen = \"tmp > 1\"\nalarm = \"x\"\n";
        let expected = [("f:2:8".to_owned(), "TG-RU-001"), ("f:5:8".to_owned(), "TG-RU-002")];
        assert_eq!(read(file).unwrap_err(), expected);
        let file = "[ingest.rules.one]\nwhen = \"`a/b` * 2\"\nderive = \"double\"\n";
        assert_eq!(read(file).unwrap_err(), [("f:2:8".to_owned(), "TG-RU-011")]);
    }
}
