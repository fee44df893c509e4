//! Lines and columns of a text, from byte offsets. Pure.

use crate::config::values::Origin;

/// A place in the file: both from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

/// Where the lines of a text begin.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    /// How many of them are the file's; those behind are of the one beside it.
    first: u32,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Lines<'a> {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Lines { text, starts: std::iter::once(0).chain(breaks).collect(), first: u32::MAX }
    }

    /// The same of a text that ends in another file's, which begins at `second`.
    pub(super) fn of_both(text: &'a str, second: usize) -> Lines<'a> {
        let mut lines = Lines::of(text);
        lines.first = lines.position(second).line - 1;
        lines
    }

    pub(super) fn origin(&self, offset: usize) -> Origin {
        let at = self.position(offset);
        match at.line.checked_sub(self.first) {
            None | Some(0) => Origin::File(at),
            Some(line) => Origin::Beside(Position { line, ..at }),
        }
    }

    /// An offset inside a character counts as that character's.
    pub(super) fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        let before = self.text[start..].char_indices().take_while(|(at, _)| start + at < offset).count();
        let is_inside = !self.text.is_char_boundary(offset);
        let column = if is_inside { before } else { before + 1 };
        Position { line: line as u32, column: column as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_counts_characters_from_one() {
        let lines = Lines::of("a = 1\n潮 = 2\n");
        assert_eq!(lines.position(0), Position { line: 1, column: 1 });
        assert_eq!(lines.position(6), Position { line: 2, column: 1 });
        assert_eq!(lines.position(7), Position { line: 2, column: 1 });
        assert_eq!(lines.position(10), Position { line: 2, column: 3 });
        assert_eq!(lines.position(99), Position { line: 3, column: 1 });
    }

    #[test]
    fn lines_of_a_second_text_are_counted_anew() {
        let lines = Lines::of_both("a = 1\nb = 2\n", 6);
        assert_eq!(lines.origin(4), Origin::File(Position { line: 1, column: 5 }));
        assert_eq!(lines.origin(10), Origin::Beside(Position { line: 1, column: 5 }));
    }
}
