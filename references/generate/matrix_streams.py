"""Writes the streams of gradients of `references/optimizers` for rules that look at matrices.

    python references/generate/matrix_streams.py

`stream-dense.json` is a network of three dense layers, whose last matrix is a weight of rank 2. The gradients of
`stream-full-rank.json` have full rank along every dimension, so that no eigenvector is arbitrary;
`stream-matrices.json` is the same without vectors.

Initial values and gradients are exact 32-bit floats, drawn once with NumPy's PCG64.
"""

import json

import numpy as np

from trajectory import OPTIMIZERS

DENSE = [
    ("first.weight", "linear_weight", [6, 4]),
    ("first.bias", "vector", [4]),
    ("second.weight", "linear_weight", [4, 5]),
    ("output.weight", "linear_weight", [5, 3]),
    ("output.bias", "vector", [3]),
]
FULL_RANK = [
    ("linear.weight", "linear_weight", [5, 5]),
    ("linear.bias", "vector", [5]),
    ("conv.weight", "conv_weight", [4, 1, 2, 2]),
    ("output.weight", "linear_weight", [3, 3]),
]
MATRICES = [
    ("linear.weight", "linear_weight", [5, 5]),
    ("conv.weight", "conv_weight", [4, 1, 2, 2]),
    ("output.weight", "linear_weight", [3, 3]),
]
STEPS = 30


def write_stream(name, shapes):
    random = np.random.Generator(np.random.PCG64(2026))

    def numbers(shape, scale):
        return [float(x) for x in (scale * random.standard_normal(shape)).astype(np.float32).reshape(-1)]

    parameters = [
        {"name": name, "role": role, "shape": shape, "initial": numbers(shape, 0.5)} for name, role, shape in shapes
    ]
    gradients = [[numbers(shape, 0.3) for _, _, shape in shapes] for _ in range(STEPS)]
    content = {"parameters": parameters, "gradients": gradients}
    (OPTIMIZERS / name).write_text(json.dumps(content))


write_stream("stream-dense.json", DENSE)
write_stream("stream-full-rank.json", FULL_RANK)
write_stream("stream-matrices.json", MATRICES)
