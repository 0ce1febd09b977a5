//! The commands of many trials in few bytes: each as the words in which it differs from the one before it.

use serde::Serialize;

/// A command: its text, or, where it has as many words as the one before, `[place, word, place, word, …]` of those that
/// differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Entry {
    /// All of it.
    Text(String),
    /// What is another word than before.
    Words(Vec<Part>),
}

/// A place or a word.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Part {
    /// Which word, from 0.
    Place(usize),
    /// The word.
    Word(String),
}

/// The entry of each command.
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
    fn a_command_is_what_differs_from_the_one_before() {
        let commands = ["a --seed 1", "a --seed 2", "a --seed 2", "b x", "b y --seed 2"].map(String::from);
        let json = serde_json::to_string(&entries(&commands)).unwrap();
        assert_eq!(json, r#"["a --seed 1",[2,"2"],[],"b x","b y --seed 2"]"#);
    }
}
