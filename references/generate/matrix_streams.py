"""Writes the streams of gradients of `references/optimizers` for rules that look at matrices.

    python references/generate/matrix_streams.py

`stream-dense.json` is a network of three dense layers, whose last matrix is a weight of rank 2. The gradients of
`stream-full-rank.json` have full rank along every dimension, so that no eigenvector is arbitrary;
`stream-matrices.json` is the same without vectors.
`stream-rows.json` is an embedding and kernels, of which about a third
of the rows have a gradient in each step.

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
ROWS = [("embedding.weight", "embedding_weight", [7, 3]), ("conv.weight", "conv_weight", [5, 2, 2, 1])]
STEPS = 30


def write_stream(name, shapes, share_of_rows=1.0):
    random = np.random.Generator(np.random.PCG64(2026))

    def numbers(shape, scale):
        return [float(x) for x in (scale * random.standard_normal(shape)).astype(np.float32).reshape(-1)]

    parameters = [
        {"name": name, "role": role, "shape": shape, "initial": numbers(shape, 0.5)} for name, role, shape in shapes
    ]
    def gradient(shape):
        values = numbers(shape, 0.3)
        if share_of_rows == 1.0:
            return values
        width = len(values) // shape[0]
        touched = random.random(shape[0]) < share_of_rows
        return [value if touched[place // width] else 0.0 for place, value in enumerate(values)]

    gradients = [[gradient(shape) for _, _, shape in shapes] for _ in range(STEPS)]
    content = {"parameters": parameters, "gradients": gradients}
    (OPTIMIZERS / name).write_text(json.dumps(content))


write_stream("stream-dense.json", DENSE)
write_stream("stream-full-rank.json", FULL_RANK)
write_stream("stream-matrices.json", MATRICES)
write_stream("stream-rows.json", ROWS, share_of_rows=0.35)
