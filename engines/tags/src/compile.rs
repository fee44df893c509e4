//! From what is written down to a model, with every fault in it at once. Pure.

use crate::error::{ModelFault, ModelFaultKind};
use crate::model::{Known, Model};
use crate::plan::{Node, Plan, PlannedTag, Root, TagId, To};
use crate::template::{
    Deadband, Device, Group, Limits, ModelConfig, Override, Shape, TAGS_MAX, Tag, Template, TimeField,
};
use crate::topic::{self, Topics};
use crate::value::Type;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Faults told one by one; a hopeless text does not fill the screen.
const FAULTS_MAX: usize = 100;

impl Model {
    /// A model of everything in `config`, or all that is wrong with it.
    pub fn compile(config: &ModelConfig) -> Result<Model, Vec<ModelFault>> {
        let mut faults = Faults::default();
        faults.count("templates", config.templates.len(), config.limits.templates_max);
        faults.count("devices", config.devices.len(), config.limits.devices_max);
        let patterns = config.devices.iter().filter(|device| device.topic.contains('+')).count();
        faults.count("devices with a + in their topic", patterns, config.limits.patterns_max);
        let plans = plans(config, &mut faults);
        let model = devices(config, &plans, &mut faults);
        if faults.0.is_empty() { Ok(model) } else { Err(faults.0) }
    }
}

#[derive(Debug, Default)]
struct Faults(Vec<ModelFault>);

impl Faults {
    fn add(&mut self, place: impl Into<String>, kind: ModelFaultKind) {
        if self.0.len() < FAULTS_MAX {
            self.0.push(ModelFault { place: place.into(), kind });
        }
    }

    fn count(&mut self, what: &'static str, found: usize, max: usize) {
        if found > max {
            self.add("the model", ModelFaultKind::TooMany { what, found, max });
        }
    }

    fn name(&mut self, place: &str, name: &str) {
        if !topic::is_name(name) {
            self.add(place, ModelFaultKind::Name(name.to_owned()));
        }
    }

    fn setting(&mut self, place: &str, fails: bool, setting: &'static str, why: &'static str) {
        if fails {
            self.add(place, ModelFaultKind::Setting { setting, why });
        }
    }
}

type Plans = BTreeMap<String, Arc<Plan>>;

fn plans(config: &ModelConfig, faults: &mut Faults) -> Plans {
    let mut plans = Plans::new();
    for template in &config.templates {
        let place = format!("template {}", template.name);
        faults.name(&place, &template.name);
        let plan = Draft::new(template, config.limits, faults).finish(template);
        if plans.insert(template.name.clone(), Arc::new(plan)).is_some() {
            faults.add(place, ModelFaultKind::NameTaken(template.name.clone()));
        }
    }
    plans
}

/// A plan that is being made.
struct Draft<'f> {
    plan: Plan,
    place: String,
    faults: &'f mut Faults,
}

impl<'f> Draft<'f> {
    fn new(template: &Template, limits: Limits, faults: &'f mut Faults) -> Draft<'f> {
        let plan = Plan {
            template: template.name.as_str().into(),
            tags: Vec::new(),
            root: Root::Object,
            nodes: vec![Node::default()],
            time: template.time.clone(),
            limits,
        };
        Draft { plan, place: format!("template {}", template.name), faults }
    }

    fn finish(mut self, template: &Template) -> Plan {
        for group in &template.groups {
            self.faults.name(&self.place, &group.name);
            group.tags.iter().for_each(|tag| self.tag(group, tag));
        }
        self.extra_fields(&template.time, template.quality.as_deref());
        if self.plan.tags.is_empty() {
            let kind = ModelFaultKind::Missing { what: "tag in", name: template.name.clone() };
            self.faults.add(self.place.clone(), kind);
        }
        let max = self.plan.limits.tags_max.min(TAGS_MAX);
        self.faults.count("tags in one template", self.plan.tags.len(), max);
        self.plan
    }

    fn extra_fields(&mut self, time: &TimeField, quality: Option<&str>) {
        if !time.path.is_empty() {
            self.lead(&self.place.clone(), &time.path, To::Time);
        }
        if let Some(path) = quality {
            self.lead(&self.place.clone(), path, To::Quality);
        }
    }

    fn tag(&mut self, group: &Group, tag: &Tag) {
        let place = format!("{}: tag {}", self.place, tag.name);
        self.faults.name(&place, &tag.name);
        check_shape(&place, tag.of, &tag.shape, self.faults);
        let id = self.push(&place, group, tag, &tag.name, tag.of);
        if tag.of == Type::Reals {
            self.windows(&place, group, tag, id);
        }
        match tag.path.as_str() {
            "" => self.whole(&place, id),
            path => self.lead(&place, path, To::Tag(id)),
        }
    }

    /// The tags that are made of the samples of this one.
    fn windows(&mut self, place: &str, group: &Group, tag: &Tag, id: TagId) {
        for what in &tag.shape.derived {
            let name = format!("{}.{}", tag.name, what.name());
            let derived = self.push(place, group, tag, &name, Type::Real);
            self.plan.tags[id as usize].derived.push((*what, derived));
        }
    }

    fn push(&mut self, place: &str, group: &Group, tag: &Tag, name: &str, of: Type) -> TagId {
        if self.plan.tags.iter().any(|known| *known.name == *name) {
            self.faults.add(place, ModelFaultKind::NameTaken(name.to_owned()));
        }
        self.plan.tags.push(PlannedTag {
            name: name.into(),
            unit: tag.unit.as_str().into(),
            group: group.name.as_str().into(),
            of,
            class: tag.class.or(group.class),
            shape: tag.shape.clone(),
            derived: Vec::new(),
        });
        (self.plan.tags.len() - 1) as TagId
    }

    fn whole(&mut self, place: &str, id: TagId) {
        if id > 0 {
            self.path_fault(place, "", "the payload can be the value of one tag alone");
        }
        self.plan.root = Root::Whole(id);
    }

    /// Adds the way to `to` to the tree of keys.
    fn lead(&mut self, place: &str, path: &str, to: To) {
        let depth_max = self.plan.limits.path_depth_max;
        let outcome = match keys(path) {
            _ if self.plan.root != Root::Object => Err("the payload is the value of another tag"),
            Some(keys) if keys.len() > depth_max => Err("it is deeper than a path may be"),
            Some(keys) => self.lead_by(&keys, to),
            None => Err("a key in it is empty, or a ~ is followed by neither 0 nor 1"),
        };
        if let Err(why) = outcome {
            self.path_fault(place, path, why);
        }
    }

    fn lead_by(&mut self, keys: &[String], to: To) -> Result<(), &'static str> {
        let (last, way) = keys.split_last().expect("a path has a key");
        let mut node = 0;
        for key in way {
            node = match self.plan.nodes[node].find(key, 0) {
                Some((_, To::Node(next))) => next,
                Some(_) => return Err("it leads through the value of another tag"),
                None => self.new_node(node, key),
            };
        }
        if self.plan.nodes[node].find(last, 0).is_some() {
            return Err("another value is there, or inside of it");
        }
        self.plan.nodes[node].children.push((last.as_str().into(), to));
        Ok(())
    }

    fn new_node(&mut self, above: usize, key: &str) -> usize {
        let next = self.plan.nodes.len();
        self.plan.nodes.push(Node::default());
        self.plan.nodes[above].children.push((key.into(), To::Node(next)));
        next
    }

    fn path_fault(&mut self, place: &str, path: &str, why: &'static str) {
        self.faults.add(place, ModelFaultKind::Path { path: path.to_owned(), why });
    }
}

/// The keys of a path; nothing if one of them is none.
fn keys(path: &str) -> Option<Vec<String>> {
    match path.strip_prefix('/') {
        Some(pointer) => pointer.split('/').map(unescape).collect(),
        None => path.split('.').map(|key| (!key.is_empty()).then(|| key.to_owned())).collect(),
    }
}

fn unescape(key: &str) -> Option<String> {
    let mut parts = key.split('~');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        out.push(match part.bytes().next()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        });
        out.push_str(&part[1..]);
    }
    Some(out)
}

fn check_shape(place: &str, of: Type, shape: &Shape, faults: &mut Faults) {
    let numbers = [Some(shape.scale), Some(shape.offset), shape.min, shape.max, band(shape.deadband)];
    let infinite = numbers.iter().flatten().any(|number| !number.is_finite());
    faults.setting(place, infinite, "a number", "is not finite");
    faults.setting(place, shape.scale == 0.0, "scale", "is 0, so every value would be the same");
    let scaled = shape.scale != 1.0 || shape.offset != 0.0;
    faults.setting(place, scaled && !matches!(of, Type::Real | Type::Reals), "scale", "is for reals");
    let negative = band(shape.deadband).is_some_and(|band| band < 0.0);
    faults.setting(place, negative, "deadband", "is below 0");
    let banded = shape.deadband != Deadband::None;
    faults.setting(place, banded && matches!(of, Type::Boolean | Type::Text), "deadband", "is for numbers");
    let limited = shape.min.is_some() || shape.max.is_some();
    faults.setting(
        place,
        limited && matches!(of, Type::Boolean | Type::Text),
        "min or max",
        "is for numbers",
    );
    let crossed = shape.min.zip(shape.max).is_some_and(|(min, max)| min > max);
    faults.setting(place, crossed, "min", "is above max");
    let nothing = of == Type::Reals && shape.derived.is_empty() && !shape.keeps_samples;
    faults.setting(place, nothing, "derived", "is empty and the samples are not kept, so nothing is left");
    check_writing(place, of, shape, faults);
}

fn check_writing(place: &str, of: Type, shape: &Shape, faults: &mut Faults) {
    faults.setting(place, shape.writable && of == Type::Reals, "writable", "is not for windows of samples");
    let limits = [shape.write_min, shape.write_max];
    let limited = limits.iter().any(Option::is_some);
    let infinite = limits.iter().flatten().any(|limit| !limit.is_finite());
    faults.setting(place, infinite, "write_min or write_max", "is not finite");
    let is_no_number = matches!(of, Type::Boolean | Type::Text);
    faults.setting(place, limited && is_no_number, "write_min or write_max", "is for numbers");
    let (min, max) = (shape.write_min.or(shape.min), shape.write_max.or(shape.max));
    let crossed = limited && min.zip(max).is_some_and(|(min, max)| min > max);
    faults.setting(place, crossed, "write_min", "leaves nothing below write_max");
}

fn band(deadband: Deadband) -> Option<f64> {
    match deadband {
        Deadband::None => None,
        Deadband::Absolute(band) | Deadband::Percent(band) => Some(band),
    }
}

fn devices(config: &ModelConfig, plans: &Plans, faults: &mut Faults) -> Model {
    let mut model = Model { known: Vec::new(), topics: Topics::default() };
    for device in &config.devices {
        let place = format!("device {}", if device.name.is_empty() { &device.topic } else { &device.name });
        if let Err(why) = topic::check(&device.topic) {
            faults.add(place, ModelFaultKind::Topic { topic: device.topic.clone(), why });
            continue;
        }
        if !device.topic.contains('+') {
            faults.name(&place, &device.name);
        }
        let Some(plan) = plans.get(&device.template) else {
            let kind = ModelFaultKind::Missing { what: "template", name: device.template.clone() };
            faults.add(place, kind);
            continue;
        };
        let plan = own_plan(&place, plan, device, faults);
        let index = model.known.len() as u32;
        let (name, is_pattern) = (device.name.as_str().into(), device.topic.contains('+'));
        model.known.push(Known { name, is_pattern, plan });
        if !model.topics.add(&device.topic, index) {
            let why = "another device has it";
            faults.add(place, ModelFaultKind::Topic { topic: device.topic.clone(), why });
        }
    }
    model
}

/// The template's plan, or one that differs from it where the device does.
fn own_plan(place: &str, plan: &Arc<Plan>, device: &Device, faults: &mut Faults) -> Arc<Plan> {
    if device.overrides.is_empty() {
        return plan.clone();
    }
    let mut own = Plan::clone(plan);
    for (name, change) in &device.overrides {
        if !override_tag(place, &mut own, name, change, faults) {
            faults.add(place, ModelFaultKind::Missing { what: "tag", name: name.clone() });
        }
    }
    Arc::new(own)
}

/// Changes the tag and what is made of its samples; false if there is none of the name.
fn override_tag(place: &str, plan: &mut Plan, name: &str, change: &Override, faults: &mut Faults) -> bool {
    let Some(at) = plan.tags.iter().position(|tag| *tag.name == *name) else { return false };
    change.apply(&mut plan.tags[at].shape);
    check_shape(&format!("{place}: tag {name}"), plan.tags[at].of, &plan.tags[at].shape, faults);
    for (_, derived) in plan.tags[at].derived.clone() {
        change.apply(&mut plan.tags[derived as usize].shape);
    }
    true
}
