"""References of schedules: 60 values each of those of momenta and of long runs.

    python references/generate/further_schedules.py FOLDER

FOLDER holds the clones `open-lm-engine/lm-engine` and `vaibhav016/gpt-neox`, as `OWNER/NAME` or `OWNER+NAME/repo`.
"""

import json
import math
import subprocess
import sys
import types
from importlib.metadata import version
from pathlib import Path

import numpy
import torch
from pytorch_optimizer.lr_scheduler.chebyshev import get_chebyshev_permutation, get_chebyshev_steps
from trajectory import rounded

STEPS = 60
SCHEDULES = Path(__file__).resolve().parent.parent / "schedules"
TORCH = f"PyTorch {torch.__version__.split('+')[0]}"
lr_scheduler = torch.optim.lr_scheduler


def write(schedule, config, reference, expected, source):
    content = {"schedule": schedule, "config": config, "reference": reference, "source": source}
    content["expected"] = rounded(expected, 12)
    (SCHEDULES / f"{schedule}.json").write_text(json.dumps(content, allow_nan=False))


def module_of(repository, paths, replacements, commit="HEAD"):
    """Runs files of a clone one after the other, with lines of them replaced, and returns their names."""
    module = types.ModuleType(repository.replace("/", "_"))
    for path in paths:
        for folder in [Path(sys.argv[1], repository), Path(sys.argv[1], repository.replace("/", "+"), "repo")]:
            if folder.exists():
                show = ["git", "-C", folder, "show", f"{commit}:{path}"]
                text = subprocess.run(show, check=True, capture_output=True, text=True).stdout
        for line, replacement in replacements.items():
            text = text.replace(line, replacement)
        exec(compile(text, path, "exec"), module.__dict__)
    return module


def momenta(make, field="momentum"):
    """Returns the momenta that a scheduler of PyTorch sets."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.5)
    scheduler = make(optimizer)
    values = []
    for t in range(STEPS):
        values.append(optimizer.param_groups[0][field])
        optimizer.step()
        if t + 1 < STEPS:
            scheduler.step()
    return values


for name, anneal, three_phase in [("one_cycle_momentum", "cos", False), ("one_cycle_momentum_linear", "linear", True)]:
    write(
        name,
        {
            "base_momentum": 0.85,
            "max_momentum": 0.95,
            "total_steps": 60,
            "pct_start": 0.3,
            "anneal": "cosine" if anneal == "cos" else anneal,
            "three_phase": three_phase,
        },
        f"{TORCH} OneCycleLR, momentum with cycle_momentum=True",
        momenta(
            lambda optimizer: lr_scheduler.OneCycleLR(
                optimizer, 0.1, 60, anneal_strategy=anneal, three_phase=three_phase
            )
        ),
        "package",
    )
for name, mode in [("cyclic_momentum", "triangular"), ("cyclic_momentum_triangular2", "triangular2")]:
    write(
        name,
        {"base_momentum": 0.8, "max_momentum": 0.9, "step_size_up": 8, "step_size_down": 5, "mode": mode},
        f"{TORCH} CyclicLR, momentum with cycle_momentum=True",
        momenta(lambda optimizer: lr_scheduler.CyclicLR(optimizer, 0.01, 0.1, 8, 5, mode=mode)),
        "package",
    )

engine = module_of(
    "open-lm-engine/lm-engine",
    [f"lm_engine/optimization/lr_scheduler/{name}.py" for name in ("base", "linear", "power")],
    {"from .base import _LRScheduler": "", "from .linear import _linear": ""},
    commit="36bad91e0f59e5cfafd692f71b6cbcf3e13ff7ed",
)
optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.02)
scheduler = engine.PowerScheduler(optimizer, 10, 0, None, STEPS, 0.1, a=4.0, b=-0.51, c=2048.0)
rates = []
for t in range(STEPS):
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
write(
    "power",
    {"max_lr": 0.02, "factor": 4.0, "power": 0.51, "tokens_per_step": 2048.0, "warmup_steps": 10},
    "open-lm-engine/lm-engine PowerScheduler",
    rates,
    "authors",
)

# The warm-up, the constant part and the decay are the authors' code; the cosine is that of their paper.
neox = module_of(
    "vaibhav016/gpt-neox",
    ["megatron/learning_rates.py"],
    {"from megatron import print_rank_0": "print_rank_0 = str"},
    commit="00c41afa6bfb15d7e7870cc17fafd67b203e2139",
)
scheduler = neox.AnnealingLR(
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1),
    start_lr=0.1,
    warmup_iter=5,
    total_iters=50,
    decay_style="constant_infinite",
    last_iter=0,
    min_lr=0.005,
    constant_lr=0.04,
    constant_iters_percent=35 / 50,
    cooldown_iters_percent=20 / 50,
    num_repeats=1,
)


def infinite(t):
    if 5 < t <= 25:
        return 0.04 + (0.1 - 0.04) / 2 * (1 + math.cos(math.pi * (t - 5) / 20))
    scheduler.num_iters = t
    # Past its end the authors' code begins again.
    return scheduler.get_lr() if t < 50 else 0.005


write(
    "infinite_cosine",
    {
        "peak_lr": 0.1,
        "constant_lr": 0.04,
        "min_lr": 0.005,
        "warmup_steps": 5,
        "cooldown_steps": 20,
        "decay_steps": 10,
        "total_steps": 50,
    },
    "vaibhav016/gpt-neox AnnealingLR (constant_infinite), with the cosine of Ibrahim et al. 2024 from step 5 to 25",
    [infinite(t) for t in range(STEPS)],
    "formula",
)

steps = get_chebyshev_steps(32, 0.05, 1.0)[get_chebyshev_permutation(32)]
write(
    "chebyshev",
    {"max_lr": 0.1, "condition": 20.0, "cycle": 32, "fractal": True},
    f"pytorch_optimizer {version('pytorch_optimizer')} get_chebyshev_steps, get_chebyshev_permutation",
    [float(rate) for rate in numpy.resize(0.1 * 0.05 * steps, STEPS)],
    "package",
)
write(
    "power_cool",
    {"initial_lr": 0.1, "total_steps": 50, "decay_steps": 30, "power": 1.2},
    "definition: constant, then proportional to (total_steps - t)^1.2",
    [0.1 if t <= 20 else 0.1 * max(50 - t, 0) ** 1.2 / 30**1.2 for t in range(STEPS)],
    "formula",
)
