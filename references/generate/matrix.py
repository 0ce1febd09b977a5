"""Writes the references of rules that look at matrices or save memory, by running their authors' code.

    python references/generate/matrix.py CHECKOUTS [RULE ...]

`CHECKOUTS` holds clones of the repositories below, as `OWNER/NAME` or `OWNER+NAME/repo`.
"""

import sys

from trajectory import Stream, authors_code, run_torch, write

SCION = ("LIONS-EPFL/scion", "f58a393e010395a5913176be5673d8839caa6285", "scion.py")
ADAM_MINI = ("zyushun/Adam-mini", "402aadfed23719f3b92c8e78b5d49ad499ff7ada", "adam_mini/adam_mini.py")
SPLUS = ("kvfrans/splus", "d96bd16bc6c937256e2a28e5bf2cbd8c4984da68", "torch/splus.py")


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


RULES = [scion, adam_mini, splus]


def main():
    checkouts, *names = sys.argv[1:]
    for rule in RULES:
        if not names or rule.__name__ in names:
            rule(checkouts)


main()
