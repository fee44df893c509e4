//! Names that were read before: that of a tag stands in each of its records, and is one text in memory. Pure.

use std::sync::Arc;

/// As many names are known at most; one that has another's place takes it.
const NAMES_MAX: usize = 1024;

/// The names of whoever reads many records.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Each at the place that its bytes say.
    known: Vec<Option<Arc<str>>>,
}

impl Names {
    /// The bytes as a name; nothing where they are no UTF-8.
    pub(crate) fn name(&mut self, bytes: &[u8]) -> Option<Arc<str>> {
        self.known.resize(NAMES_MAX, None);
        let known = &mut self.known[hash(bytes) as usize % NAMES_MAX];
        match known.as_ref().filter(|name| name.as_bytes() == bytes) {
            Some(name) => Some(name.clone()),
            None => known.insert(std::str::from_utf8(bytes).ok()?.into()).clone().into(),
        }
    }
}

/// FNV-1a, folded: who makes names that share a place gains nothing but a name that is made each time.
fn hash(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_text_and_those_that_share_a_place_are_told_apart() {
        let mut names = Names::default();
        let first = names.name(b"temp").unwrap();
        assert!(Arc::ptr_eq(&first, &names.name(b"temp").unwrap()));
        for nth in 0..3 * NAMES_MAX {
            let name = format!("tag {nth}");
            assert_eq!(&*names.name(name.as_bytes()).unwrap(), name);
        }
        assert_eq!((&*first, names.name(b"\xff"), names.known.len()), ("temp", None, NAMES_MAX));
    }
}
