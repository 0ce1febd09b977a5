"""Repeats the tuning of one optimizer many times, and writes replicates.csv; compares the arms of planted.toml,
and writes planted.csv.

    python3 artifacts/calibration/run.py OPTLAB FOLDER [REPLICATES]

OPTLAB is the program, FOLDER an empty folder for its runs (in memory, such as below /dev/shm, it takes a quarter of
the time). A replicate is a tuning with its own points, training seed and held-out examples, and a final run of what
it chose. The tunings of 20 and 50 trials contain those of 8.
"""

import csv
import pathlib
import shutil
import subprocess
import sys

WORKLOADS = {"diabetes-linear": 20, "sunspots-rnn": 20, "digits-cnn": 3}  # and the epochs
RULES = ["adamw", "sgd:momentum=0.9", "lion", "muon:other=adamw"]
TRIALS = [8, 20, 50]


def finals(folder):
    with open(folder / "results.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["stage"] == "final"]
    return sorted((row["arm"], int(row["seed"]), row["test_metric"]) for row in rows)


def planted(optlab, here, folder):
    runs = pathlib.Path(folder) / "planted"
    command = [optlab, "compare", str(here / "planted.toml"), "--jobs", "2", "--output", str(runs)]
    subprocess.run(command, check=True)
    with open(here / "planted.csv", "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["arm", "replicate", "test_metric"])
        table.writerows(finals(runs))


def main(optlab, folder, replicates="96"):
    here = pathlib.Path(__file__).parent
    planted(optlab, here, folder)
    with open(here / "replicates.csv", "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["workload", "rule", "trials", "replicate", "test_metric"])
        for workload, epochs in WORKLOADS.items():
            for rule in RULES:
                runs = pathlib.Path(folder) / f"{workload}-{rule.split(':')[0]}"
                for trials in TRIALS:
                    settings = ["--optimizer", rule, "--epochs", str(epochs), "--tune", str(trials)]
                    settings += ["--seeds", replicates, "--splits", "1", "--jobs", "2", "--output", str(runs)]
                    subprocess.run([optlab, "calibrate", workload, *settings], check=True)
                    subprocess.run([optlab, "report", str(runs)], check=True, stdout=subprocess.DEVNULL)
                    for _, replicate, metric in finals(runs):
                        table.writerow([workload, rule, trials, replicate, metric])
                shutil.rmtree(runs)


main(*sys.argv[1:])
