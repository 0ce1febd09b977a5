"""Trains the two moons of micrograd's demo with micrograd, and repeats the run in NumPy.

Usage: generate.py
Needs: pip install micrograd scikit-learn numpy

Writes `moons.json.gz` beside this file: the points, the initial parameters, and loss and accuracy of every step.
"""
import gzip
import json
import random
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from micrograd.engine import Value
from micrograd.nn import MLP
from sklearn.datasets import make_moons

HERE = Path(__file__).resolve().parent
STEPS, ALPHA = 100, 1e-4
PUBLISHED = {0: 0.8958441028683222, 1: 1.7235905336972022, 2: 0.7429006313851131, 10: 0.24507023853658053,
             50: 0.09875114765619622, 83: 0.011589314549188726, 98: 0.010978888332907229, 99: 0.010978370135492717}


def rate(step):
    return 1.0 - 0.9 * step / 100


def with_micrograd(points, labels, model):
    """Returns the loss and the accuracy before each update."""
    losses, accuracies = [], []
    for step in range(STEPS):
        scores = [model([Value(v) for v in point]) for point in points]
        margins = [(1 + -label * score).relu() for label, score in zip(labels, scores)]
        loss = sum(margins) * (1.0 / len(margins)) + ALPHA * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= rate(step) * p.grad
        losses.append(float(loss.data))
        accuracies.append(float(np.mean([(label > 0) == (score.data > 0) for label, score in zip(labels, scores)])))
    return losses, accuracies


def with_numpy(points, labels, initial, real):
    points, labels = points.astype(real), labels.astype(real)
    params = [p.astype(real) for p in initial]
    losses = []
    for step in range(STEPS):
        w1, b1, w2, b2, w3, b3 = params
        h1 = np.maximum(points @ w1 + b1, 0)
        h2 = np.maximum(h1 @ w2 + b2, 0)
        scores = (h2 @ w3 + b3)[:, 0]
        margins = np.maximum(1 - labels * scores, 0)
        losses.append(float(margins.mean() + real(ALPHA) * sum((p * p).sum() for p in params)))
        d3 = (-labels * (margins > 0) / real(len(labels)))[:, None]
        d2 = (d3 @ w3.T) * (h2 > 0)
        d1 = (d2 @ w2.T) * (h1 > 0)
        gradients = [points.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0), h2.T @ d3, d3.sum(0)]
        params = [p - real(rate(step)) * (g + real(2 * ALPHA) * p) for p, g in zip(params, gradients)]
    w1, b1, w2, b2, w3, b3 = params
    scores = (np.maximum(np.maximum(points @ w1 + b1, 0) @ w2 + b2, 0) @ w3 + b3)[:, 0]
    return losses, params, float(((scores > 0) == (labels > 0)).mean())


np.random.seed(1337)
random.seed(1337)
points, labels = make_moons(n_samples=100, noise=0.1)
labels = labels * 2 - 1
model = MLP(2, [16, 16, 1])
assert len(model.parameters()) == 337
initial = []
for layer in model.layers:
    initial.append(np.array([[w.data for w in neuron.w] for neuron in layer.neurons]).T)
    initial.append(np.array([float(neuron.b.data) for neuron in layer.neurons]))

mine, final, accuracy = with_numpy(points, labels, initial, np.float64)
in_32_bits, _, accuracy_32 = with_numpy(points, labels, initial, np.float32)
losses, accuracies = with_micrograd(points, labels, model)
differences = [abs(a - b) for a, b in zip(losses, mine)]
differences_32 = [abs(a - b) for a, b in zip(losses, in_32_bits)]
for step, published in PUBLISHED.items():
    print(f"step {step}: micrograd {losses[step]!r}, published {published!r}, NumPy {mine[step]!r}, 32 bits {in_32_bits[step]!r}")
print("largest difference, NumPy:", max(differences), "at step", int(np.argmax(differences)), "; 32 bits:", max(differences_32),
      "; first step above 1e-4, 1e-3, 1e-2:", [next((i for i, d in enumerate(differences_32) if d > limit), None) for limit in (1e-4, 1e-3, 1e-2)])

whole = {
    "reference": f"micrograd {version('micrograd')}, points of scikit-learn {version('scikit-learn')} make_moons, NumPy {np.__version__}, "
                 f"Python {sys.version.split()[0]}, 64 bits",
    "points": points.tolist(),
    "labels": labels.tolist(),
    "alpha": ALPHA,
    "steps": STEPS,
    "learning_rates": [rate(step) for step in range(STEPS)],
    "initial": {key: p.tolist() for key, p in zip(("w1", "b1", "w2", "b2", "w3", "b3"), initial)},
    "loss": losses,
    "accuracy": accuracies,
    "final": {key: p.tolist() for key, p in zip(("w1", "b1", "w2", "b2", "w3", "b3"),
              [np.array([[w.data for w in n.w] for n in layer.neurons]).T if kind else np.array([float(n.b.data) for n in layer.neurons])
               for layer in model.layers for kind in (1, 0)])},
    "final_accuracy": accuracy,
    "numpy_loss": mine,
    "numpy_32_bit_loss": in_32_bits,
    "published": {"loss": {str(step): loss for step, loss in PUBLISHED.items()}, "accuracy_at_99": 1.0,
                  "source": "A. Karpathy, micrograd, demo.ipynb at commit c911406e5ace8742e5841a7e0df113ecb5d54685, "
                            "https://github.com/karpathy/micrograd"},
}
text = json.dumps(whole, separators=(",", ":")).encode()
with open(HERE / "moons.json.gz", "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
    file.write(text)
print(len(text), "bytes,", (HERE / "moons.json.gz").stat().st_size, "compressed")
