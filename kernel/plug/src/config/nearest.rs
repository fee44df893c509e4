//! The name that was probably meant: the nearest by edits (insert, remove, replace, swap of neighbours). Pure.

/// The nearest of `known`, if it is near enough to be what was meant.
pub fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the name may be wrong; of a short one two letters at most.
    let distance_max = (wanted.chars().count() / 3).clamp(1, 4);
    let measured = known.map(|name| (distance(wanted, name), name));
    measured.filter(|(far, _)| *far <= distance_max).min().map(|(_, name)| name)
}

fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().take(128).collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut best = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_is_found_and_another_word_is_not() {
        let known = ["listen", "connections_max", "connect_timeout"];
        let of = |wanted| nearest(wanted, known.into_iter());
        assert_eq!(of("lisetn"), Some("listen"));
        assert_eq!(of("conections_max"), Some("connections_max"));
        assert_eq!(of("connect_timeout_ms"), Some("connect_timeout"));
        assert_eq!((of("port"), of("")), (None, None));
    }
}
