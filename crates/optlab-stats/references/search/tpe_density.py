"""Densities of Optuna's joint Parzen estimator, the reference of the tests in src/search/sampler/tree_parzen.

    pip install optuna && python3 references/search/tpe_density.py

Prints, for three numbers of trials, the logarithm of the density at three points. The space is one continuous
dimension, one whole number from 1 to 5, one choice of 3, and one whole number from 1 to 16, each on [0, 1).
"""
import functools
import types

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe import parzen_estimator
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import default_weights

SPACE = {
    "a": FloatDistribution(0, 1),
    "b": IntDistribution(1, 5),
    "c": CategoricalDistribution([0, 1, 2]),
    "d": IntDistribution(1, 16),
}
STEPS = [0.6180339887, 0.4142135623, 0.7320508075, 0.2360679774]


def observations(count):
    u = {name: (np.arange(count) * step + 0.05) % 1 for name, step in zip(SPACE, STEPS)}
    return u | {"b": np.floor(u["b"] * 5) + 1, "c": np.floor(u["c"] * 3), "d": np.floor(u["d"] * 16) + 1}


# Equal coordinates get their deviations in the order of the trials.
argsort = functools.partial(np.argsort, kind="stable")
parzen_estimator.np = types.SimpleNamespace(**{**vars(np), "argsort": argsort})
print("optuna", optuna.__version__)
at = {"a": [0.0, 0.31, 0.99], "b": [1, 3, 5], "c": [0, 2, 1], "d": [1, 9, 16]}
at = {name: np.array(values) for name, values in at.items()}
for count in (0, 1, 7, 40):
    parameters = _ParzenEstimatorParameters(1.0, True, False, default_weights, True)
    given = observations(count) if count else {name: np.array([]) for name in SPACE}
    print(count, [float(x) for x in _ParzenEstimator(given, SPACE, parameters).log_pdf(at)])
