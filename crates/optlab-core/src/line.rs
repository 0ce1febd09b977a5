//! Text in one line of bounded length: names and values that come from files and arguments may hold anything.

/// The most characters of a message.
pub const MOST: usize = 500;

/// Returns `text` as one line of at most `most` characters. Control characters and those that reverse or hide
/// text are escaped; of a longer text, the beginning and the end are kept.
///
/// ```
/// use optlab_core::line::one_line;
///
/// assert_eq!(one_line("two\nlines", 20), "two\\nlines");
/// assert_eq!(one_line(&"x".repeat(1000), 6), "xxx…xx");
/// ```
pub fn one_line(text: &str, most: usize) -> String {
    let (line, is_whole) = taken(text.chars(), most);
    if is_whole {
        return line.concat();
    }
    let kept = most.saturating_sub(1);
    let (end, _) = taken(text.chars().rev(), kept * 2 / 5);
    let (beginning, _) = taken(text.chars(), kept - kept * 2 / 5);
    beginning.into_iter().chain(["…".into()]).chain(end.into_iter().rev()).collect()
}

/// Returns the characters as they are shown, as far as `most` characters go, and whether these are all.
fn taken(characters: impl Iterator<Item = char>, most: usize) -> (Vec<String>, bool) {
    let (mut pieces, mut length) = (Vec::new(), 0);
    for character in characters {
        let piece = shown(character);
        length += piece.chars().count();
        if length > most {
            return (pieces, false);
        }
        pieces.push(piece);
    }
    (pieces, true)
}

/// Returns the character, or its escape if a terminal or a browser would obey it.
fn shown(character: char) -> String {
    let is_obeyed = character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if is_obeyed { character.escape_default().collect() } else { character.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_others_are_not() {
        assert_eq!(one_line("a\u{1b}[2Jb\r\n\t", MOST), "a\\u{1b}[2Jb\\r\\n\\t");
        assert_eq!(one_line("left\u{202e}right\u{2028}", MOST), "left\\u{202e}right\\u{2028}");
        assert_eq!(one_line("θ ≤ 1, “ö”", MOST), "θ ≤ 1, “ö”");
    }

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end_within_the_limit() {
        let text = format!("begin{}end", "é".repeat(2_000_000));
        for most in [1, 2, 10, 500] {
            let line = one_line(&text, most);
            assert_eq!(line.chars().count(), most, "{line}");
        }
        let line = one_line(&text, 20);
        assert!(line.starts_with("begin") && line.ends_with("end") && line.contains('…'), "{line}");
        assert!(one_line(&"\u{7}".repeat(2_000_000), 500).chars().count() <= 500);
        assert_eq!(one_line(&"x".repeat(500), 500), "x".repeat(500));
    }
}
