//! When something is an incident, and which of them is told. Pure: one call a second, with what was seen in that second.

use std::collections::VecDeque;

/// Seconds that are looked at together, and how many of them make an incident.
pub(crate) const WINDOW_S: usize = 5;
pub(crate) const BAD_S: usize = 3;
/// Good seconds in a row that end one.
const CALM_S: u32 = 30;

/// What becomes of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing new.
    Same,
    /// One began: it is dumped and told.
    Begun,
    /// One began too soon after the last that was told: it is counted alone.
    HeldBack,
    /// It is over.
    Ended,
}

/// The incidents of one cause.
#[derive(Debug)]
pub(crate) struct Incidents {
    /// Between two that are told.
    gap_s: u64,
    is_open: bool,
    calm_s: u32,
    /// Since the last one that was told began.
    told_s: Option<u64>,
}

impl Incidents {
    pub(crate) fn new(gap_s: u64) -> Incidents {
        Incidents { gap_s, is_open: false, calm_s: 0, told_s: None }
    }

    pub(crate) fn second(&mut self, is_bad: bool) -> Step {
        self.told_s = self.told_s.map(|told_s| told_s + 1);
        match (is_bad, self.is_open) {
            (true, true) => {
                self.calm_s = 0;
                Step::Same
            }
            (true, false) => self.begin(),
            (false, true) => self.calm(),
            (false, false) => Step::Same,
        }
    }

    fn begin(&mut self) -> Step {
        (self.is_open, self.calm_s) = (true, 0);
        if self.told_s.is_some_and(|told_s| told_s < self.gap_s) {
            return Step::HeldBack;
        }
        self.told_s = Some(0);
        Step::Begun
    }

    fn calm(&mut self) -> Step {
        self.calm_s += 1;
        if self.calm_s < CALM_S {
            return Step::Same;
        }
        self.is_open = false;
        Step::Ended
    }
}

/// The last seconds of a measure that makes an incident by being too high in most of them.
#[derive(Debug, Default)]
pub(crate) struct Window(VecDeque<bool>);

impl Window {
    /// Whether enough of the last seconds were too high, this one included.
    pub(crate) fn second(&mut self, is_high: bool) -> bool {
        self.0.push_back(is_high);
        if self.0.len() > WINDOW_S {
            self.0.pop_front();
        }
        self.0.iter().filter(|is_high| **is_high).count() >= BAD_S
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(incidents: &mut Incidents, bad: &[bool]) -> Vec<Step> {
        bad.iter().map(|is_bad| incidents.second(*is_bad)).filter(|step| *step != Step::Same).collect()
    }

    #[test]
    fn three_high_seconds_of_five_are_too_many_whichever_they_are() {
        let said = |seconds: [bool; 7]| {
            let mut window = Window::default();
            seconds.map(|is_high| window.second(is_high)).into_iter().position(|is_bad| is_bad)
        };
        let (high, low) = (true, false);
        assert_eq!(said([high, high, high, low, low, low, low]), Some(2));
        assert_eq!(said([high, low, high, low, high, low, low]), Some(4));
        assert_eq!(said([high, high, low, low, low, high, high]), None);
        assert_eq!(said([high, low, low, high, low, low, high]), None);
    }

    #[test]
    fn one_incident_is_told_once_however_long_it_lasts_and_however_it_flickers() {
        let mut incidents = Incidents::new(600);
        assert_eq!(steps(&mut incidents, &[true; 900]), [Step::Begun]);
        let flicker: Vec<bool> = (0..900).map(|second| second % 29 == 0).collect();
        assert_eq!(steps(&mut incidents, &flicker), []);
        assert_eq!(steps(&mut incidents, &[false; 60]), [Step::Ended]);
        assert_eq!(steps(&mut incidents, &[true]), [Step::Begun]);
    }

    #[test]
    fn an_incident_too_soon_after_the_last_told_one_is_held_back_and_does_not_put_the_next_off() {
        let mut incidents = Incidents::new(100);
        assert_eq!(steps(&mut incidents, &[true]), [Step::Begun]);
        assert_eq!(steps(&mut incidents, &[false; 40]), [Step::Ended]);
        assert_eq!(steps(&mut incidents, &[true]), [Step::HeldBack]);
        assert_eq!(steps(&mut incidents, &[false; 60]), [Step::Ended]);
        assert_eq!(steps(&mut incidents, &[true]), [Step::Begun]);
    }
}
