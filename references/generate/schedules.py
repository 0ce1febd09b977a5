"""References of schedules: 60 rates of each.

Keras computes in 64 bits on JAX. Schedules without a package that has them are written down from their
definition.
"""

import json
import math
import os
from importlib.metadata import version
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import optax
import torch
from pytorch_optimizer.lr_scheduler import REXScheduler, get_wsd_schedule
from trajectory import rounded

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")
keras.backend.set_floatx("float64")

STEPS = 60
SCHEDULES = Path(__file__).resolve().parent.parent / "schedules"
TORCH = f"PyTorch {torch.__version__.split('+')[0]}"
PYTORCH_OPTIMIZER = f"pytorch_optimizer {version('pytorch_optimizer')}"
lr_scheduler = torch.optim.lr_scheduler


def write(schedule, config, reference, expected, source="package", **more):
    content = {"schedule": schedule, "config": config, "reference": reference, "source": source}
    content |= {"expected": rounded(expected, 12), **more}
    (SCHEDULES / f"{schedule}.json").write_text(json.dumps(content, allow_nan=False))


def of_torch(make, lr=0.1, metrics=None):
    """Returns the rates of a scheduler of PyTorch; `metrics[t]` is what it is told after step `t`."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = make(optimizer)
    rates = []
    for t in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        # The last step of OneCycleLR's run has no next one.
        if t + 1 < STEPS:
            scheduler.step(*([] if metrics is None else [metrics[t]]))
    return rates


def of_function(rate):
    return [float(rate(t)) for t in range(STEPS)]


write(
    "constant",
    {"initial_lr": 0.1},
    f"optax {optax.__version__} constant_schedule, in 64 bits",
    of_function(optax.constant_schedule(0.1)),
)
write(
    "cosine",
    {"initial_lr": 0.1, "total_steps": 50, "min_lr": 0.0},
    f"optax {optax.__version__} cosine_decay_schedule, in 64 bits (constant at min_lr after total_steps)",
    of_function(optax.cosine_decay_schedule(0.1, 50)),
)
write(
    "cosine_restarts",
    {"initial_lr": 0.1, "first_period": 10, "period_factor": 2, "min_lr": 0.0},
    f"{TORCH} CosineAnnealingWarmRestarts",
    of_torch(lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 10, 2)),
)
write(
    "cyclic",
    {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 8, "step_size_down": 8, "mode": "triangular"},
    f"{TORCH} CyclicLR",
    of_torch(lambda optimizer: lr_scheduler.CyclicLR(optimizer, 0.01, 0.1, 8, 8, cycle_momentum=False)),
)
write(
    "exponential",
    {"initial_lr": 0.1, "gamma": 0.95},
    f"{TORCH} ExponentialLR",
    of_torch(lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.95)),
)
write(
    "inverse_sqrt",
    {"peak_lr": 0.1, "warmup_steps": 10},
    "definition: linear warm-up, then peak_lr*sqrt(warmup_steps/t)",
    of_function(lambda t: 0.1 * (t / 10 if t < 10 else math.sqrt(10 / t))),
    source="formula",
)
write(
    "inverse_time",
    {"initial_lr": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": False},
    f"Keras {keras.__version__} InverseTimeDecay",
    of_function(keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)),
)
write(
    "linear",
    {"initial_lr": 0.1, "end_lr": 0.01, "total_steps": 50},
    f"{TORCH} LinearLR",
    of_torch(lambda optimizer: lr_scheduler.LinearLR(optimizer, 1.0, 0.1, 50)),
)
write(
    "multi_step",
    {"initial_lr": 0.1, "milestones": [10, 25, 40], "gamma": 0.5},
    f"{TORCH} MultiStepLR",
    of_torch(lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [10, 25, 40], 0.5)),
)
write(
    "noam",
    {"factor": 1.0, "model_size": 64, "warmup_steps": 10},
    "Vaswani et al. 2017, step counted from 1",
    of_function(lambda t: 64**-0.5 * min((t + 1) ** -0.5, (t + 1) * 10**-1.5)),
    source="formula",
)
write(
    "one_cycle",
    {
        "max_lr": 0.1,
        "total_steps": 60,
        "pct_start": 0.3,
        "anneal": "cosine",
        "div_factor": 25.0,
        "final_div_factor": 10000.0,
        "three_phase": False,
    },
    f"{TORCH} OneCycleLR",
    of_torch(lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, 60, cycle_momentum=False)),
)
values = [0.1, 0.010000000000000002, 0.001]
write(
    "piecewise_constant",
    {"boundaries": [10, 30], "values": values},
    f"Keras {keras.__version__} PiecewiseConstantDecay",
    of_function(keras.optimizers.schedules.PiecewiseConstantDecay([10, 30], values)),
)
write(
    "polynomial",
    {"initial_lr": 0.1, "total_steps": 50, "power": 1.0, "end_lr": 0.0},
    f"{TORCH} PolynomialLR",
    of_torch(lambda optimizer: lr_scheduler.PolynomialLR(optimizer, 50)),
)
# The metrics are drawn: they are given, and only the rates are computed.
metrics = json.loads((SCHEDULES / "reduce_on_plateau.json").read_text())["metrics"]
write(
    "reduce_on_plateau",
    {
        "initial_lr": 0.1,
        "factor": 0.5,
        "patience": 3,
        "threshold": 1e-4,
        "cooldown": 2,
        "min_lr": 1e-4,
        "mode": "min",
    },
    f"{TORCH} ReduceLROnPlateau; metric t is reported after step t",
    of_torch(
        lambda optimizer: lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=0.5, patience=3, threshold=1e-4, cooldown=2, min_lr=1e-4
        ),
        metrics=metrics,
    ),
    metrics=metrics,
)


class Rex(REXScheduler):
    """The scheduler, whose first rate would be `min_lr`, one step earlier."""

    def __init__(self, optimizer):
        super().__init__(optimizer, total_steps=50, max_lr=0.1)
        self.step_t = 0
        self.step()


write("rex", {"initial_lr": 0.1, "total_steps": 50, "min_lr": 0.0}, f"{PYTORCH_OPTIMIZER} REXScheduler", of_torch(Rex))
write(
    "step",
    {"initial_lr": 0.1, "step_size": 20, "gamma": 0.5},
    f"{TORCH} StepLR",
    of_torch(lambda optimizer: lr_scheduler.StepLR(optimizer, 20, 0.5)),
)
write(
    "warmup_cosine",
    {"initial_lr": 0.0, "peak_lr": 0.1, "warmup_steps": 10, "total_steps": 50, "end_lr": 0.0},
    f"optax {optax.__version__} warmup_cosine_decay_schedule, in 64 bits (total_steps counts the warm-up)",
    of_function(optax.warmup_cosine_decay_schedule(0.0, 0.1, 10, 50)),
)
for shape, cooldown in [("linear", "linear"), ("sqrt", "1-sqrt"), ("cosine", "cosine"), ("square", "1-square")]:
    write(
        "warmup_stable_decay" if shape == "linear" else f"warmup_stable_decay_{shape}",
        {
            "peak_lr": 0.1,
            "warmup_steps": 10,
            "total_steps": 50,
            "decay_steps": 15,
            "decay_shape": shape,
            "end_lr": 0.0,
        },
        f"{PYTORCH_OPTIMIZER} get_wsd_schedule (cooldown_type={cooldown!r})",
        of_torch(lambda optimizer: get_wsd_schedule(optimizer, 10, 25, 15, cooldown_type=cooldown)),
    )
