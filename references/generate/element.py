"""Numbers of element-wise rules and of rules that estimate a step size.

    python element.py CHECKOUTS [RULE …]

`CHECKOUTS` holds clones of the authors' repositories, as `trajectory.authors_code` finds them.
"""

import os
import sys

os.environ["JAX_ENABLE_X64"] = "1"

import torch
from trajectory import Stream, authors_code, run_torch, write

HEAVYBALL = "heavyball 3.2.0"
DECAYING = [0.02 * (1 - t / 40) for t in range(30)]


def heavyball_rule(make):
    """Returns `make` without heavyball's compiler, whose results are the same."""
    import heavyball

    heavyball.utils.compile_mode = None
    return lambda params: make(heavyball, params)


def cautious_decay():
    stream = Stream.load("stream.json")
    make = heavyball_rule(
        lambda heavyball, params: heavyball.AdamW(
            params, lr=0.02, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.5, cautious_weight_decay=True
        )
    )
    expected = run_torch(stream, make, lr=0.02)
    config = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "weight_decay": 0.5, "cautious_decay": True}
    reference = f"{HEAVYBALL} AdamW, cautious_weight_decay=True"
    write("adamw", config, 0.02, reference, "stream.json", expected, index=CAUTIOUS_INDEX, source="package")


CAUTIOUS_INDEX = 3

GENERATORS = {"adamw": cautious_decay}


if __name__ == "__main__":
    CHECKOUTS = sys.argv[1]
    for name in sys.argv[2:] or GENERATORS:
        GENERATORS[name]()
