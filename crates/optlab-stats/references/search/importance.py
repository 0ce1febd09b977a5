"""Optuna's importances (PedAnovaImportanceEvaluator) for the trials of the test of irrelevant choices.

    pip install optuna && python3 references/search/importance.py

Prints the mean share of each dimension over 40 searches of 60 trials.
"""
import warnings

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")
SPACE = {
    "a": FloatDistribution(0, 1),
    "b": FloatDistribution(0, 1),
    "n": IntDistribution(1, 8),
    "c": CategoricalDistribution(["x", "y", "z"]),
    "d": CategoricalDistribution(["v", "w", "x", "y", "z"]),
}


class Coordinates:
    """Knuth's linear congruential generator, which the test has as well."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 11) / 2**53


shares = []
for search in range(40):
    study = optuna.create_study()
    coordinates = Coordinates(search)
    for _ in range(60):
        a, b, n, c, d = (coordinates.next() for _ in SPACE)
        params = {"a": a, "b": b, "n": int(n * 8) + 1, "c": "xyz"[int(c * 3)], "d": "vwxyz"[int(d * 5)]}
        value = (a - 0.3) ** 2 + 0.3 * (n - 0.6) ** 2      # b, c and d do not matter
        study.add_trial(optuna.trial.create_trial(params=params, distributions=SPACE, value=value))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    shares.append([found[name] for name in SPACE])
print("optuna", optuna.__version__, list(SPACE))
print(np.mean(shares, 0).round(3).tolist())
