"""ASGO and one-sided Shampoo, by their authors' code.

    python references/generate/one_sided.py FOLDER

Kernels are matrices with a row for each output; vectors stay as they are.
"""

import sys

import torch
from matrix import Matrices
from trajectory import Stream, authors_code, authors_package, run_torch, write

FOLDER = sys.argv[1]
RATES = [0.02 / (1 + t / 10) for t in range(30)]

ASGO = ("infinity-stars/ASGO", "d3ef14beb8b3e5489e1ed9eb0a2a59565ac362ca")
REST_OF_ASGO = [
    "from optimizers.utils import *\n",
    "from config import *\n",
    "from einops import rearrange\n",
    "from optimizers.utils.utils import *\n",
    "from optimizers.utils.matrix_decom import zeropower_via_newtonschulz5\n",
]


def asgo():
    """ASGO in 64 bits: the cast to 32 bits and imports of other parts of the repository are taken out."""
    roots = authors_code(FOLDER, *ASGO, "optimizers/utils/matrix_decom.py", [("G.float()", "G")])
    edits = [(line, "") for line in REST_OF_ASGO]
    edits += [("import_module('optimizers.utils.matrix_decom')", "roots")]
    code = authors_code(FOLDER, *ASGO, "optimizers/asgo.py", edits)
    code.roots = roots
    reference = f"github.com/{ASGO[0]} at {ASGO[1][:10]}, optimizers/asgo.py, in 64 bits, kernels as matrices, "
    reference += "vectors untouched"

    def save(stream, config, lr, index, **theirs):
        make = lambda params: Matrices(params, lambda matrices: code.asgo(matrices, **theirs))
        expected = run_torch(Stream.load(stream), make, lr)
        write("asgo", config, lr, reference, stream, expected, index, source="authors")

    save("stream.json", {}, 0.01, 1)
    ours = {"momentum": 0.7, "beta_2": 0.95, "epsilon": 1e-3, "weight_decay": 0.3, "ns_steps": 4}
    theirs = {"momentum": 0.7, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.3, "matalg_steps": 4}
    save("stream-dense.json", ours, RATES, 2, **theirs)
    save("stream-full-rank.json", {"momentum": 0.0, "weight_decay": 0.0}, 0.05, 3, momentum=0.0, weight_decay=0.0)


class PerMatrix:
    """An optimizer for each matrix: the configuration of the preconditioner differs between them."""

    def __init__(self, matrices, make):
        self.optimizers = [make(matrix) for matrix in matrices]
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def step(self):
        for optimizer in self.optimizers:
            optimizer.step()


SHAMPOO = ("facebookresearch/optimizers", "f60660661194de26d3ee78bae6d15820ff8e583d")


def one_sided_shampoo():
    """One-sided Shampoo with the length of Adam's steps; the exponent of the other side is 0."""
    with authors_package(FOLDER, *SHAMPOO, "distributed_shampoo") as package:
        pseudo_inverse = package.EigenConfig(
            rank_deficient_stability_config=package.PseudoInverseConfig(rank_rtol=1e-12)
        )

        def shampoo(matrix, side, power, epsilon, grafting_epsilon, frequency, betas, weight_decay):
            outputs, inputs = matrix.shape
            if side == "smaller":
                side = "outputs" if outputs < inputs else "inputs"
            powers = {0: power if side != "inputs" else 0.0, 1: power if side != "outputs" else 0.0}
            roots = {"amortized_computation_config": pseudo_inverse} if epsilon == 0.0 else {}
            return package.DistributedShampoo(
                [matrix],
                betas=betas,
                epsilon=epsilon,
                weight_decay=weight_decay,
                weight_decay_type=package.WeightDecayType.DECOUPLED,
                max_preconditioner_dim=8192,
                precondition_frequency=frequency,
                start_preconditioning_step=-1,
                preconditioner_config=package.RootInvShampooPreconditionerConfig(
                    factor_matrix_dtype=torch.float64,
                    inv_factor_matrix_dtype=torch.float64,
                    inverse_exponent_override={2: powers},
                    **roots,
                ),
                grafting_config=package.AdamPreconditionerConfig(beta2=betas[1], epsilon=grafting_epsilon),
                # Small matrices would be merged to vectors.
                distributed_config=package.SingleDeviceDistributedConfig(target_parameter_dimensionality=2),
            )

        reference = f"github.com/{SHAMPOO[0]} at {SHAMPOO[1][:10]}, distributed_shampoo with factors in 64 bits, "
        reference += "decoupled decay and Adam grafting, kernels as matrices, vectors untouched"

        def save(stream, config, lr, index, **changed):
            settings = {"side": "smaller", "power": 0.25, "epsilon": 0.0, "grafting_epsilon": 1e-15, "frequency": 1}
            settings |= {"betas": (0.9, 0.9), "weight_decay": 0.1} | changed
            each = lambda matrix: shampoo(matrix, **settings)
            make = lambda params: Matrices(params, lambda matrices: PerMatrix(matrices, each))
            expected = run_torch(Stream.load(stream), make, lr)
            write("one_sided_shampoo", config, lr, reference, stream, expected, index, source="package")

        save("stream.json", {}, 0.01, 1)
        ours = {"side": "outputs", "power": 0.5, "beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-3}
        ours |= {"grafting_epsilon": 0.1, "precondition_frequency": 4, "weight_decay": 0.3}
        theirs = {"side": "outputs", "power": 0.5, "betas": (0.7, 0.8), "epsilon": 1e-3}
        theirs |= {"grafting_epsilon": 0.1, "frequency": 4, "weight_decay": 0.3}
        save("stream-dense.json", ours, RATES, 2, **theirs)
        ours = {"side": "inputs", "power": 0.375, "beta_1": 0.0, "precondition_frequency": 3}
        theirs = {"side": "inputs", "power": 0.375, "betas": (0.0, 0.9), "frequency": 3}
        save("stream-full-rank.json", ours, 0.03, 3, **theirs)
        # Record 21 of track 3 of modded-nanogpt.
        ours = {"side": "both", "beta_2": 0.95, "epsilon": 1e-12, "grafting_epsilon": 1e-10}
        ours |= {"precondition_frequency": 5, "weight_decay": 0.2}
        theirs = {"side": "both", "betas": (0.9, 0.95), "epsilon": 1e-12, "grafting_epsilon": 1e-10}
        theirs |= {"frequency": 5, "weight_decay": 0.2}
        save("stream-full-rank.json", ours, 0.0015, 4, **theirs)


asgo()
one_sided_shampoo()
