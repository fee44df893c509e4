//! The two functions rules consist of: decide on facts, apply facts. Pure; the time is handed in.

use crate::fact::{Fact, Phase, RuleNumber};
use crate::form::{Form, Slot, Watch};
use crate::machine::View;
use crate::rule::Output;
use crate::set::{Rule, RuleSet};
use crate::state::{RuleState, State};
use crate::syntax::Kind;
use crate::value::{Known, Value};

/// A tag's news. Make it with [`RuleSet::sample`], which looks at the kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub(crate) slot: Slot,
    pub(crate) value: Known<Value>,
    /// It is kept nowhere and will not come again after a crash.
    pub(crate) is_volatile: bool,
}

impl Sample {
    /// The same, of something that nobody keeps: rules that read it say where they stand, see [`Fact::Stands`].
    #[must_use]
    pub fn volatile(self) -> Sample {
        Sample { is_volatile: true, ..self }
    }
}

impl Sample {
    /// Which tag it is of.
    pub fn slot(&self) -> Slot {
        self.slot
    }
}

/// One rule that is being decided on.
struct Case<'a> {
    number: RuleNumber,
    rule: &'a Rule,
    state: &'a RuleState,
    view: View<'a>,
    /// It reads, or has read, something that nobody keeps.
    is_volatile: bool,
}

impl RuleSet {
    /// A sample of the tag, its value checked against the tag's kind.
    pub fn sample(&self, slot: Slot, value: Known<Value>) -> Sample {
        let kind = self.tags()[slot as usize].1;
        Sample { slot, value: value.and_then(|value| value.checked(kind)), is_volatile: false }
    }

    /// What follows from a sample. `now` must not lie before the state's, nor behind its next deadline.
    pub fn decide(&self, state: &State, now: u64, sample: &Sample) -> Vec<Fact> {
        let mut facts = Vec::new();
        self.decide_into(state, now, sample, &mut facts);
        facts
    }

    /// The same, into a list that is used again.
    pub fn decide_into(&self, state: &State, now: u64, sample: &Sample, facts: &mut Vec<Fact>) {
        let Sample { slot, value, is_volatile } = sample;
        facts.push(Fact::Observed { slot: *slot, value: value.clone(), at: now, is_volatile: *is_volatile });
        for &rule in self.readers(*slot) {
            let case = self.case(state, rule, now, Some((*slot, value)));
            let is_first = *is_volatile && !case.is_volatile;
            if is_first {
                facts.push(case.stands(case.state.phase.is_high()));
            }
            Case { is_volatile: case.is_volatile || is_first, ..case }.decide(facts);
        }
    }

    /// What follows from the passing of time up to the next deadline, which is the time of these facts. Nothing if none is due.
    pub fn decide_deadline(&self, state: &State, facts: &mut Vec<Fact>) {
        if let Some(&(at, rule)) = state.armed.first() {
            let now = at.max(state.now);
            facts.push(Fact::Elapsed { at: now });
            self.case(state, rule, now, None).look_again(at, facts);
        }
    }

    /// Makes a fact so. Total: whatever was decided can be applied.
    pub fn apply(&self, state: &mut State, fact: &Fact) {
        match fact {
            Fact::Observed { slot, value, at, is_volatile } => {
                self.observe(state, *slot, value, *at);
                state.tags[*slot as usize].is_volatile = *is_volatile;
            }
            Fact::Stands { rule, .. } => state.rules[*rule as usize].is_volatile = true,
            Fact::Evaluated { rule, verdict } => state.rules[*rule as usize].evaluated(*verdict),
            Fact::Moved { rule, phase } => state.rules[*rule as usize].phase = *phase,
            Fact::Elapsed { at } => state.now = state.now.max(*at),
            Fact::Armed { rule, at } => state.arm(*rule, *at),
            Fact::Derived { rule, output, at, .. } => {
                let rule = &mut state.rules[*rule as usize];
                rule.counts.derived += 1;
                rule.derived_at[usize::from(*output)] = Some(*at);
            }
            Fact::AlarmRaised { rule, .. } => state.rules[*rule as usize].counts.raised += 1,
            Fact::AlarmCleared { rule, .. } => state.rules[*rule as usize].counts.cleared += 1,
            Fact::CommandDue { rule, .. } => state.rules[*rule as usize].counts.commands += 1,
        }
    }

    /// What the rule's condition, or number, is at the state's time, and the units it took to find out. Changes nothing.
    pub fn measure(&self, state: &State, rule: RuleNumber) -> (Known<f64>, u32) {
        let (case, mut spent) = (self.case(state, rule, state.now, None), 0);
        let verdict = case.view.run(&case.rule.form.raise, &mut spent);
        (verdict, spent)
    }

    fn observe(&self, state: &mut State, slot: Slot, value: &Known<Value>, at: u64) {
        state.now = state.now.max(at);
        let tag = &mut state.tags[slot as usize];
        tag.value = value.clone();
        let Ok(value) = value else { return };
        tag.good_at = state.now;
        let Some(number) = value.number() else { return };
        for &(rule, window) in self.window_readers(slot) {
            state.rules[rule as usize].windows[usize::from(window)].add(state.now, number);
        }
    }

    fn case<'a>(
        &'a self,
        state: &'a State,
        number: RuleNumber,
        now: u64,
        fresh: Option<(Slot, &'a Known<Value>)>,
    ) -> Case<'a> {
        let (rule, of) = (&self.rules()[number as usize], &state.rules[number as usize]);
        let view = View { form: &rule.form, tags: &state.tags, windows: &of.windows, now, fresh };
        Case { number, rule, state: of, view, is_volatile: of.is_volatile }
    }

    /// Arms a rule for whatever it waits for first.
    pub(crate) fn arm_watches(&self, state: &mut State, number: RuleNumber) {
        let case = self.case(state, number, state.now, None);
        let at = case.deadline(case.state.phase);
        state.arm(number, at);
    }
}

impl Case<'_> {
    /// An entry that comes too early costs one look; so only an earlier one replaces it, and a tag that is updated often arms nothing.
    fn decide(&self, facts: &mut Vec<Fact>) {
        let phase = self.evaluate(facts);
        if self.rule.timed {
            let (at, armed) = (self.deadline(phase), self.state.armed_at);
            if at.is_some_and(|at| armed.is_none_or(|armed| at < armed)) {
                facts.push(Fact::Armed { rule: self.number, at });
            }
        }
    }

    /// The rule was armed for `armed`: evaluates it if something ran out since, and arms it for what runs out next.
    fn look_again(&self, armed: u64, facts: &mut Vec<Fact>) {
        let is_ripe = |at| (armed..=self.view.now).contains(&at);
        let was = self.state.phase;
        let phase = if self.ends(was).any(is_ripe) { self.evaluate(facts) } else { was };
        facts.push(Fact::Armed { rule: self.number, at: self.deadline(phase) });
    }

    fn evaluate(&self, facts: &mut Vec<Fact>) -> Phase {
        match self.rule.form.kind {
            Kind::Number => self.number(facts),
            Kind::Boolean | Kind::Text => self.condition(&self.rule.form, facts),
        }
    }

    fn number(&self, facts: &mut Vec<Fact>) -> Phase {
        let verdict = self.view.run(&self.rule.form.raise, &mut 0);
        facts.push(Fact::Evaluated { rule: self.number, verdict });
        if let Ok(number) = verdict {
            self.derive(Value::Number(number), facts);
        }
        Phase::Low
    }

    fn condition(&self, form: &Form, facts: &mut Vec<Fact>) -> Phase {
        let was = self.state.phase;
        let (program, asks_for) = match &form.clear {
            Some(clear) if was.is_high() => (clear, true),
            _ => (&form.raise, !was.is_high()),
        };
        let verdict = self.view.run(program, &mut 0);
        // Whether the condition asks to move to the other side; unknown asks for nothing.
        let moves = verdict.is_ok_and(|truth| (truth != 0.0) == asks_for);
        let held =
            if form.clear.is_some() && was.is_high() { verdict.map(|gone| 1.0 - gone) } else { verdict };
        facts.push(Fact::Evaluated { rule: self.number, verdict: held });
        let phase = self.next_phase(was, moves);
        if phase != was {
            facts.push(Fact::Moved { rule: self.number, phase });
        }
        if phase.is_high() != was.is_high() {
            facts.extend(self.is_volatile.then(|| self.stands(phase.is_high())));
            facts.extend(self.rule.turn(self.number, phase.is_high(), self.view.now));
        } else if verdict.is_ok() {
            self.introduce(phase.is_high(), facts);
        }
        phase
    }

    fn stands(&self, high: bool) -> Fact {
        Fact::Stands { rule: self.number, high, at: self.view.now }
    }

    fn next_phase(&self, was: Phase, moves: bool) -> Phase {
        let (now, form) = (self.view.now, &self.rule.form);
        let over = |since: u64, hold_ms: u64| now.saturating_sub(since) >= hold_ms;
        match was {
            Phase::Low if moves && form.hold_ms == 0 => Phase::High,
            Phase::Low if moves => Phase::Rising { since: now },
            Phase::Rising { since } if moves && over(since, form.hold_ms) => Phase::High,
            Phase::Rising { .. } if !moves => Phase::Low,
            Phase::High if moves && form.clear_hold_ms == 0 => Phase::Low,
            Phase::High if moves => Phase::Falling { since: now },
            Phase::Falling { since } if moves && over(since, form.clear_hold_ms) => Phase::Low,
            Phase::Falling { .. } if !moves => Phase::High,
            same => same,
        }
    }

    /// A derived condition says where it is once, before it ever moved.
    fn introduce(&self, high: bool, facts: &mut Vec<Fact>) {
        let (rule, at) = (self.number, self.view.now);
        for (output, kind) in (0..).zip(&self.rule.outputs) {
            let is_new = self.state.derived_at[usize::from(output)].is_none();
            if is_new && matches!(kind, Output::Derive { .. }) {
                facts.push(Fact::Derived { rule, output, value: Value::Boolean(high), at });
            }
        }
    }

    fn derive(&self, value: Value, facts: &mut Vec<Fact>) {
        let (rule, at) = (self.number, self.view.now);
        for (output, kind) in (0..).zip(&self.rule.outputs) {
            let Output::Derive { every_ms, .. } = kind else { continue };
            let last = self.state.derived_at[usize::from(output)];
            if last.is_none_or(|last| at.saturating_sub(last) >= *every_ms) {
                facts.push(Fact::Derived { rule, output, value: value.clone(), at });
            }
        }
    }

    fn deadline(&self, phase: Phase) -> Option<u64> {
        self.ends(phase).filter(|at| *at > self.view.now).min()
    }

    /// When each watch and the hold time under way run out, or ran out.
    fn ends(&self, phase: Phase) -> impl Iterator<Item = u64> {
        let form = &self.rule.form;
        let hold = match phase {
            Phase::Rising { since } => Some(since.saturating_add(form.hold_ms)),
            Phase::Falling { since } => Some(since.saturating_add(form.clear_hold_ms)),
            Phase::Low | Phase::High => None,
        };
        let end = |watch: &Watch| self.view.good_at(watch.slot).saturating_add(watch.span_ms);
        form.watches.iter().map(end).chain(hold)
    }
}

impl Rule {
    /// The condition came or went: every output says so.
    pub fn turn(&self, rule: RuleNumber, came: bool, at: u64) -> impl Iterator<Item = Fact> {
        (0..).zip(&self.outputs).map(move |(output, kind)| match kind {
            Output::Derive { .. } => Fact::Derived { rule, output, value: Value::Boolean(came), at },
            Output::Alarm { .. } if came => Fact::AlarmRaised { rule, output, at },
            Output::Alarm { .. } => Fact::AlarmCleared { rule, output, at },
            Output::Command { .. } => Fact::CommandDue { rule, output, came, at },
        })
    }
}

impl RuleState {
    fn evaluated(&mut self, verdict: Known<f64>) {
        self.verdict = verdict;
        self.counts.evaluations += 1;
        if let Err(unknown) = verdict {
            self.counts.unknown[unknown as usize] += 1;
        }
    }
}
