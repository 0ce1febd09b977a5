"""Writes the references of rules that look at matrices or save memory, by running their authors' code.

    python references/generate/matrix.py CHECKOUTS [RULE ...]

`CHECKOUTS` holds clones of the repositories below, as `OWNER/NAME` or `OWNER+NAME/repo`.
"""

import sys

import torch

from chacha import Random
from trajectory import Stream, authors_code, run_torch, write

SCION = ("LIONS-EPFL/scion", "f58a393e010395a5913176be5673d8839caa6285", "scion.py")
ADAM_MINI = ("zyushun/Adam-mini", "402aadfed23719f3b92c8e78b5d49ad499ff7ada", "adam_mini/adam_mini.py")
SPLUS = ("kvfrans/splus", "d96bd16bc6c937256e2a28e5bf2cbd8c4984da68", "torch/splus.py")
GALORE = ("jiaweizzhao/GaLore", "2cc66f88cce189e505affbb91042a8e77f5bf4e9")
SOAP_MUON = ("nikhilvyas/SOAP_MUON", "3035e10c6cc1ec644010029f1e1832f85e942570", "nanogpt_optimizer.py")
KL = ("yorkerlin/KL-Methods", "a02e6221556301cf84f9607c73f327910afb2b95", "optim/kl_opt.py")
KRON = ("evanatyourservice/kron_torch", "884427c32bc45e8293e20c26c85e4ccc4f68c9d1")
APOLLO = ("zhuhanqing/APOLLO", "76b34725abcbd45aa47d8fdf831c8b5ba6d34dde")


def scion(checkouts):
    """Scion in 64 bits: the cast to bfloat16 is taken out."""
    edits = [("@torch.compile\n", ""), ("X = G.bfloat16()", "X = G")]
    code = authors_code(checkouts, *SCION, edits=edits)
    reference = f"github.com/{SCION[0]} at {SCION[1][:10]}, scion.py, in 64 bits without its cast to bfloat16"

    def make(last_norm, norm, scale, last_scale, **settings):
        def build(params):
            last = [p for p in params if p.ndim >= 2][-1:]
            last = [p for p in last if p.ndim == 2]
            hidden = [p for p in params if p.ndim == 2 and not any(p is q for q in last)]
            rest = [p for p in params if p.ndim != 2]
            groups = [
                {"params": last, "norm": last_norm[0], "norm_kwargs": last_norm[1], "scale": last_scale},
                {"params": hidden, "norm": norm[0], "norm_kwargs": norm[1], "scale": scale},
                {"params": rest, "norm": "Auto", "norm_kwargs": {}, "scale": scale},
            ]
            return code.Scion([group for group in groups if group["params"]], **settings)

        return build

    dense, mixed = "stream-dense.json", "stream.json"
    lr = 1 / 4096
    build = make(("Sign", {}), ("Spectral", {}), 50.0, 3000.0, momentum=0.1)
    expected = run_torch(Stream.load(dense), build, lr)
    write("scion", {}, lr, reference, dense, expected, source="authors")

    settings = {"momentum": 0.0, "constrained": False, "norm": "spectral", "scale": 2.0, "ns_steps": 5}
    build = make(("Sign", {}), ("Spectral", {}), 2.0, 1.0, momentum=1.0, unconstrained=True)
    expected = run_torch(Stream.load(mixed), build, 0.01)
    write("scion", settings, 0.01, reference, mixed, expected, index=2, source="authors")

    settings = {"momentum": 0.5, "norm": "row", "scale": 3.0, "last_norm": "column", "last_scale": 20.0}
    build = make(("ColNorm", {"normalized": True}), ("RowNorm", {}), 3.0, 20.0, momentum=0.5)
    expected = run_torch(Stream.load(dense), build, 0.05)
    write("scion", settings, 0.05, reference, dense, expected, index=3, source="authors")


def adam_mini(checkouts):
    """Adam-mini by the roles of the parameters: a vector is the gain of a normalization."""
    code = authors_code(checkouts, *ADAM_MINI, edits=[("torch.tensor(p.numel()).to(torch.float32)", "torch.tensor(p.numel())")])
    reference = f"github.com/{ADAM_MINI[0]} at {ADAM_MINI[1][:10]}, adam_mini.py: linear weights as `mlp`, vectors as `norm`"
    names = {"linear_weight": "mlp.weight", "vector": "norm.weight", "conv_weight": "conv.weight"}

    def make(**settings):
        def build(params):
            named = [(names[p.role], p) for p in params]
            return code.Adam_mini(named, verbose=False, **settings)

        return build

    expected = run_torch(Stream.load("stream.json"), make(), 0.01)
    write("adam_mini", {}, 0.01, reference, "stream.json", expected, source="authors")
    settings = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3, "weight_decay": 0.1}
    build = make(betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)
    rates = [0.02 / (1 + t / 10) for t in range(30)]
    expected = run_torch(Stream.load("stream-dense.json"), build, rates)
    write("adam_mini", settings, rates, reference, "stream-dense.json", expected, index=2, source="authors")


def splus(checkouts):
    """SPlus, with the average that it evaluates."""
    code = authors_code(checkouts, *SPLUS)
    reference = f"github.com/{SPLUS[0]} at {SPLUS[1][:10]}, torch/splus.py"

    def average(optimizer, params):
        decay = optimizer.param_groups[0]["ema_rate"]
        return [optimizer.state[p]["ema"] / (1 - decay ** optimizer.state[p]["step"].item()) for p in params]

    stream = Stream.load("stream-full-rank.json")
    expected, evaluated = run_torch(stream, lambda params: code.SPlus(params), 0.1, evaluate=average)
    write("splus", {}, 0.1, reference, "stream-full-rank.json", expected, expected_eval=evaluated, source="authors")

    ours = {"beta_1": 0.8, "beta_2": 0.9, "average_decay": 0.9, "weight_decay": 0.1, "precondition_frequency": 3}
    ours |= {"max_precond_dim": 4, "vector_lr_factor": 0.02}
    theirs = {"b1": 0.8, "b2": 0.9, "ema_rate": 0.9, "weight_decay": 0.1, "inverse_every": 3}
    # A dimension of 5 has no basis, one of 3 has one.
    theirs |= {"max_dim": 4.5, "nonstandard_constant": 0.02}
    build = lambda params: code.SPlus(params, **theirs)
    expected, evaluated = run_torch(stream, build, 0.3, evaluate=average)
    write("splus", ours, 0.3, reference, "stream-full-rank.json", expected, 2, evaluated, source="authors")

    ours |= {"max_precond_dim": 5}
    theirs |= {"max_dim": 5.5}
    expected, evaluated = run_torch(stream, build, 0.3, evaluate=average)
    write("splus", ours, 0.3, reference, "stream-full-rank.json", expected, 3, evaluated, source="authors")


# The lines of the copies of transformers' AdamW that need transformers.
NO_TRANSFORMERS = [
    ("from transformers.utils.versions import require_version", "require_version = print"),
    ('require_version("torch>=1.5.0")', "pass"),
]


def projected(params, **settings):
    """Returns groups of hidden weights, which are projected, and of the rest."""
    last = [p for p in params if p.ndim >= 2][-1]
    hidden = [p for p in params if p.ndim == 2 and p is not last]
    rest = [p for p in params if p.ndim != 2 or p is last]
    return [{"params": hidden, "proj_type": "std", **settings}, {"params": rest}]


def galore(checkouts):
    """GaLore with singular vectors in 64 bits, whose largest element is made positive."""
    svd = "U, s, Vh = torch.linalg.svd(matrix, full_matrices = False)"
    edits = [(svd, "U, s, Vh = signed(matrix)"), ("matrix = module_params.data.float()", "matrix = module_params.data")]
    projector = authors_code(checkouts, *GALORE, "galore_torch/galore_projector.py", edits)

    def signed(matrix):
        u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
        signs_u = u.gather(0, u.abs().argmax(0, keepdim=True)).sign()
        signs_v = vh.gather(1, vh.abs().argmax(1, keepdim=True)).sign()
        return u * signs_u, s, vh * signs_v

    projector.signed = signed
    edits = NO_TRANSFORMERS + [
        ("from .galore_projector import GaLoreProjector\n", ""),
        ("from .galore_projector_tensor import GaLoreProjectorTensor\n", ""),
    ]
    code = authors_code(checkouts, *GALORE, "galore_torch/adamw.py", edits)
    code.GaLoreProjector = projector.GaLoreProjector
    reference = f"github.com/{GALORE[0]} at {GALORE[1][:10]}, galore_torch/adamw.py, with singular vectors of 64 bits, "
    reference += "the largest element of each made positive"

    def make(params, frequency, rank, scale, **settings):
        groups = projected(params, rank=rank, update_proj_gap=frequency, scale=scale)
        return code.AdamW(groups, no_deprecation_warning=True, **settings)

    ours = {"rank": 2, "projection_frequency": 7}
    build = lambda params: make(params, 7, 2, 0.25, lr=0.01)
    expected = run_torch(Stream.load("stream-dense.json"), build, 0.01)
    write("galore", ours, 0.01, reference, "stream-dense.json", expected, source="authors")

    ours = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3, "weight_decay": 0.1}
    ours |= {"rank": 3, "projection_frequency": 10, "scale": 2.0}
    build = lambda params: make(params, 10, 3, 2.0, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)
    expected = run_torch(Stream.load("stream-full-rank.json"), build, 0.02)
    write("galore", ours, 0.02, reference, "stream-full-rank.json", expected, index=2, source="authors")


def apollo(checkouts):
    """APOLLO with the random numbers of `optlab_core::random`."""
    projector = authors_code(checkouts, *APOLLO, "apollo_torch/random_projector.py")
    # `next_seed` counts the projections; the first seed is that of the setting.
    projector.next_seed = lambda seed: (seed[0], seed[1] + 1)

    def stable_randn(shape, seed, device, dtype):
        random = Random(seed[0], purpose=18, index=seed[1])
        # Ours is [smaller dimension, rank], row-major.
        is_right = shape[0] == RANK
        size = shape[1] if is_right else shape[0]
        numbers = torch.tensor([random.normal() for _ in range(size * RANK)]).reshape(size, RANK)
        return numbers.T if is_right else numbers

    projector.stable_randn = stable_randn
    edits = NO_TRANSFORMERS + [
        ("from .svd_projector import GaLoreProjector\n", ""),
        ("from .random_projector import GradientProjector\n", ""),
    ]
    code = authors_code(checkouts, *APOLLO, "apollo_torch/apollo.py", edits)
    code.GradientProjector = projector.GradientProjector
    reference = f"github.com/{APOLLO[0]} at {APOLLO[1][:10]}, apollo_torch/apollo.py, "
    reference += "with the random numbers of optlab_core::random"

    def make(params, rank, frequency, scale, scale_type, seed, **settings):
        global RANK
        RANK = rank
        options = {"rank": rank, "update_proj_gap": frequency, "scale": scale, "scale_type": scale_type}
        optimizer = code.AdamW(projected(params, proj="random", **options), **settings)
        for p in params:
            optimizer.state[p]["seed"] = (seed, 0)
        return optimizer

    ours = {"rank": 2, "projection_frequency": 7}
    build = lambda params: make(params, 2, 7, 1.0, "channel", 0)
    expected = run_torch(Stream.load("stream-dense.json"), build, 0.01)
    write("apollo", ours, 0.01, reference, "stream-dense.json", expected, source="authors")

    ours = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3, "weight_decay": 0.1}
    ours |= {"rank": 1, "projection_frequency": 10, "scale": 16.0, "scale_type": "tensor", "seed": 5}
    build = lambda params: make(params, 1, 10, 16.0, "tensor", 5, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)
    expected = run_torch(Stream.load("stream-full-rank.json"), build, 0.02)
    write("apollo", ours, 0.02, reference, "stream-full-rank.json", expected, index=2, source="authors")

    ours = {"rank": 4, "projection_frequency": 5}
    build = lambda params: make(params, 4, 5, 1.0, "channel", 0)
    expected = run_torch(Stream.load("stream-full-rank.json"), build, 0.01)
    write("apollo", ours, 0.01, reference, "stream-full-rank.json", expected, index=3, source="authors")


def kron(checkouts):
    """PSGD Kron with the probes of `optlab_core::random`, balanced after a number of updates."""
    balance = "balance = self.rng.random() < 0.01 and do_update"
    counted = "self.updates = getattr(self, 'updates', 0) + int(do_update); "
    counted += "balance = bool(do_update) and self.updates % self.balance_frequency == 0"
    edits = [
        ("@torch.compile\n", ""),
        ("self._compiled = True", "self._compiled = False"),
        ("V = torch.randn_like(G)", "V = probe(G)"),
        (balance, counted),
        ("A.float()", "A"),
        ("X.reshape(-1, X.size(-1)).float()", "X.reshape(-1, X.size(-1))"),
    ]
    code = authors_code(checkouts, *KRON, "kron_torch/kron.py", edits)
    reference = f"github.com/{KRON[0]} at {KRON[1][:10]}, kron_torch/kron.py, in 64 bits, with the probes of "
    reference += "optlab_core::random, balanced after a number of updates"
    seed, now = 0, 0

    def probe(grad):
        random = Random(seed, purpose=19, index=now)
        return torch.tensor([random.normal() for _ in range(grad.numel())]).reshape(grad.shape)

    def step(optimizer, t):
        nonlocal now
        now = t + 1
        optimizer.step()

    code.probe = probe

    def make(params, balance_frequency=100, **settings):
        optimizer = code.Kron(params, precond_dtype=torch.float64, **settings)
        optimizer.balance_frequency = balance_frequency
        return optimizer

    expected = run_torch(Stream.load("stream.json"), make, 0.01, step=step)
    write("kron", {}, 0.01, reference, "stream.json", expected, source="authors")

    seed = 3
    ours = {"beta_1": 0.8, "weight_decay": 0.1, "update_probability": 0.5, "precond_lr": 0.3, "seed": 3}
    ours |= {"precond_init_scale": 0.5, "memory_save_mode": "smart_one_diag", "balance_frequency": 4}
    theirs = {"b1": 0.8, "weight_decay": 0.1, "preconditioner_update_probability": 0.5, "precond_lr": 0.3}
    theirs |= {"precond_init_scale": 0.5, "memory_save_mode": "smart_one_diag", "balance_frequency": 4}
    build = lambda params: make(params, **theirs)
    expected = run_torch(Stream.load("stream.json"), build, 0.05, step=step)
    write("kron", ours, 0.05, reference, "stream.json", expected, index=2, source="authors")

    seed = 0
    ours = {"momentum_into_precond_update": False, "memory_save_mode": "one_diag", "balance_frequency": 3}
    build = lambda params: make(params, **ours)
    expected = run_torch(Stream.load("stream-full-rank.json"), build, 0.03, step=step)
    write("kron", ours, 0.03, reference, "stream-full-rank.json", expected, index=3, source="authors")

    build = lambda params: make(params, max_size_triangular=4)
    expected = run_torch(Stream.load("stream-dense.json"), build, 0.03, step=step)
    write("kron", {"max_precond_dim": 4}, 0.03, reference, "stream-dense.json", expected, index=4, source="authors")

    # Few steps: in many, the noise in the gradients is too small a share of the way.
    expected = run_torch(Stream.load("stream-dense.json"), make, 1.0, steps=(1, 2, 3), step=step)
    write("kron", {}, 1.0, reference, "stream-dense.json", expected, index=5, source="authors")


class Matrices:
    """The optimizer of the parameters of two dimensions or more, as matrices that share their memory."""

    def __init__(self, params, make):
        self.params = [p for p in params if p.ndim >= 2]
        self.matrices = [torch.nn.Parameter(p.data.view(len(p), -1)) for p in self.params]
        self.inner = make(self.matrices)
        self.param_groups = self.inner.param_groups

    def step(self):
        for param, matrix in zip(self.params, self.matrices):
            matrix.grad = param.grad.view(matrix.shape)
        self.inner.step()


def kl(checkouts, using_klsoap):
    """KL-Shampoo and KL-SOAP in 64 bits, with kernels as matrices."""
    edits = [("    @torch.compile\n", ""), ("m.data.float()", "m.data"), ("o.data.float()", "o.data")]
    code = authors_code(checkouts, *KL, edits=edits)
    reference = f"github.com/{KL[0]} at {KL[1][:10]}, optim/kl_opt.py, in 64 bits, kernels as matrices"

    def make(params, **settings):
        cast = torch.float64
        return Matrices(params, lambda m: code.KLOpt(m, using_klsoap=using_klsoap, cast_dtype=cast, **settings))

    name, stream = ("kl_soap" if using_klsoap else "kl_shampoo"), "stream-matrices.json"
    expected = run_torch(Stream.load(stream), make, 0.01)
    write(name, {}, 0.01, reference, stream, expected, source="authors")

    ours = {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 0.1, "weight_decay": 0.1, "precondition_frequency": 2}
    ours |= {"init_factor": 0.5}
    theirs = {"betas": (0.8, 0.9), "eps": 0.1, "weight_decay": 0.1, "precondition_frequency": 2, "init_factor": 0.5}
    expected = run_torch(Stream.load(stream), lambda params: make(params, **theirs), 0.02)
    write(name, ours, 0.02, reference, stream, expected, index=2, source="authors")


def kl_shampoo(checkouts):
    kl(checkouts, using_klsoap=False)


def kl_soap(checkouts):
    kl(checkouts, using_klsoap=True)


def soap_muon(checkouts):
    """SOAP-Muon in 64 bits, with kernels as matrices; vectors stay as they are."""
    code = authors_code(checkouts, *SOAP_MUON, edits=[("@torch.compile()\n", ""), (".data.float()", ".data")])
    reference = f"github.com/{SOAP_MUON[0]} at {SOAP_MUON[1][:10]}, nanogpt_optimizer.py, in 64 bits, "
    reference += "kernels as matrices, vectors untouched"
    make = lambda params, **settings: Matrices(params, lambda matrices: code.SOAP_Muon(matrices, **settings))

    expected = run_torch(Stream.load("stream-full-rank.json"), make, 0.01)
    write("soap_muon", {}, 0.01, reference, "stream-full-rank.json", expected, source="authors")

    ours = {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3, "weight_decay": 0.1, "nesterov": True}
    ours |= {"precondition_frequency": 2, "max_precond_dim": 4, "ns_steps": 3}
    theirs = {"betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1, "nestrov": True}
    theirs |= {"precondition_frequency": 2, "max_precond_dim": 4, "newton_schulz_steps": 3}
    expected = run_torch(Stream.load("stream-dense.json"), lambda params: make(params, **theirs), 0.01)
    write("soap_muon", ours, 0.01, reference, "stream-dense.json", expected, index=2, source="authors")

    expected = run_torch(Stream.load("stream-dense.json"), lambda params: make(params, projection_type="std"), 0.02)
    ours = {"smaller_side_only": True}
    write("soap_muon", ours, 0.02, reference, "stream-dense.json", expected, index=3, source="authors")


RULES = [scion, adam_mini, splus, galore, apollo, kron, kl_shampoo, kl_soap, soap_muon]


def main():
    checkouts, *names = sys.argv[1:]
    for rule in RULES:
        if not names or rule.__name__ in names:
            rule(checkouts)


if __name__ == "__main__":
    main()
