//! How much rules may ask for, all of it known before the first of them runs.

/// Bounds of a rule set. What is over one is refused with both numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rules, each device of a template counted.
    pub rules_max: usize,
    pub outputs_per_rule_max: usize,
    /// Units of one evaluation of one rule.
    pub cost_per_evaluation_max: u32,
    /// Units that one update of one tag may cost over all rules that read it.
    pub cost_per_update_max: u32,
    /// The longest window, watch and hold time, in milliseconds.
    pub span_ms_max: u64,
    pub windows_per_rule_max: usize,
    pub tags_per_window_max: usize,
    pub watches_per_rule_max: usize,
    /// Memory of all windows of all rules.
    pub window_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            rules_max: 4096,
            outputs_per_rule_max: 4,
            cost_per_evaluation_max: 500,
            cost_per_update_max: 20_000,
            span_ms_max: 24 * 60 * 60 * 1000,
            windows_per_rule_max: 8,
            tags_per_window_max: 4096,
            watches_per_rule_max: 8,
            window_bytes_max: 64 << 20,
        }
    }
}
