//! Standard output and standard error of every command; no other file of this program writes to them.
//!
//! Output that cannot be written never ends work: no function here returns an error, and a training, a
//! comparison or a tuning runs to its end.
//!
//! | standard output                                  | message on standard error | exit code after [`print`](print()) | after [`show`] |
//! |:-------------------------------------------------|:--------------------------|--------------------------:|---------------:|
//! | closed: a pipe without a reader, as of `head`    | none                      |                         0 |              0 |
//! | full: any other error, as ENOSPC, EFBIG or EIO   | one line                  |                         1 |              0 |
//!
//! [`print`](print()) writes results that are nowhere else; [`show`] and [`tell`] write what is in files,
//! too, or how the work proceeds. After the first error standard output gets nothing more: a text with a gap
//! would look whole.
//!
//! Text for standard error that cannot be written is lost, since there is no other place to report that.

use clap::builder::StyledStr;
use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};
use optlab_core::line::{self, one_line};
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Standard output of this process.
static OUTPUT: Mutex<Output> = Mutex::new(Output { state: State::Open, lost_result: false });

/// How often per second a progress bar is drawn.
const DRAWS_PER_SECOND: u8 = 20;

#[derive(Debug)]
struct Output {
    state: State,
    /// Whether a result could not be written that is nowhere else.
    lost_result: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Nobody reads it.
    Closed,
    /// It cannot be written.
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    /// Is nowhere else.
    Result,
    /// Is in files, too, or says how the work proceeds.
    Progress,
}

impl Output {
    /// Writes to `stream`, which is standard output, unless that failed before. Returns the line for standard
    /// error if it fails now.
    fn write(&mut self, text: &[u8], kind: Text, stream: &mut impl Write) -> Option<String> {
        let failed = match self.state {
            State::Open => stream.write_all(text).and_then(|()| stream.flush()).err(),
            _ => None,
        };
        match failed.as_ref().map(io::Error::kind) {
            None => {}
            Some(ErrorKind::BrokenPipe) => self.state = State::Closed,
            Some(_) => self.state = State::Full,
        }
        let is_full = self.state == State::Full;
        self.lost_result |= is_full && kind == Text::Result;
        let severity = if kind == Text::Result { "error" } else { "warning" };
        failed.filter(|_| is_full).map(|error| format!("{severity}: cannot write standard output: {error}\n"))
    }
}

/// Writes a result that is nowhere else. If standard output is full, the exit code becomes 1.
pub fn print(text: impl AsRef<[u8]>) {
    write(text.as_ref(), Text::Result);
}

/// Writes a result that files hold, too.
pub fn show(text: impl AsRef<[u8]>) {
    write(text.as_ref(), Text::Progress);
}

/// Writes a line about the work.
pub fn tell(line: impl Display) {
    show(format!("{line}\n"));
}

/// Writes a line for the process that reads standard output. Ends this process if that one reads no more.
pub fn send(line: impl Display) {
    print(format!("{line}\n"));
    if output().state != State::Open {
        // Each file of a run becomes visible by a rename, so this is safe at any moment.
        std::process::exit(1);
    }
}

/// Writes where a result is.
pub fn tell_where(path: &Path) {
    tell(format_args!("written to {}", shown(path)));
}

/// Returns a path as it is shown: a name may hold what a terminal obeys.
pub fn shown(path: &Path) -> String {
    one_line(&path.display().to_string(), line::MOST)
}

/// Writes the line of an error to standard error.
pub fn error(line: impl Display) {
    let before = "error: ";
    let line = one_line(&line.to_string(), line::MOST - before.len());
    write_error(&format!("{before}{line}\n"));
}

/// Writes a warning to standard error.
pub fn warn(line: impl Display) {
    write_error(&format!("warning: {line}\n"));
}

/// Writes text to standard error.
pub fn note(text: impl Display) {
    write_error(&text.to_string());
}

/// Writes the help or the version that `clap` made, in colours on a terminal that has them.
pub fn print_help(help: &StyledStr) {
    match console::colors_enabled() {
        true => print(help.ansi().to_string()),
        false => print(help.to_string()),
    }
}

/// Writes the help for a command that is incomplete to standard error.
pub fn note_help(help: &StyledStr) {
    match console::colors_enabled_stderr() {
        true => note(help.ansi()),
        false => note(help),
    }
}

/// Returns the exit code of a command that succeeds: 1 if a result is lost.
pub fn exit_code() -> ExitCode {
    if output().lost_result { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Returns the columns of the terminal that standard output is; `None` for a file or a pipe, whose lines may
/// have any length.
pub fn width() -> Option<usize> {
    Term::stdout().size_checked().map(|(_rows, columns)| columns.into())
}

/// Returns whether standard error is a terminal.
pub fn has_bars() -> bool {
    Term::stderr().is_term()
}

/// Returns the place where progress bars are drawn: standard error if it is a terminal, else none.
pub fn bars() -> ProgressDrawTarget {
    match has_bars() {
        true => {
            let terminal = Terminal::new(Term::buffered_stderr());
            ProgressDrawTarget::term_like_with_hz(Box::new(terminal), DRAWS_PER_SECOND)
        }
        false => ProgressDrawTarget::hidden(),
    }
}

fn write(text: &[u8], kind: Text) {
    let line = output().write(text, kind, &mut io::stdout().lock());
    if let Some(line) = line {
        write_error(&line);
    }
}

fn write_error(text: &str) {
    // There is no other place to report this error.
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

/// Locks even after a panic: the fields are changed by single assignments, so they stay consistent.
fn output() -> MutexGuard<'static, Output> {
    OUTPUT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal that progress bars are drawn on, up to the first error: it may have been closed. No method
/// returns the error, since `indicatif` panics at one in [`suspend`](indicatif::MultiProgress::suspend).
#[derive(Debug)]
struct Terminal<T> {
    terminal: T,
    is_gone: AtomicBool,
}

impl<T: TermLike> Terminal<T> {
    fn new(terminal: T) -> Self {
        Terminal { terminal, is_gone: AtomicBool::new(false) }
    }

    fn draw(&self, draw: impl FnOnce(&T) -> io::Result<()>) -> io::Result<()> {
        if !self.is_gone.load(Ordering::Relaxed) && draw(&self.terminal).is_err() {
            self.is_gone.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl<T: TermLike> TermLike for Terminal<T> {
    fn width(&self) -> u16 {
        self.terminal.width()
    }

    fn height(&self) -> u16 {
        self.terminal.height()
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.draw(|terminal| terminal.move_cursor_up(lines))
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.draw(|terminal| terminal.move_cursor_down(lines))
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.draw(|terminal| terminal.move_cursor_right(columns))
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.draw(|terminal| terminal.move_cursor_left(columns))
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.draw(|terminal| terminal.write_line(line))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(|terminal| terminal.write_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw(T::clear_line)
    }

    fn flush(&self) -> io::Result<()> {
        self.draw(T::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{MultiProgress, ProgressBar};

    /// A stream that takes `room` bytes and then fails.
    struct Stream {
        taken: Vec<u8>,
        room: usize,
        error: ErrorKind,
    }

    impl Write for Stream {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            self.room -= count;
            self.taken.extend(&bytes[..count]);
            if count == 0 { Err(self.error.into()) } else { Ok(count) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Writes three texts of four bytes to a stream that fails in the second.
    fn three_texts(kind: Text, error: ErrorKind) -> (Output, Vec<u8>, Vec<Option<String>>) {
        let mut output = Output { state: State::Open, lost_result: false };
        let mut stream = Stream { taken: Vec::new(), room: 6, error };
        let lines = ["one\n", "two\n", "six\n"].map(|text| {
            let line = output.write(text.as_bytes(), kind, &mut stream);
            // Room that comes back is not used.
            stream.room += if line.is_some() { 100 } else { 0 };
            line
        });
        (output, stream.taken, lines.into())
    }

    #[test]
    fn a_full_output_is_reported_once_and_gets_nothing_more() {
        for (kind, severity) in [(Text::Result, "error"), (Text::Progress, "warning")] {
            let (output, taken, lines) = three_texts(kind, ErrorKind::StorageFull);
            assert_eq!(taken, b"one\ntw");
            let expected = format!("{severity}: cannot write standard output: no storage space\n");
            assert_eq!(lines, [None, Some(expected), None]);
            assert_eq!(output.lost_result, kind == Text::Result);
        }
    }

    #[test]
    fn a_closed_output_is_not_reported_and_loses_no_result() {
        for kind in [Text::Result, Text::Progress] {
            let (output, _, lines) = three_texts(kind, ErrorKind::BrokenPipe);
            assert_eq!((lines, output.state), (vec![None; 3], State::Closed));
            assert!(!output.lost_result);
        }
    }

    #[test]
    fn a_result_after_a_lost_line_of_progress_is_lost_too() {
        let mut output = Output { state: State::Full, lost_result: false };
        assert_eq!(output.write(b"12\n", Text::Result, &mut io::sink()), None);
        assert!(output.lost_result);
    }

    /// A terminal that was closed.
    #[derive(Debug)]
    struct Gone;

    impl TermLike for Gone {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn write_line(&self, _: &str) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn write_str(&self, _: &str) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn clear_line(&self) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&self) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn bars_on_a_terminal_that_was_closed_draw_nothing_and_do_not_panic() {
        let gone = Box::new(Terminal::new(Gone));
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(gone));
        let bar = all.add(ProgressBar::new(8));
        bar.tick();
        assert_eq!(all.suspend(|| 3), 3);
        bar.finish_and_clear();
        all.clear().unwrap();
    }
}
