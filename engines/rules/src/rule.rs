//! A rule as it is written down: a name, a text, what it puts out. Pure.

use crate::fault::FaultKind;
use crate::syntax::{Body, Expr, Node, Shape};

/// The longest name of a rule, a tag or a device.
pub const NAME_CHARS_MAX: usize = 200;
/// The longest text of an alarm and the longest payload of a command.
pub const MESSAGE_CHARS_MAX: usize = 1000;

/// One rule, or one for each of some devices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleSpec {
    /// Tells it apart. A rule made for a device is called `name@device`.
    pub name: String,
    pub text: String,
    /// What `$device` stands for, one rule for each; empty for a rule that stands for itself.
    pub devices: Vec<String>,
    pub outputs: Vec<Output>,
}

/// What a rule does with its verdict. `$device` is replaced in every text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A tag: the number, or whether the condition holds. A number at most once in `every_ms`, a condition whenever it changes.
    Derive { tag: String, every_ms: u64 },
    /// Raised when the condition comes, cleared when it goes.
    Alarm { severity: Severity, text: String },
    /// A message to a topic when the condition comes, and one when it goes; nothing for no message.
    Command { topic: String, came: Option<String>, went: Option<String> },
}

/// How much an alarm matters: the four priorities of ANSI/ISA-18.2-2016.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    pub fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl Output {
    fn for_device(&self, device: &str) -> Output {
        let of = |text: &String| text.replace("$device", device);
        match self {
            Output::Derive { tag, every_ms } => Output::Derive { tag: of(tag), every_ms: *every_ms },
            Output::Alarm { severity, text } => Output::Alarm { severity: *severity, text: of(text) },
            Output::Command { topic, came, went } => {
                Output::Command { topic: of(topic), came: came.as_ref().map(of), went: went.as_ref().map(of) }
            }
        }
    }

    pub(crate) fn check(&self) -> Option<FaultKind> {
        match self {
            Output::Derive { tag, .. } => check_name("a derived tag", tag, NAME_CHARS_MAX),
            Output::Alarm { text, .. } => check_name("an alarm's text", text, MESSAGE_CHARS_MAX),
            Output::Command { topic, came, went } => {
                let long = |text: &&String| text.chars().count() > MESSAGE_CHARS_MAX;
                let wild = topic.contains(['+', '#', '\0']);
                let payload = [came, went].into_iter().flatten().find(long);
                let fault = || FaultKind::Name { what: "a command's payload", max: MESSAGE_CHARS_MAX };
                let topic_fault =
                    FaultKind::Name { what: "a command's topic, without wildcards,", max: NAME_CHARS_MAX };
                let topic = if wild {
                    Some(topic_fault)
                } else {
                    check_name("a command's topic", topic, NAME_CHARS_MAX)
                };
                topic.or(payload.map(|_| fault()))
            }
        }
    }
}

pub(crate) fn check_name(what: &'static str, name: &str, max: usize) -> Option<FaultKind> {
    let is_well = !name.is_empty() && name.chars().count() <= max && !name.contains(char::is_control);
    (!is_well).then_some(FaultKind::Name { what, max })
}

/// A rule whose text was read, for one device or for itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    pub(crate) name: String,
    /// What places of faults are counted in.
    pub(crate) text: String,
    pub(crate) body: Body,
    pub(crate) outputs: Vec<Output>,
}

impl Draft {
    pub(crate) fn all_of(spec: &RuleSpec, body: &Body) -> Vec<Draft> {
        let draft = |name, body, outputs| Draft { name, text: spec.text.clone(), body, outputs };
        if spec.devices.is_empty() {
            return vec![draft(spec.name.clone(), body.clone(), spec.outputs.clone())];
        }
        let of_device = |device: &String| {
            let outputs = spec.outputs.iter().map(|output| output.for_device(device)).collect();
            draft(format!("{}@{device}", spec.name), body.for_device(device), outputs)
        };
        spec.devices.iter().map(of_device).collect()
    }

    /// The tags it derives.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().filter_map(|output| match output {
            Output::Derive { tag, .. } => Some(tag.as_str()),
            _ => None,
        })
    }

    /// What the rule is, whatever it is called: rules with the same print keep their state when a set is replaced. FNV-1a.
    pub(crate) fn print(&self) -> u64 {
        let whole = format!("1 {} {:?}", self.body, self.outputs);
        whole
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

impl Body {
    fn for_device(&self, device: &str) -> Body {
        let mut body = self.clone();
        body.each_tag(&mut |name| *name = name.replace("$device", device));
        body
    }

    /// The tags it names.
    pub(crate) fn tags(&self) -> Vec<String> {
        let mut tags = Vec::new();
        self.clone().each_tag(&mut |name| tags.push(name.clone()));
        tags
    }

    fn each_tag(&mut self, visit: &mut impl FnMut(&mut String)) {
        match &mut self.shape {
            Shape::Plain(expr) => expr.each_tag(visit),
            Shape::Band { value, raise, clear } => {
                [value, &mut raise.1, &mut clear.1].into_iter().for_each(|expr| expr.each_tag(visit));
            }
            Shape::Pair { raise, clear } => {
                [raise, clear].into_iter().for_each(|expr| expr.each_tag(visit));
            }
        }
    }
}

impl Expr {
    fn each_tag(&mut self, visit: &mut impl FnMut(&mut String)) {
        match &mut self.node {
            Node::Tag(name) => visit(name),
            Node::Negative(of) | Node::Not(of) => of.each_tag(visit),
            Node::Binary(_, left, right) => {
                left.each_tag(visit);
                right.each_tag(visit);
            }
            Node::Call(_, arguments) => arguments.iter_mut().for_each(|argument| argument.each_tag(visit)),
            Node::Number(_) | Node::Boolean(_) | Node::Text(_) | Node::Span(_) => {}
        }
    }
}
