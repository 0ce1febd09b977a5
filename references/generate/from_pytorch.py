"""References of the rules that `torch.optim` has."""

import torch
from trajectory import Stream, run_torch, write

optim = torch.optim
ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}

# Rule, class of PyTorch and its arguments, our settings, learning rate, and what the class needs said.
RULES = [
    ("adadelta", optim.Adadelta, {}, {"rho": 0.9, "epsilon": 1e-6, "weight_decay": 0.0}, 1.0, ""),
    (
        "adafactor",
        optim.Adafactor,
        {"eps": (1e-30, 1e-3), "weight_decay": 0.0},
        {"beta_2_decay": -0.8, "epsilon_1": 1e-30, "epsilon_2": 1e-3, "clip_threshold": 1.0, "weight_decay": 0.0},
        0.01,
        " (eps=(1e-30, 1e-3))",
    ),
    (
        "adagrad",
        optim.Adagrad,
        {},
        {"epsilon": 1e-10, "weight_decay": 0.0, "lr_decay": 0.0, "initial_accumulator_value": 0.0},
        0.05,
        "",
    ),
    ("adam", optim.Adam, {}, ADAM | {"weight_decay": 0.0, "amsgrad": False}, 0.01, ""),
    ("adamax", optim.Adamax, {}, ADAM | {"weight_decay": 0.0}, 0.01, ""),
    ("adamw", optim.AdamW, {"weight_decay": 0.01}, ADAM | {"weight_decay": 0.01, "amsgrad": False}, 0.01, ""),
    (
        "nadam",
        optim.NAdam,
        {},
        ADAM | {"weight_decay": 0.0, "momentum_decay": 0.004, "decoupled_weight_decay": False},
        0.01,
        "",
    ),
    ("radam", optim.RAdam, {}, ADAM | {"weight_decay": 0.0, "decoupled_weight_decay": False}, 0.01, ""),
    (
        "rmsprop",
        optim.RMSprop,
        {},
        {"alpha": 0.99, "epsilon": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": False},
        0.01,
        "",
    ),
    ("rprop", optim.Rprop, {}, {"eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0}, 0.01, ""),
    (
        "sgd",
        optim.SGD,
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        {"momentum": 0.9, "dampening": 0.0, "nesterov": True, "weight_decay": 0.01},
        0.05,
        "",
    ),
]

stream = Stream.load("stream.json")
for rule, optimizer, arguments, config, lr, note in RULES:
    # Some of the classes keep the rate of the construction in their state.
    expected = run_torch(stream, lambda params: optimizer(params, lr=lr, **arguments), lr)
    reference = f"PyTorch {torch.__version__.split('+')[0]} torch.optim.{optimizer.__name__}{note}"
    write(rule, config, lr, reference, "stream.json", expected, source="package")
