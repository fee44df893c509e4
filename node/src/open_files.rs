//! How many files this process may open: every connection is one, and the system's usual 1024 is fewer than a plant has devices.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as the system allows it to everybody, and says how far that is; nothing where there is no limit.
/// Children inherit it.
pub(crate) fn raise() -> Option<u64> {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, maximum: limits.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limits.maximum,
        Err(_) => limits.current,
    }
}

/// How many are open now, and how many may be; nothing where the system does not say or has no limit.
pub(crate) fn use_now() -> (Option<u64>, Option<u64>) {
    let open = std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64);
    (open, getrlimit(Resource::Nofile).current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_raising_the_limit_is_what_the_system_allows() {
        let raised = raise();
        let limits = getrlimit(Resource::Nofile);
        assert_eq!((limits.current, raised), (limits.maximum, limits.maximum));
    }
}
