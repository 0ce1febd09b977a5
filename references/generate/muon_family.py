"""Muon with other coefficients, NorMuon and AdaMuon, by their authors' code.

    python references/generate/muon_family.py FOLDER

Kernels of convolutions are matrices with a row for each output, as in the rules' papers; the authors' code normalizes
each row of a kernel's window by itself, or scales by the smallest and the largest of four sizes.
"""

import sys
import types

import torch
from trajectory import Stream, authors_code, run_torch, write

FOLDER = sys.argv[1]
STREAM = Stream.load("stream.json")
IN_64_BITS = ("X = G.bfloat16()", "X = G")
CUBIC = [(2.0, -1.5, 0.5)] * 12
# Algorithm 1 of https://arxiv.org/abs/2505.16932, for five iterations.
POLAR_EXPRESS = [
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
]
POLAR_EXPRESS = [(a / 1.01, b / 1.01**3, c / 1.01**5) for a, b, c in POLAR_EXPRESS]


def matrices(params):
    return [param for param in params if param.ndim > 1]


def save(rule, make, config, lr, reference, index=1):
    expected = run_torch(STREAM, lambda params: make(matrices(params)), lr)
    reference += "; vectors untouched"
    write(rule, config, lr, reference, "stream.json", expected, index=index, source="authors")


def muon(coefficients, norm="X.norm(dim=(-2, -1), keepdim=True)"):
    """Returns the authors' Muon with other coefficients in each iteration."""
    edits = [
        IN_64_BITS,
        ("for _ in range(steps):", f"for a, b, c in {coefficients}:"),
        ("X.norm(dim=(-2, -1), keepdim=True)", norm),
    ]
    commit = "857d1adc159e098212f828d927460782d3da59e9"
    return authors_code(FOLDER, "KellerJordan/Muon", commit, "muon.py", edits).SingleDeviceMuon


base = {"momentum": 0.95, "nesterov": True, "weight_decay": 0.0, "lr_scale": "original"}
name = "KellerJordan/Muon 857d1ad SingleDeviceMuon, without its rounding to bfloat16,"
save(
    "muon",
    muon(POLAR_EXPRESS, "X.norm(dim=(-2, -1), keepdim=True) * 1.01"),
    {**base, "coefficients": "polar_express"},
    0.02,
    f"{name} with the coefficients and the norm of Amsel et al. 2025, algorithm 1",
    index=2,
)
save("muon", muon(CUBIC), {**base, "coefficients": "cubic_12"}, 0.02, f"{name} with 12 iterations (2, -1.5, 0.5)", index=3)
own = [(3.0, -3.2, 1.2), (1.5, -0.5, 0.0)]
save(
    "muon",
    muon(own),
    {**base, "coefficients": [number for iteration in own for number in iteration]},
    0.02,
    f"{name} with the iterations {own}",
    index=4,
)

class PerHead:
    """The authors' optimizer for each of two blocks of rows of each matrix."""

    def __init__(self, params):
        self.params = params
        self.blocks = [[torch.nn.Parameter(block) for block in param.data.chunk(2)] for param in params]
        optimizer = muon([(3.4445, -4.7750, 2.0315)] * 5)
        self.optimizer = optimizer(sum(self.blocks, []), lr=0.02, momentum=0.95, weight_decay=0.1)
        self.param_groups = self.optimizer.param_groups

    def step(self):
        for param, blocks in zip(self.params, self.blocks, strict=True):
            for block, grad in zip(blocks, param.grad.chunk(2), strict=True):
                block.grad = grad.clone()
        self.optimizer.step()


save("muon", PerHead, {**base, "weight_decay": 0.1, "heads": 2}, 0.02, f"{name} for each of two blocks of rows", index=5)

normuon = authors_code(
    FOLDER,
    "zichongli5/NorMuon",
    "d45c9a4280d758e2cf0b2b8333765d040e953937",
    "normuon.py",
    [
        IN_64_BITS,
        ("    if original_shape is not None:\n        update = update.reshape(original_shape)\n", ""),
        ("max(1, grad.size(-2) / grad.size(-1))", "max(1, update.size(-2) / update.size(-1))"),
        ("p[...,0:1]", "p.flatten(1)[:, 0:1]"),
    ],
)
name = "zichongli5/NorMuon d45c9a4 SingleDeviceNorMuon, without its rounding to bfloat16, kernels as matrices"
base = {"momentum": 0.95, "beta_2": 0.95, "nesterov": True, "weight_decay": 0.0, "epsilon": 1e-10}
save("normuon", lambda params: normuon.SingleDeviceNorMuon(params), base, 0.02, name)
save(
    "normuon",
    lambda params: normuon.SingleDeviceNorMuon(params, weight_decay=0.3, momentum=0.8, beta2=0.6),
    {**base, "weight_decay": 0.3, "momentum": 0.8, "beta_2": 0.6},
    0.02,
    name,
    index=2,
)

adamuon = authors_code(
    FOLDER,
    "Chongjie-Si/AdaMuon",
    "369f0b3bd9d97f82bb8ba81664207ac513e233b0",
    "gpt2/models/optimizers/adamuon.py",
    [
        IN_64_BITS,
        ('dtype=torch.bfloat16, device="cuda"', "dtype=torch.float64"),
        ("(min(p.shape) * max(p.shape))**0.5", "p.numel()**0.5"),
    ],
)


def gather(out, update):
    out.copy_(update.view_as(out))
    return types.SimpleNamespace(wait=lambda: None)


# One process, without torch.distributed.
adamuon.dist = types.SimpleNamespace(all_gather_into_tensor=lambda out, update, async_op: gather(out, update))
name = "Chongjie-Si/AdaMuon 369f0b3 AdaMuon, one process, without its rounding to bfloat16, kernels as matrices"
base = {"momentum": 0.95, "nesterov": True, "weight_decay": 0.01, "epsilon": 1e-8}
save("adamuon", lambda params: adamuon.AdaMuon(params, rank=0, world_size=1), base, 0.02, name)
save(
    "adamuon",
    lambda params: adamuon.AdaMuon(params, rank=0, world_size=1, momentum=0.7, nesterov=False, weight_decay=0.2),
    {**base, "momentum": 0.7, "nesterov": False, "weight_decay": 0.2},
    0.02,
    name,
    index=2,
)
