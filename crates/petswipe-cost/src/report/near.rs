//! Names that are like one that is not there.

/// As many are named.
const NAMED: usize = 5;

/// Those of `known` that are most like `wanted`, the most like it first, each once.
pub(super) fn near<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let lower = wanted.to_lowercase();
    let most = (wanted.chars().count() / 4).max(1);
    let mut found: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|name| {
            let known = name.to_lowercase();
            // A part of a name is as good as a typo: what is around it counts little.
            let is_part = lower.len() > 3 && (known.contains(&lower) || lower.contains(&known));
            let part = (is_part && known.len() > 3).then_some(most);
            let distance = distance(&lower, &known, most).or(part)?;
            Some((distance, name))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(NAMED).map(|(_, name)| name.to_owned()).collect()
}

/// How many characters have to be put in, taken out or replaced, if no more than `most`. Source: Wagner and Fischer, "The
/// string-to-string correction problem", JACM 21 (1974).
fn distance(one: &str, other: &str, most: usize) -> Option<usize> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > most {
        return None;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, c) in one.iter().enumerate() {
        let mut next = vec![index + 1];
        for (column, d) in other.iter().enumerate() {
            let replaced = row[column] + usize::from(c != d);
            next.push(replaced.min(row[column + 1] + 1).min(next[column] + 1));
        }
        row = next;
    }
    row.last().copied().filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_and_a_part_are_near_and_another_name_is_not() {
        let known = ["vol-0000000a", "vol-0000000b", "shop-database", "shop", "vol-0000000a"];
        let near = |wanted| near(wanted, known);
        assert_eq!(near("vol-0000000c"), ["vol-0000000a", "vol-0000000b"]);
        assert_eq!(near("shop-databse"), ["shop-database", "shop"]);
        assert_eq!(near("database"), ["shop-database"]);
        assert_eq!(near("VOL-0000000A"), ["vol-0000000a", "vol-0000000b"]);
        assert!(near("i-0123456789").is_empty());
        assert!(near("").is_empty());
    }

    #[test]
    fn a_distance_is_the_least_number_of_changes() {
        assert_eq!(distance("kitten", "sitting", 3), Some(3));
        assert_eq!(distance("kitten", "sitting", 2), None);
        assert_eq!(distance("", "ab", 2), Some(2));
    }
}
