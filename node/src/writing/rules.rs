//! Rules whose commands are written to devices, judged with the configuration: what could never be carried out is refused where it
//! stands in the file, by the same reason as a command would be, and not when it is wanted. Pure.

use super::panel::no_tag;
use super::{Wish, WriteTopics, unfit, unknown_device};
use axum::http::StatusCode;
use tidegate_codec_mqtt::TopicName;
use tidegate_engine_rules::{Output, Rule};
use tidegate_kernel_plug::Refusal;
use tidegate_kernel_plug::config::{Fault, Faults, Values, nearest};
use tidegate_service_ingest::{CommandFault, Model, ModelConfig, Plan, RulesConfig};
use tidegate_service_plant::{Config, Device};

/// What rules may write to.
struct Floor<'c> {
    topics: WriteTopics,
    model: Model,
    devices: &'c [Device],
}

/// A tag that a command goes to.
struct Aim<'f> {
    plan: &'f Plan,
    tag: String,
}

/// What is wrong: at this key of the rule, for this reason, and a name that may have been meant.
struct Misfit {
    key: &'static str,
    refusal: Refusal,
    nearest: Option<String>,
}

/// Adds a fault for each command that could never be written. Beside rules or a model with faults nobody can say which those are.
pub(crate) fn judge(
    values: &Values,
    rules: &RulesConfig,
    model: &ModelConfig,
    plant: &Config,
    faults: &mut Faults,
) {
    let (Ok(set), Ok(model)) = (rules.check(), Model::compile(model)) else { return };
    let floor =
        Floor { topics: WriteTopics::below(plant.write_topic.clone()), model, devices: &plant.devices };
    for rule in set.rules() {
        let misfits = rule.outputs.iter().flat_map(|output| floor.misfits(output));
        misfits.for_each(|misfit| faults.push(misfit.at(values, rule)));
    }
}

impl Floor<'_> {
    fn misfits(&self, output: &Output) -> Vec<Misfit> {
        let Output::Command { topic, came, went } = output else { return Vec::new() };
        let Some(topic) = topic.parse().ok().filter(|topic| self.topics.hold(topic)) else {
            return Vec::new();
        };
        let aim = match self.aim(&topic) {
            Ok(aim) => aim,
            Err(misfit) => return vec![misfit],
        };
        let payloads = [("command_came", came), ("command_went", went)];
        let given = payloads.into_iter().filter_map(|(key, payload)| Some((key, payload.as_ref()?)));
        given.filter_map(|(key, payload)| aim.misfit(key, payload)).collect()
    }

    fn aim(&self, topic: &TopicName) -> Result<Aim<'_>, Misfit> {
        let misfit = |refusal, nearest| Misfit { key: "command", refusal, nearest };
        let (device, tag) = self.topics.target(topic).ok_or_else(|| misfit(no_tag(topic), None))?;
        let asked = self.devices.iter().find(|asked| *asked.name == *device);
        let plan = self.model.devices().find(|(name, _)| *name == Some(device)).map(|(_, plan)| plan);
        let (Some(asked), Some(plan)) = (asked, plan) else {
            let names = self.devices.iter().map(|device| &*device.name);
            return Err(misfit(unknown_device(device), nearest(device, names).map(str::to_owned)));
        };
        let mut names = asked.groups.iter().flat_map(|scan| &scan.tags).map(|tag| &*tag.name);
        match plan.tag_named(tag) {
            None => {
                let fault = CommandFault::NoTag(tag.to_owned());
                Err(misfit(unfit(&fault), nearest(tag, names).map(str::to_owned)))
            }
            Some(_) if !names.any(|name| name == tag) => Err(misfit(unasked(device, tag), None)),
            Some(found) if found.writable().is_none() => Err(misfit(unfit(&CommandFault::ReadOnly), None)),
            Some(_) => Ok(Aim { plan, tag: tag.to_owned() }),
        }
    }
}

impl Aim<'_> {
    /// Why this payload could not be written to it.
    fn misfit(&self, key: &'static str, payload: &str) -> Option<Misfit> {
        let wish = Wish::of_payload(payload.as_bytes());
        let judged =
            wish.and_then(|wish| self.plan.command(&self.tag, &wish.value).map_err(|fault| unfit(&fault)));
        judged.err().map(|refusal| Misfit { key, refusal, nearest: None })
    }
}

impl Misfit {
    fn at(self, values: &Values, rule: &Rule) -> Fault {
        let Misfit { key, refusal, nearest } = self;
        let name = rule.name.split('@').next().unwrap_or_default();
        let mut named = values.named("rules");
        let found = named.find(|(known, _)| *known == name || *known == rule.name);
        let message = format!("rule {}: {}", rule.name, refusal.message);
        let hint = nearest.map_or_else(|| refusal.hint.to_owned(), |name| format!("did you mean {name}?"));
        let fault = match found {
            Some((_, group)) => group.fault(key, message, hint),
            None => values.fault_here(message, hint),
        };
        Fault { code: refusal.code, ..fault }
    }
}

/// It is in the template, and nothing says where it stands in the device.
fn unasked(device: &str, tag: &str) -> Refusal {
    let message = format!("{device} is not asked for {tag:?}, so it cannot be written");
    Refusal::new(StatusCode::NOT_FOUND, "TG-PL-040", message, "give the tag an address")
}

#[cfg(test)]
mod tests {
    use crate::settings;
    use tidegate_kernel_plug::config::Source;

    const DRIVE: &str = "[ingest.templates.drive.tags.speed]\naddress = \"40051:INT16\"\nscale = 0.1\nwritable = true\nwrite_min = 0.0\n\
        write_max = 100.0\n[ingest.templates.drive.tags.run]\ntype = \"boolean\"\naddress = \"00005\"\nwritable = true\n\
        [ingest.templates.drive.tags.temp]\naddress = \"40021:FLOAT\"\n[ingest.templates.drive.tags.mode]\ntype = \"text\"\nwritable = true\n\
        [ingest.devices.drive-1]\ntopic = \"plant/drive-1\"\ntemplate = \"drive\"\ndriver = \"modbus\"\naddress = \"tcp://127.0.0.1:1/1\"\n\
        [ingest.devices.drive-2]\ntopic = \"plant/drive-2\"\ntemplate = \"drive\"\ndriver = \"modbus\"\naddress = \"tcp://127.0.0.1:1/2\"\n\
        [ingest.devices.drive-2.tags.speed]\nwrite_max = 10.0\n\
        [ingest.devices.panel]\ntopic = \"plant/panel\"\ntemplate = \"drive\"\n";

    /// What is said of a rule with these lines: line behind its head and column, code, hint.
    fn told(lines: &str) -> Vec<(String, &'static str, String)> {
        let rule = format!("{DRIVE}[ingest.rules.r]\n{lines}");
        let none = |_: &_| Err(String::new());
        let source = Source { file: Some(rule.as_bytes()), overrides: &[], secrets: &none };
        let head = DRIVE.lines().count() + 1;
        let place = |place: String| {
            let mut numbers = place.split(':').skip(1).map(|number| number.parse::<usize>().unwrap());
            format!("{}:{}", numbers.next().unwrap() - head, numbers.next().unwrap())
        };
        let faults = settings::read(&source).map(|_| ()).err();
        let faults = faults.iter().flat_map(|faults| faults.iter());
        faults.map(|fault| (place(fault.place_in("f")), fault.code, fault.hint.clone())).collect()
    }

    fn of(target: &str, came: &str) -> Vec<(String, &'static str, String)> {
        told(&format!(
            "when = \"`line/7/temp` > 1\"\ncommand = \"tidegate/write/{target}\"\ncommand_came = {came:?}\n"
        ))
    }

    #[test]
    fn what_can_be_written_and_what_is_a_message_is_sound() {
        for (target, came) in
            [("drive-1/speed", "99.5"), ("drive-1/run", "true"), ("drive-2/speed", "{\"value\": 10}")]
        {
            assert_eq!(of(target, came), [], "{target}");
        }
        assert_eq!(
            told("when = \"`line/7/temp` > 1\"\ncommand = \"line/7/stop\"\ncommand_came = \"any\"\n"),
            []
        );
    }

    #[test]
    fn what_could_never_be_written_is_told_where_it_stands_with_the_name_that_is_nearest() {
        for (target, came, place, code, hint) in [
            ("drive-3/speed", "1", "2:11", "TG-PL-040", "did you mean drive-"),
            ("kiln/speed", "1", "2:11", "TG-PL-040", "compare it with"),
            ("panel/speed", "1", "2:11", "TG-PL-040", "compare it with"),
            ("drive-1/sped", "1", "2:11", "TG-TA-030", "did you mean speed?"),
            ("drive-1/mode", "auto", "2:11", "TG-PL-040", "give the tag an address"),
            ("drive-1", "1", "2:11", "TG-PL-053", "publish to"),
            ("drive-1/temp", "1", "2:11", "TG-TA-031", "writable = true"),
            ("drive-1/run", "1", "3:16", "TG-TA-032", "send a number"),
            ("drive-1/speed", "fast", "3:16", "TG-TA-032", "send a number"),
            ("drive-1/speed", "100.5", "3:16", "TG-TA-033", "write_min"),
            ("drive-2/speed", "11", "3:16", "TG-TA-033", "write_min"),
            ("drive-1/speed", "[1]", "3:16", "TG-PL-052", "send {"),
        ] {
            let [(at, found, says)] = &of(target, came)[..] else {
                panic!("{target}: {:?}", of(target, came))
            };
            assert_eq!((at.as_str(), *found), (place, code), "{target} = {came}");
            assert!(says.starts_with(hint), "{target}: {says}");
        }
    }

    #[test]
    fn both_payloads_of_each_device_are_judged_and_all_is_told_at_once() {
        let lines = "when = \"`line/$device/temp` > 1\"\ndevices = [\"drive-1\", \"drive-2\"]\ncommand = \"tidegate/write/$device/speed\"\n\
            command_came = \"50\"\ncommand_went = \"-1\"\n";
        let told = told(lines);
        let places: Vec<_> = told.iter().map(|(place, code, _)| (place.as_str(), *code)).collect();
        assert_eq!(places, [("4:16", "TG-TA-033"), ("5:16", "TG-TA-033"), ("5:16", "TG-TA-033")]);
    }
}
