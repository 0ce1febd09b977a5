"""Writes `stream-dense.json`: a network of two dense layers, whose last matrix is a weight of rank 2.

    python references/generate/stream_dense.py

Initial values and gradients are exact 32-bit floats, drawn once with NumPy's PCG64.
"""

import json

import numpy as np

from trajectory import OPTIMIZERS

SHAPES = [
    ("hidden.weight", "linear_weight", [6, 4]),
    ("hidden.bias", "vector", [4]),
    ("output.weight", "linear_weight", [4, 3]),
    ("output.bias", "vector", [3]),
]
STEPS = 30


def main():
    random = np.random.Generator(np.random.PCG64(2026))

    def numbers(shape, scale):
        return [float(x) for x in (scale * random.standard_normal(shape)).astype(np.float32).reshape(-1)]

    parameters = [
        {"name": name, "role": role, "shape": shape, "initial": numbers(shape, 0.5)} for name, role, shape in SHAPES
    ]
    gradients = [[numbers(shape, 0.3) for _, _, shape in SHAPES] for _ in range(STEPS)]
    content = {"parameters": parameters, "gradients": gradients}
    (OPTIMIZERS / "stream-dense.json").write_text(json.dumps(content))


main()
