"""Trains scikit-learn's MLPClassifier with seven stochastic learning strategies and repeats every run in NumPy.

Usage: generate.py [DIGITS_CSV_GZ]
Needs: pip install scikit-learn numpy

Writes `digits.json.gz` and `iris.json.gz` beside this file, with the initial weights, the order of the examples in every
epoch, and the loss after every epoch as scikit-learn computes them. Fails unless a plain NumPy implementation that gets
only the exported numbers has scikit-learn's loss curve to 1e-10. With DIGITS_CSV_GZ it also compares scikit-learn's digits
with that file.
"""
import gzip
import hashlib
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.neural_network import _multilayer_perceptron as implementation
from sklearn.preprocessing import MinMaxScaler

HERE = Path(__file__).resolve().parent
ALPHA, TOLERANCE, PATIENCE = 1e-4, 1e-4, 10
EPOCHS = {"digits": 15, "iris": 400}

SETTINGS = {
    "constant learning-rate": dict(solver="sgd", learning_rate="constant", momentum=0, learning_rate_init=0.2),
    "constant with momentum": dict(
        solver="sgd", learning_rate="constant", momentum=0.9, nesterovs_momentum=False, learning_rate_init=0.2),
    "constant with Nesterov's momentum": dict(
        solver="sgd", learning_rate="constant", momentum=0.9, nesterovs_momentum=True, learning_rate_init=0.2),
    "inv-scaling learning-rate": dict(solver="sgd", learning_rate="invscaling", momentum=0, learning_rate_init=0.2),
    "inv-scaling with momentum": dict(
        solver="sgd", learning_rate="invscaling", momentum=0.9, nesterovs_momentum=False, learning_rate_init=0.2),
    "inv-scaling with Nesterov's momentum": dict(
        solver="sgd", learning_rate="invscaling", momentum=0.9, nesterovs_momentum=True, learning_rate_init=0.2),
    "adam": dict(solver="adam", learning_rate_init=0.01),
}

# Rule of optlab with the rates of the run, whether its formula is then scikit-learn's, and how to get that formula otherwise.
SAME, RATES = None, "piecewise_constant with `learning_rates`"
SCALED = "learning rate 1, and the loss of every step multiplied by the epoch's rate from `learning_rates`"
OPTLAB = {
    "constant learning-rate": ("sgd", "constant", SAME),
    "constant with momentum": ("sgd:momentum=0.9", "constant", SAME),
    "constant with Nesterov's momentum": ("sgd:momentum=0.9,nesterov=true", "constant", SAME),
    "inv-scaling learning-rate": ("sgd", RATES, SAME),
    "inv-scaling with momentum": ("sgd:momentum=0.9", RATES, SCALED),
    "inv-scaling with Nesterov's momentum": ("sgd:momentum=0.9,nesterov=true", RATES, SCALED),
    "adam": ("adam", "constant", "adam:bias_correction=false, and 0.01 sqrt(1 - 0.999^t) / (1 - 0.9^t) as the rate of step t = 1, 2, ..."),
}

PUBLISHED = {
    "source": "Compare Stochastic learning strategies for MLPClassifier, "
              "https://scikit-learn.org/stable/auto_examples/neural_networks/plot_mlp_training_curves.html, the same in the "
              "development version (scikit-learn/scikit-learn.github.io, "
              "dev/_sources/auto_examples/neural_networks/plot_mlp_training_curves.rst.txt at commit "
              "0094be6ba4f644ce53149873eaf8d9be564c4f5b); the page of 0.18 has other numbers",
    "digits": {
        "constant learning-rate": (0.956038, 0.243802),
        "constant with momentum": (0.992766, 0.041297),
        "constant with Nesterov's momentum": (0.993879, 0.042898),
        "inv-scaling learning-rate": (0.638843, 1.855465),
        "inv-scaling with momentum": (0.909293, 0.318387),
        "inv-scaling with Nesterov's momentum": (0.912632, 0.290584),
        "adam": (0.991653, 0.045934),
    },
    "iris": {
        "constant learning-rate": (0.980000, 0.096950),
        "constant with momentum": (0.980000, 0.049530),
        "constant with Nesterov's momentum": (0.980000, 0.049540),
        "inv-scaling learning-rate": (0.360000, 0.978444),
        "inv-scaling with momentum": (0.860000, 0.504185),
        "inv-scaling with Nesterov's momentum": (0.860000, 0.503452),
        "adam": (0.980000, 0.045311),
    },
}


class Recorded(MLPClassifier):
    """An MLPClassifier that keeps its initial parameters."""

    def _initialize(self, *args):
        super()._initialize(*args)
        self.initial = [p.copy() for pair in zip(self.coefs_, self.intercepts_) for p in pair]


def with_scikit_learn(x, labels, epochs, settings):
    """Returns the fitted classifier and the order of the examples in each of its epochs."""
    orders, shuffle = [], implementation.shuffle

    def recording(indices, random_state):
        order = shuffle(indices, random_state=random_state)
        orders.append(order.copy())
        return order

    implementation.shuffle = recording
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = Recorded(random_state=0, max_iter=epochs, **settings).fit(x, labels)
    finally:
        implementation.shuffle = shuffle
    return fitted, orders


def rates(settings, examples, epochs):
    first = settings["learning_rate_init"]
    if settings.get("learning_rate") != "invscaling":
        return [first] * epochs
    return [first] + [first / (epoch * examples + 1) ** 0.5 for epoch in range(1, epochs)]


def with_numpy(x, labels, initial, orders, learning_rates, settings, form, real=np.float64, decay=None):
    """Trains the network without scikit-learn.

    `form` is "scikit-learn" or "optlab", which says how momentum and Adam use the learning rate and epsilon, or "scaled":
    optlab's SGD with rate 1 on a loss multiplied by the rate. `decay` replaces the gradient of the L2 term, alpha / batch size
    times the weight, by this number times the weight.
    Returns the loss of every epoch, the final parameters and the share of right answers.
    """
    x = x.astype(real)
    targets = np.eye(labels.max() + 1, dtype=real)[labels]
    params = [p.astype(real) for p in initial]
    first, second = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    batch, step, losses = min(200, len(x)), 0, []
    momentum, nesterov = settings.get("momentum", 0), settings.get("nesterovs_momentum", False)
    best, without_progress = np.inf, 0
    for order, rate in zip(orders, learning_rates):
        total = 0.0
        for start in range(0, len(x), batch):
            rows = order[start:start + batch]
            w1, b1, w2, b2 = params
            n = len(rows)
            hidden = np.maximum(x[rows] @ w1 + b1, 0)
            logits = hidden @ w2 + b2
            logits = logits - logits.max(axis=1, keepdims=True)
            share = np.exp(logits)
            share /= share.sum(axis=1, keepdims=True)
            eps = np.finfo(real).eps
            logs = np.log(np.clip(share, eps, 1 - eps))
            cross_entropy = -(targets[rows] * logs).sum() / n
            total += float(n * (cross_entropy + real(ALPHA / 2) * ((w1 * w1).sum() + (w2 * w2).sum()) / n))
            d2 = (share - targets[rows]) / real(n)
            d1 = (d2 @ w2.T) * (hidden > 0)
            shrink = real(ALPHA / n if decay is None else decay)
            gradients = [x[rows].T @ d1 + shrink * w1, d1.sum(axis=0), hidden.T @ d2 + shrink * w2, d2.sum(axis=0)]
            step += 1
            for i, (p, g) in enumerate(zip(params, gradients)):
                if settings["solver"] == "adam":
                    first[i] = real(0.9) * first[i] + real(1 - 0.9) * g
                    second[i] = real(0.999) * second[i] + real(1 - 0.999) * g * g
                    c1, c2 = 1 - 0.9**step, 1 - 0.999**step
                    if form == "scikit-learn":
                        change = -real(rate * np.sqrt(c2) / c1) * first[i] / (np.sqrt(second[i]) + real(1e-8))
                    else:
                        change = -real(rate) * (first[i] / real(c1)) / (np.sqrt(second[i] / real(c2)) + real(1e-8))
                elif form == "scikit-learn":
                    first[i] = real(momentum) * first[i] - real(rate) * g
                    change = real(momentum) * first[i] - real(rate) * g if nesterov else first[i]
                else:
                    lr, g = (1, real(rate) * g) if form == "scaled" else (rate, g)
                    first[i] = real(momentum) * first[i] + g
                    change = -real(lr) * (g + real(momentum) * first[i] if nesterov else first[i])
                params[i] = p + change
        losses.append(total / len(x))
        without_progress = without_progress + 1 if losses[-1] > best - TOLERANCE else 0
        best = min(best, losses[-1])
        if without_progress > PATIENCE:
            break
    w1, b1, w2, b2 = params
    answers = (np.maximum(x @ w1 + b1, 0) @ w2 + b2).argmax(axis=1)
    return losses, params, float((answers == labels).mean())


def curve_difference(one, other):
    """Returns the largest absolute difference over the epochs that both curves have."""
    return float(max(abs(a - b) for a, b in zip(one, other)))


def reference(name, raw, labels, data):
    x = MinMaxScaler().fit_transform(raw)
    low, high = raw.min(axis=0), raw.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    scaled = (raw - low) / span
    print(name, "largest difference between MinMaxScaler and (x - min) / (max - min):", abs(scaled - x).max())

    runs, shared_initial, longest = [], None, []
    for label, settings in SETTINGS.items():
        fitted, orders = with_scikit_learn(x, labels, EPOCHS[name], settings)
        if shared_initial is None:
            shared_initial = fitted.initial
        assert all((a == b).all() for a, b in zip(shared_initial, fitted.initial))
        longest = max(longest, orders, key=len)
        assert all((a == b).all() for a, b in zip(longest, orders)), "every setting has the same orders"

        learning_rates = rates(settings, len(x), EPOCHS[name])
        common = dict(x=x, labels=labels, initial=shared_initial, orders=longest, learning_rates=learning_rates, settings=settings)
        mine, params, score = with_numpy(form="scikit-learn", **common)
        error = max(abs(a - b) for a, b in zip(mine, fitted.loss_curve_))
        assert len(mine) == fitted.n_iter_ and error < 1e-10, (label, len(mine), fitted.n_iter_, error)
        assert score == fitted.score(x, labels)
        by_optlab, _, optlab_score = with_numpy(form="optlab", **common)
        in_32_bits, _, score_32 = with_numpy(form="scikit-learn", real=np.float32, **common)
        optlab_in_32_bits, _, _ = with_numpy(form="optlab", real=np.float32, **common)
        decayed, _, _ = with_numpy(form="optlab", decay=ALPHA / min(200, len(x)), **common)
        published_score, published_loss = PUBLISHED[name][label]
        rule, schedule, otherwise = OPTLAB[label]
        same = otherwise is SAME
        if otherwise is SCALED:
            assert curve_difference(with_numpy(form="scaled", **common)[0], fitted.loss_curve_) < 1e-10
        final = dict(zip(("w1", "b1", "w2", "b2"), params))
        runs.append({
            "label": label,
            "settings": settings,
            "learning_rates": learning_rates[:fitted.n_iter_] if settings.get("learning_rate") == "invscaling" else learning_rates[0],
            "epochs": fitted.n_iter_,
            "stopped_early": fitted.n_iter_ < EPOCHS[name],
            "loss_curve": fitted.loss_curve_,
            "loss": fitted.loss_,
            "score": fitted.score(x, labels),
            "right": int(round(fitted.score(x, labels) * len(x))),
            "published": {"score": published_score, "loss": published_loss},
            "final": {key: {"sum": float(p.sum()), "norm": float(np.sqrt((p * p).sum()))} for key, p in final.items()},
            "numpy_error": error,
            "numpy_32_bit": {"epochs": len(in_32_bits), "loss": in_32_bits[-1], "score": score_32,
                             "largest_difference": curve_difference(in_32_bits, fitted.loss_curve_)},
            "optlab": {
                "rule": rule, "schedule": schedule, "same_formula": same, "same_formula_by": otherwise,
                "epochs": len(by_optlab), "loss_curve": None if same else by_optlab, "loss": by_optlab[-1], "score": optlab_score,
                "largest_difference": curve_difference(by_optlab, fitted.loss_curve_),
                "largest_difference_with_weight_decay": curve_difference(decayed, by_optlab),
                "largest_difference_in_32_bits": curve_difference(optlab_in_32_bits, by_optlab),
            },
        })
        run = runs[-1]
        print(f"{name:6} {label:37} {run['epochs']:3} epochs, score {run['score']:.6f} ({published_score:.6f}), loss "
              f"{run['loss']:.6f} ({published_loss:.6f}), NumPy {error:.1e}, 32 bits {run['numpy_32_bit']['largest_difference']:.1e}, "
              f"optlab's formula {run['optlab']['largest_difference']:.1e}, its decay "
              f"{run['optlab']['largest_difference_with_weight_decay']:.1e}, its 32 bits "
              f"{run['optlab']['largest_difference_in_32_bits']:.1e}")

    # The exported orders and weights come from one generator, in this order.
    random = np.random.RandomState(0)
    sizes = [x.shape[1], 100, labels.max() + 1]
    for (fan_in, fan_out), (w, b) in zip(zip(sizes, sizes[1:]), (shared_initial[:2], shared_initial[2:])):
        bound = np.sqrt(6 / (fan_in + fan_out))
        assert (w == random.uniform(-bound, bound, (fan_in, fan_out))).all()
        assert (b == random.uniform(-bound, bound, fan_out)).all()
    order = np.arange(len(x))
    for exported in longest:
        places = np.arange(len(x))
        random.shuffle(places)
        order = order[places]
        assert (order == exported).all()

    whole = {
        "reference": f"scikit-learn {sklearn.__version__} MLPClassifier, NumPy {np.__version__}, 64 bits",
        "published_source": PUBLISHED["source"],
        "data": data,
        "examples": len(x), "features": sizes[0], "hidden": sizes[1], "classes": int(sizes[2]),
        "batch_size": min(200, len(x)), "alpha": ALPHA, "tolerance": TOLERANCE, "patience": PATIENCE, "max_epochs": EPOCHS[name],
        "feature_min": low.tolist(), "feature_max": high.tolist(),
        "initial": {key: p.tolist() for key, p in zip(("w1", "b1", "w2", "b2"), shared_initial)},
        "orders": [order.tolist() for order in longest],
        "runs": runs,
    }
    text = json.dumps(whole, separators=(",", ":")).encode()
    with open(HERE / f"{name}.json.gz", "wb") as raw_file, gzip.GzipFile("", "wb", 9, raw_file, mtime=0) as file:
        file.write(text)
    print(name, len(text), "bytes,", (HERE / f"{name}.json.gz").stat().st_size, "compressed")


digits, iris = datasets.load_digits(), datasets.load_iris()
if len(sys.argv) > 1:
    text = gzip.decompress(Path(sys.argv[1]).read_bytes())
    table = np.array([[int(v) for v in line.split(",")] for line in text.decode().split()])
    assert (table[:, :-1] == digits.data).all() and (table[:, -1] == digits.target).all()
    print("digits equal", sys.argv[1].rsplit("/", 1)[-1], hashlib.sha256(text).hexdigest())
reference("digits", digits.data, digits.target, {
    "file": "small/digits.csv.gz", "sha256_unpacked": "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8",
})
reference("iris", iris.data, iris.target, {
    "source": "R. A. Fisher, 1936, as scikit-learn ships it (sklearn.datasets.load_iris)",
    "features": iris.data.tolist(), "labels": iris.target.tolist(),
})
