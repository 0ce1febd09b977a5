//! A line of the list of trials, which ends with a checksum of what comes before it.

use crate::plan::entry::Entry;
use optlab_train::files::checksum;
use serde_json::error::Category;

/// The key of the checksum, the last field of a line.
const CHECK: &str = ",\"check\":\"";

/// Returns the line of a trial, with its end.
///
/// # Errors
/// [`serde_json::Error`] for an entry that JSON cannot hold.
pub(super) fn of(entry: &Entry) -> Result<String, serde_json::Error> {
    let mut line = serde_json::to_string(entry)?;
    // The checksum is a field of the entry's table, so that other programs read the line as JSON.
    line.pop();
    let check = checksum::fingerprint(line.as_bytes());
    line.push_str(&format!("{CHECK}{check}\"}}\n"));
    Ok(line)
}

/// Reads a line; `None` if it was changed after it was written. Lines of older versions have no checksum.
///
/// # Errors
/// A sentence that says why the line cannot be read as a trial.
pub(super) fn read(line: &[u8]) -> Result<Option<Entry>, String> {
    const REMOVE: &str = "; remove the line, and the command that began it lists the trial again";
    let entry: Entry = serde_json::from_slice(line).map_err(|reason| {
        let hint = if reason.classify() == Category::Data { "" } else { REMOVE };
        let reason = reason.to_string();
        // The place within the line helps nobody who has not written it.
        format!("{}{hint}", reason.split(" at line ").next().unwrap_or(&reason))
    })?;
    let text = String::from_utf8_lossy(line);
    match text.trim_end().trim_end_matches("\"}").rsplit_once(CHECK) {
        Some((content, check)) if checksum::fingerprint(content.as_bytes()) != check => Ok(None),
        _ => Ok(Some(entry)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::entry::Stage;
    use optlab_train::registry::AnyWorkload;
    use optlab_train::train::Trial;
    use optlab_train::workload;

    fn entry() -> Entry {
        let trial = Trial::new(&workload::built_in("digits-rnn").unwrap().info());
        let stage = Stage::Tuning { number: 3, replicate: None };
        Entry { stage, point: vec![0.25, 0.5], ..Entry::of_final("sgd", trial) }
    }

    #[test]
    fn a_line_is_read_as_it_was_written_and_stays_json() {
        let line = of(&entry()).unwrap();
        assert!(line.ends_with("\"}\n"), "{line}");
        assert_eq!(read(line.as_bytes()).unwrap(), Some(entry()));
        assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry());
        // A line of an older version.
        let older = serde_json::to_vec(&entry()).unwrap();
        assert_eq!(read(&older).unwrap(), Some(entry()));
    }

    #[test]
    fn a_changed_digit_is_noticed_wherever_it_stands() {
        let line = of(&entry()).unwrap();
        let mut changed = 0;
        for (place, digit) in line.char_indices().filter(|(_, letter)| letter.is_ascii_digit()) {
            let other = if digit == '7' { '8' } else { '7' };
            let mut damaged = line.clone();
            damaged.replace_range(place..=place, &other.to_string());
            assert!(!matches!(read(damaged.as_bytes()), Ok(Some(_))), "{damaged}");
            changed += 1;
        }
        assert!(changed > 20, "{line}");
        assert_eq!(read(line.replace("0.25", "0.35").as_bytes()).unwrap(), None);
    }
}
