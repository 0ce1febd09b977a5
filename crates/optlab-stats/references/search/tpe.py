"""Best values of Optuna's TPESampler(multivariate=True), the reference of the tests in src/search/sampler.

    pip install optuna && python3 references/search/tpe.py

Prints, for each problem, the quartiles over the seeds 0 … 49 of the best value after the trials of the problem.
"""
import math
import sys
import warnings

import numpy as np
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")

ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14],
              [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
P = 1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
                     [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]])


def floats(trial, dimensions, low, high):
    return np.array([trial.suggest_float(f"x{place}", low, high) for place in range(dimensions)])


def sphere(trial):
    return float((floats(trial, 10, -5, 5) ** 2).sum())


def rosenbrock(dimensions):
    def value(trial):
        x = floats(trial, dimensions, -2, 2)
        return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())
    return value


def hartmann(trial):
    x = floats(trial, 6, 0, 1)
    return float(-(ALPHA * np.exp(-(A * (x - P) ** 2).sum(1))).sum())


def mixed(trial):
    rate = math.log(trial.suggest_float("lr", 1e-5, 1, log=True) / 3e-3)
    decay = math.log(trial.suggest_float("weight_decay", 1e-5, 1e-1, log=True) / 1e-3)
    layers = trial.suggest_int("layers", 1, 16)
    rule = {"a": 1.0, "b": 0.5, "c": 0.0, "d": 2.0}[trial.suggest_categorical("rule", ["a", "b", "c", "d"])]
    return (rate + 0.25 * (layers - 8)) ** 2 + 0.1 * decay**2 + 0.05 * (layers - 11) ** 2 + rule


PROBLEMS = {
    "sphere": (sphere, 200),
    "rosenbrock-2": (rosenbrock(2), 200),
    "rosenbrock-10": (rosenbrock(10), 200),
    "hartmann": (hartmann, 200),
    "mixed": (mixed, 100),
}
SEEDS = range(50)

if __name__ == "__main__":
    print("optuna", optuna.__version__, "numpy", np.__version__, flush=True)
    for name in sys.argv[1:] or PROBLEMS:
        function, trials = PROBLEMS[name]
        best = []
        for seed in SEEDS:
            study = optuna.create_study(sampler=optuna.samplers.TPESampler(multivariate=True, seed=seed))
            study.optimize(function, n_trials=trials)
            best.append(study.best_value)
        print(name, trials, "quartiles", np.quantile(best, [0.25, 0.5, 0.75]), flush=True)
