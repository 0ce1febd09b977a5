"""References of the rules that pytorch_optimizer and optax have, and whose authors' code is not run."""

import copy
from importlib.metadata import version

import jax
import numpy
import optax
import pytorch_optimizer
from trajectory import STEPS, Stream, run_torch, write

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


def run_optax(stream, transformation, steps=STEPS):
    """Runs `transformation`, which includes the learning rate, along `stream`. Tensors keep our layout."""

    def tensors(lists):
        return [
            jax.numpy.asarray(numpy.array(flat, dtype=numpy.float64).reshape(parameter.shape))
            for parameter, flat in zip(stream.parameters, lists, strict=True)
        ]

    params = tensors([parameter.initial for parameter in stream.parameters])
    state = transformation.init(params)
    expected = {}
    for t in range(max(steps)):
        updates, state = transformation.update(tensors(stream.gradients[t]), state, params)
        params = optax.apply_updates(params, updates)
        if t + 1 in steps:
            expected[t + 1] = [numpy.asarray(param).reshape(-1).tolist() for param in params]
    return expected


stream = Stream.load("stream.json")


def of_optax(rule, transformation, config, lr):
    reference = f"optax {optax.__version__} {rule}"
    write(rule, config, lr, reference, "stream.json", run_optax(stream, transformation), source="package")


def of_pytorch_optimizer(rule, make, config, lr, note=""):
    expected = run_torch(stream, make, lr)
    name = f"pytorch_optimizer {version('pytorch_optimizer')} {note}"
    write(rule, config, lr, name, "stream.json", expected, source="package")


ADAM = {"beta_1": 0.9, "beta_2": 0.999}
of_optax("lamb", optax.lamb(0.01, weight_decay=0.01), ADAM | {"epsilon": 1e-6, "weight_decay": 0.01}, 0.01)
of_optax(
    "novograd",
    optax.novograd(0.01, weight_decay=0.01),
    {"beta_1": 0.9, "beta_2": 0.25, "epsilon": 1e-6, "weight_decay": 0.01},
    0.01,
)
of_optax("sm3", optax.sm3(0.05), {"momentum": 0.9}, 0.05)
of_optax("yogi", optax.yogi(0.01), ADAM | {"epsilon": 1e-3}, 0.01)
of_pytorch_optimizer(
    "ftrl",
    lambda params: pytorch_optimizer.FTRL(params, lr_power=-0.5, beta=0.0, lambda_1=0.05, lambda_2=0.01),
    {"lr_power": -0.5, "beta": 0.0, "l1": 0.05, "l2": 0.01},
    0.05,
    "FTRL",
)
of_pytorch_optimizer(
    "stable_adamw",
    lambda params: pytorch_optimizer.StableAdamW(params, betas=(0.9, 0.99), weight_decay=0.01, kahan_sum=False),
    {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8, "weight_decay": 0.01},
    0.01,
    "StableAdamW (no Kahan sum)",
)


def for_evaluation(optimizer, params):
    # Back and forth would round; the copies are thrown away.
    optimizer, params = copy.deepcopy((optimizer, params))
    optimizer.eval()
    return params


def refined_schedule_free(params):
    settings = {"betas": (0.8, 0.99), "weight_decay": 0.01, "r": 1.0, "decoupling_c": 3}
    optimizer = pytorch_optimizer.ScheduleFreeAdamW(params, **settings)
    optimizer.train()
    return optimizer


expected, evaluated = run_torch(stream, refined_schedule_free, 0.01, evaluate=for_evaluation)
config = {"beta_1": 0.8, "beta_2": 0.99, "weight_decay": 0.01, "r": 1.0, "decoupling": 3.0}
name = f"pytorch_optimizer {version('pytorch_optimizer')} ScheduleFreeAdamW with decoupling_c"
write("schedule_free_adamw", config, 0.01, name, "stream.json", expected, index=2, expected_eval=evaluated,
      source="package")
