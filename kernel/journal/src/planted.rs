//! Faults the crash suite plants to prove that it would notice them. Outside the tests each is a constant `false`.

pub(crate) use switches::*;

#[cfg(not(test))]
mod switches {
    pub(crate) const fn acknowledges_before_the_sync() -> bool {
        false
    }

    pub(crate) const fn skips_the_commit_check() -> bool {
        false
    }

    pub(crate) const fn reuses_a_sequence_number() -> bool {
        false
    }

    pub(crate) const fn swaps_before_the_sync() -> bool {
        false
    }
}

#[cfg(test)]
mod switches {
    use std::cell::Cell;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Planted {
        AckBeforeSync,
        SkippedCommitCheck,
        SequenceReuse,
        SwapBeforeSync,
    }

    thread_local! {
        pub(crate) static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
    }

    fn is_planted(fault: Planted) -> bool {
        PLANTED.get() == Some(fault)
    }

    pub(crate) fn acknowledges_before_the_sync() -> bool {
        is_planted(Planted::AckBeforeSync)
    }

    pub(crate) fn skips_the_commit_check() -> bool {
        is_planted(Planted::SkippedCommitCheck)
    }

    pub(crate) fn reuses_a_sequence_number() -> bool {
        is_planted(Planted::SequenceReuse)
    }

    pub(crate) fn swaps_before_the_sync() -> bool {
        is_planted(Planted::SwapBeforeSync)
    }
}
