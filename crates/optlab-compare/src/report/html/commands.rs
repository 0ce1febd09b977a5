//! Compresses the commands of many trials: each is stored as the words that differ from the previous command.

use serde::Serialize;

/// A command: its text or, if it has as many words as the previous one, `[place, word, place, word, …]` of
/// the words that differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Entry {
    /// The whole command.
    Text(String),
    /// The words that differ from the previous command.
    Words(Vec<Part>),
}

/// A place or a word.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Part {
    /// The index of the word, from 0.
    Place(usize),
    /// The word.
    Word(String),
}

/// Returns the entry of each command.
pub fn entries(commands: &[String]) -> Vec<Entry> {
    let mut before: Vec<&str> = Vec::new();
    let mut entries = Vec::new();
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        if words.len() == before.len() {
            let differing = (0..words.len()).filter(|&place| words[place] != before[place]);
            let parts = differing.flat_map(|place| [Part::Place(place), Part::Word(words[place].into())]);
            entries.push(Entry::Words(parts.collect()));
        } else {
            entries.push(Entry::Text(command.clone()));
        }
        before = words;
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_stored_as_its_difference_from_the_previous_one() {
        let commands = ["a --seed 1", "a --seed 2", "a --seed 2", "b x", "b y --seed 2"].map(String::from);
        let json = serde_json::to_string(&entries(&commands)).unwrap();
        assert_eq!(json, r#"["a --seed 1",[2,"2"],[],"b x","b y --seed 2"]"#);
    }
}
