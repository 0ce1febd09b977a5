//! Files and arguments that no user means.

use crate::kinds::{Kind, Shown};
use crate::program::{Program, ended};
use optlab_core::random::{Purpose, stream};
use rand::{Rng, RngExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The longest time for a command that refuses its input.
const LONGEST: Duration = Duration::from_secs(20);

/// The most memory of such a command, in kB.
const MOST_MEMORY: u64 = 2_000_000;

/// The most characters of an error's line, with `error: ` before it.
const LONGEST_LINE: usize = 520;

/// Numbers that are given where a number is expected.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1e308",
    "NaN",
    "inf",
    "18446744073709551615",
    "9223372036854775808",
    "340282366920938463463374607431768211456",
    "1e-400",
    "",
    " 1",
    "0x10",
];

/// Gives a command a hostile file or argument: it ends soon, without a panic, with at most one line of an
/// error.
#[derive(Debug)]
pub struct Hostile {
    program: Program,
}

impl Hostile {
    /// Returns this kind for `program`.
    pub fn new(program: &Program) -> Self {
        Hostile { program: program.clone() }
    }

    /// Runs the program with `arguments` in `folder`, with a bound on memory.
    fn refuses(&self, folder: &Path, arguments: &[&str]) -> Shown {
        let command = self.program.command(arguments);
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -v \"$0\"; exec \"$@\""]).arg((MOST_MEMORY * 4).to_string());
        limited.arg(command.get_program()).args(command.get_args()).current_dir(folder);
        limited.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let began = Instant::now();
        let mut child = limited.spawn().map_err(|error| error.to_string())?;
        while child.try_wait().map_err(|error| error.to_string())?.is_none() {
            if began.elapsed() > LONGEST {
                child.kill().map_err(|error| error.to_string())?;
                return Err(format!("still running after {LONGEST:?}: {}", shown(arguments)));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stderr);
        let is_code = matches!(output.status.code(), Some(0..=2));
        let is_long = text.lines().any(|line| line.chars().count() > LONGEST_LINE);
        let is_controlled = text.chars().all(|character| !character.is_control() || character == '\n');
        match is_code && !text.contains("panicked") && !is_long && is_controlled {
            true => Ok(()),
            false => Err(format!("{}: {}", shown(arguments), ended(&output))),
        }
    }
}

fn shown(arguments: &[&str]) -> String {
    arguments.join(" ").chars().take(300).collect()
}

impl Kind for Hostile {
    fn name(&self) -> &'static str {
        "hostile"
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let mut random = stream(number, Purpose::Order, 6);
        let number = NUMBERS[random.random_range(0..NUMBERS.len())];
        match random.random_range(0..6) {
            0 => {
                let flag = [
                    "--lr",
                    "--seed",
                    "--epochs",
                    "--steps",
                    "--batch-size",
                    "--validation",
                    "--l2",
                    "--clip-norm",
                ];
                let flag = flag[random.random_range(0..flag.len())];
                self.refuses(folder, &["train", "diabetes-linear", "--early-stopping", "1", flag, number])
            }
            1 => {
                let flag = ["--jobs", "--tune", "--seeds", "--split", "--stall-limit", "--epochs"];
                let flag = flag[random.random_range(0..flag.len())];
                let arguments =
                    ["compare", "diabetes-linear", "--optimizers", "sgd,adamw", "--print-plan", flag, number];
                self.refuses(folder, &arguments)
            }
            2 => self.refuses(folder, &["schedule", &nested(&mut random)]),
            3 => {
                let spec = nested(&mut random);
                self.refuses(folder, &["train", "diabetes-linear", "--optimizer", &spec, "--steps", "1"])
            }
            4 => {
                let bytes = bytes(&mut random);
                let name = ["a.toml", "a.csv", "a.json", "a.npz", "a.parquet"][random.random_range(0..5)];
                std::fs::write(folder.join(name), bytes).map_err(|error| error.to_string())?;
                let arguments: &[&str] = match random.random_range(0..4) {
                    0 => &["compare", name, "--print-plan"],
                    1 => &["describe", name],
                    2 => &["train", name, "--target", "b", "--steps", "1"],
                    _ => &["score", name],
                };
                self.refuses(folder, arguments)
            }
            _ => {
                let name = ["a.toml", "a.csv", "a.png", "a.npz"][random.random_range(0..4)];
                let made = match random.random_range(0..3) {
                    0 => Command::new("mkfifo").arg(folder.join(name)).status().map(drop),
                    1 => std::os::unix::fs::symlink("/dev/zero", folder.join(name)),
                    _ => std::fs::create_dir(folder.join(name)),
                };
                made.map_err(|error| error.to_string())?;
                let command = ["compare", "describe", "score"][random.random_range(0..3)];
                self.refuses(folder, &[command, name])
            }
        }
    }
}

/// Returns a specification that is nested deeply, or long, or damaged.
fn nested(random: &mut impl Rng) -> String {
    let depth = 10_usize.pow(random.random_range(0..5));
    let unit = [
        "ema:base=",
        "warmup:base=",
        "(",
        "sequence:schedules=[",
        "a:b=c,",
        "\u{202e}\u{7}=",
        ":",
        "adamw:lr=",
    ];
    let unit = unit[random.random_range(0..unit.len())];
    format!("{}sgd", unit.repeat(depth.min(100_000 / unit.len())))
}

/// Returns a file that is damaged in one of many ways.
fn bytes(random: &mut impl Rng) -> Vec<u8> {
    let plan = b"workloads = [\"diabetes-linear\"]\noptimizers = [\"sgd\", \"adamw\"]\nseeds = 3\n".to_vec();
    let table = b"a,b,c\n1,2,x\n3,4,y\n5,6,z\n7,8,x\n9,10,y\n11,12,z\n".to_vec();
    let mut bytes = if random.random() { plan } else { table };
    match random.random_range(0..5) {
        0 => {
            for _ in 0..random.random_range(1..8) {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
            bytes
        }
        1 => (0..random.random_range(0..4096)).map(|_| random.random()).collect(),
        2 => vec![b"a,\"0\n[{"[random.random_range(0..7)]; 20_000_000],
        3 => "[[a]]\n".repeat(random.random_range(1..100_000)).into_bytes(),
        _ => [b"PK\x03\x04".as_slice(), &bytes, b"PAR1"].concat(),
    }
}
