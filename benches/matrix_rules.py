"""Milliseconds of a step of other packages' matrix rules on the parameters of `mnist-10k-cnn`.

Usage: matrix_rules.py [RULE…] [--steps N] [--threads N]
Needs: pip install torch==2.15.0 pytorch_optimizer==4.1.0 heavyball==3.2.0 (a rule whose package is missing is left out)

Beside it: optlab bench --model mnist-10k-cnn --rules soap,shampoo,muon. The first two steps, which also make the state,
are not counted, as there.
"""

import argparse
import statistics
import time

import torch

# Kernels, dense matrices and biases, as PyTorch lays them out.
SHAPES = [(32, 1, 3, 3), (32,), (64, 32, 3, 3), (64,), (128, 1600), (128,), (10, 128), (10,)]
UNCOUNTED = 2


def pytorch_optimizer(name):
    def make(params):
        import pytorch_optimizer as package

        return getattr(package, name)(params, lr=3e-3)

    return make


def heavyball_soap(params):
    import heavyball

    return heavyball.SOAP(params, lr=3e-3)


def muon_of_matrices(params):
    return torch.optim.Muon([param for param in params if param.ndim == 2], lr=1e-2)


RULES = {
    "soap": [("pytorch_optimizer SOAP", pytorch_optimizer("SOAP")), ("heavyball SOAP", heavyball_soap)],
    "shampoo": [
        ("pytorch_optimizer Shampoo", pytorch_optimizer("Shampoo")),
        ("pytorch_optimizer ScalableShampoo", pytorch_optimizer("ScalableShampoo")),
    ],
    "muon": [("torch.optim.Muon, two matrices alone", muon_of_matrices)],
}

parser = argparse.ArgumentParser()
parser.add_argument("rules", nargs="*", metavar="RULE", help=", ".join(RULES))
parser.add_argument("--steps", type=int, default=30)
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()
unknown = set(arguments.rules) - set(RULES)
if unknown or arguments.steps <= UNCOUNTED:
    parser.error(f"unknown rules {sorted(unknown)}" if unknown else f"--steps must be above {UNCOUNTED}")
torch.set_num_threads(arguments.threads)


def times(make):
    torch.manual_seed(0)
    params = [torch.nn.Parameter(0.05 * torch.randn(shape)) for shape in SHAPES]
    optimizer = make(params)
    for _ in range(arguments.steps):
        for param in params:
            param.grad = 0.01 * torch.randn(param.shape)
        began = time.perf_counter()
        optimizer.step()
        yield 1e3 * (time.perf_counter() - began)


print(f"{'rule':38} {'median':>8} {'mean':>8} {'longest':>8}  ms")
for rule in arguments.rules or RULES:
    for name, make in RULES[rule]:
        try:
            counted = list(times(make))[UNCOUNTED:]
        except ImportError as missing:
            print(f"{name:38} left out: {missing}")
            continue
        row = (statistics.median(counted), statistics.mean(counted), max(counted))
        print(f"{name:38} {row[0]:8.2f} {row[1]:8.2f} {row[2]:8.2f}", flush=True)
