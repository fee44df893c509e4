//! What program text is mapped where, out of `/proc/self/maps`. Reads a file of the kernel.

use std::fs;

/// Text of one file in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Of `start` in the file.
    pub(crate) offset: usize,
    /// As the kernel names it; in brackets where it is no file.
    pub(crate) file: String,
}

impl Mapping {
    /// All that can be executed, in the order of addresses; nothing where there is no `/proc`.
    pub(crate) fn all() -> Vec<Mapping> {
        fs::read_to_string("/proc/self/maps").unwrap_or_default().lines().filter_map(Mapping::parse).collect()
    }

    fn parse(line: &str) -> Option<Mapping> {
        let mut words = line.splitn(6, ' ');
        let (start, end) = words.next()?.split_once('-')?;
        let is_text = words.next()?.contains('x');
        let offset = words.next()?;
        let file = words.nth(2).unwrap_or_default().trim().to_owned();
        let number = |hex| usize::from_str_radix(hex, 16).ok();
        is_text.then_some(Mapping { start: number(start)?, end: number(end)?, offset: number(offset)?, file })
    }

    pub(crate) fn contains(&self, address: usize) -> bool {
        (self.start..self.end).contains(&address)
    }

    /// Where in the file an address of it is.
    pub(crate) fn file_offset(&self, address: usize) -> u64 {
        (address - self.start + self.offset) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_counts_and_a_name_may_have_spaces() {
        let line =
            "7f00-7f80 r-xp 00001000 fe:00 12345                      /opt/tide gate/tidegate (deleted)";
        let file = "/opt/tide gate/tidegate (deleted)".to_owned();
        assert_eq!(Mapping::parse(line), Some(Mapping { start: 0x7f00, end: 0x7f80, offset: 0x1000, file }));
        assert_eq!(Mapping::parse("7f00-7f80 rw-p 00001000 fe:00 1 /opt/tidegate"), None);
        assert_eq!(Mapping::parse("7f00-7f80 r-xp 00000000 00:00 0").unwrap().file, "");
        let here = only_text_counts_and_a_name_may_have_spaces as *const () as usize;
        assert!(Mapping::all().iter().any(|mapping| mapping.contains(here)));
    }
}
