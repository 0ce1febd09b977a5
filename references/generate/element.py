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


def adamc():
    from pytorch_optimizer import AdamC

    stream = Stream.load("stream.json")
    warming = [0.02 * min((t + 1) / 5, 1 - t / 40) for t in range(30)]
    for index, rates, max_lr in [(1, warming, 0.025), (2, DECAYING, None)]:

        def make(params):
            groups = [{"params": params, "normalized": True}]
            return AdamC(groups, lr=max_lr or rates[0], weight_decay=0.5, betas=(0.9, 0.99))

        expected = run_torch(stream, make, lr=rates)
        config = {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8, "weight_decay": 0.5, "max_lr": max_lr}
        reference = "pytorch_optimizer 4.1.0 AdamC, normalized=True"
        write("adamc", config, rates, reference, "stream.json", expected, index=index, source="package")


def madgrad():
    path, commit = "madgrad/madgrad.py", "0d858b919a703ebee0a5feb674b7f710d02db09e"
    code = authors_code(CHECKOUTS, "facebookresearch/madgrad", commit, path)
    stream = Stream.load("stream.json")
    for index, momentum, decay, decoupled in [(1, 0.9, 0.0, False), (2, 0.0, 0.3, False), (3, 0.8, 0.3, True)]:

        def make(params):
            return code.MADGRAD(params, momentum=momentum, weight_decay=decay, decouple_decay=decoupled)

        expected = run_torch(stream, make, lr=DECAYING)
        config = {"momentum": momentum, "epsilon": 1e-6, "weight_decay": decay, "decoupled_weight_decay": decoupled}
        reference = f"facebookresearch/madgrad {commit[:7]} MADGRAD"
        write("madgrad", config, DECAYING, reference, "stream.json", expected, index=index, source="authors")


def run_optax(stream, rule, steps=(1, 2, 3, 5, 10, 20, 30), losses=None):
    """Runs a transformation of optax along `stream` in 64 bits."""
    import jax.numpy as jnp
    import optax

    params = [jnp.array(parameter.initial, dtype=jnp.float64) for parameter in stream.parameters]
    state = rule.init(params)
    expected = {}
    for t in range(max(steps)):
        gradients = [jnp.array(gradient, dtype=jnp.float64) for gradient in stream.gradients[t]]
        more = {} if losses is None else {"value": jnp.array(losses[t], dtype=jnp.float64)}
        updates, state = rule.update(gradients, state, params, **more)
        params = optax.apply_updates(params, updates)
        if t + 1 in steps:
            expected[t + 1] = [param.tolist() for param in params]
    return expected


def cocob():
    from optax import contrib

    stream = Stream.load("stream.json")
    for index, alpha, decay in [(1, 100.0, 0.0), (2, 5.0, 0.3)]:
        expected = run_optax(stream, contrib.cocob(alpha=alpha, eps=1e-8, weight_decay=decay))
        config = {"alpha": alpha, "epsilon": 1e-8, "weight_decay": decay}
        write("cocob", config, 1.0, "optax 0.2.8 contrib.cocob in 64 bits", "stream.json", expected, index=index, source="package")


def polyak():
    import optax

    stream = Stream.load("stream.json")
    for index, (bound, f_min, eps, variant) in enumerate([(0.05, 0.3, 0.0, "sps"), (0.1, 2.0, 0.5, "sps+")], 1):
        # `polyak_sgd` scales the gradient first, so that its `scaling` divides the step, unlike its page.
        step = optax.scale_by_polyak(max_learning_rate=bound, f_min=f_min, eps=eps, variant=variant)
        rule = optax.chain(step, optax.scale_by_learning_rate(0.7))
        expected = run_optax(stream, rule, losses=LOSSES)
        config = {"largest_step": bound, "lower_bound": f_min, "damping": eps, "non_negative": variant == "sps+"}
        reference = f"optax 0.2.8 scale_by_polyak, variant={variant}, then scale_by_learning_rate, in 64 bits"
        write("polyak", config, 0.7, reference, "stream.json", expected, index=index, source="package", losses=LOSSES)


# Falls, and is noisy; below, at and above what the rules' models of the loss reach.
LOSSES = [round(4 * 0.9**t + (7 * t % 5 - 2) * 0.2 * 0.95**t, 6) for t in range(30)]


def momo():
    commit = "7be52f222709b6fe324c0bf4fe985491bc909f50"
    code = authors_code(CHECKOUTS, "fabian-sp/MoMo", commit, "momo/momo.py", [TYPES])
    stream = Stream.load("stream.json")
    rows = [(0.0, 0.0, False, False), (0.3, 0.5, True, False), (0.3, 0.5, False, True)]
    for index, (decay, bound, corrected, adapts) in enumerate(rows, 1):

        def make(params):
            return code.Momo(params, weight_decay=decay, lb=bound, bias_correction=corrected, use_fstar=adapts)

        expected = run_torch(stream, make, lr=0.1, step=step_with_loss)
        config = {"beta": 0.9, "weight_decay": decay, "lower_bound": bound, "adapt_lower_bound": adapts}
        config |= {"bias_correction": corrected}
        reference = f"fabian-sp/MoMo {commit[:7]} Momo"
        write("momo", config, 0.1, reference, "stream.json", expected, index=index, source="authors", losses=LOSSES)


# The types of its arguments, from a file beside it.
TYPES = ("from .types import Params, LossClosure, OptFloat", "Params = LossClosure = OptFloat = object")


def step_with_loss(optimizer, t):
    optimizer.step(loss=torch.tensor(LOSSES[t]))


def momo_adam():
    commit = "7be52f222709b6fe324c0bf4fe985491bc909f50"
    code = authors_code(CHECKOUTS, "fabian-sp/MoMo", commit, "momo/momo_adam.py", [TYPES])
    stream = Stream.load("stream.json")
    rows = [(0.0, 0.0, True, False), (0.3, 0.5, False, False), (0.3, 0.5, True, True)]
    for index, (decay, bound, divide, adapts) in enumerate(rows, 1):

        def make(params):
            return code.MomoAdam(params, weight_decay=decay, lb=bound, divide=divide, use_fstar=adapts)

        expected = run_torch(stream, make, lr=0.02, step=step_with_loss)
        config = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "weight_decay": decay, "lower_bound": bound}
        config |= {"proximal_decay": divide, "adapt_lower_bound": adapts}
        reference = f"fabian-sp/MoMo {commit[:7]} MomoAdam"
        write("momo_adam", config, 0.02, reference, "stream.json", expected, index=index, source="authors", losses=LOSSES)


def schedule_free_plus():
    commit = "70785b53e778d0e872c0bbb75ff4ee54ee10c291"
    path = "schedulefree/adamc_schedulefree_plus_paper.py"
    code = authors_code(CHECKOUTS, "facebookresearch/schedule_free", commit, path)
    stream = Stream.load("stream.json")
    warming = [min(1, (t + 1) / 5) for t in range(30)]
    theirs = {"betas": (0.8, 0.9), "sf_beta1": 0.7, "sf_beta1_max": 0.95, "sf_beta1_anneal_steps": 12}
    theirs |= {"weight_decay": 3.0, "polyak_beta": 0.6, "c_warmup": 4, "r": 1.0, "weight_lr_power": 1.0, "eps": 1e-6}
    ours = {"beta_1": 0.8, "beta_2": 0.9, "momentum": 0.7, "final_momentum": 0.95, "momentum_steps": 12}
    ours |= {"weight_decay": 3.0, "length_decay": 0.6, "average_after": 4, "r": 1.0, "weight_lr_power": 1.0}
    ours |= {"epsilon": 1e-6}
    for index, settings, config, rates in [(1, {}, {}, 1.0), (2, theirs, ours, warming)]:

        def make(params):
            optimizer = code.AdamCScheduleFreePlusPaper(params, **settings)
            optimizer.train()
            return optimizer

        def step(optimizer, t):
            optimizer.step_func(LOSSES[t])

        def evaluate(optimizer, params):
            # Before the first step there is no average.
            return [optimizer.state[param].get("x", param).detach().clone() for param in params]

        expected, evaluated = run_torch(stream, make, lr=rates, step=step, evaluate=evaluate)
        reference = f"facebookresearch/schedule_free {commit[:7]} AdamCScheduleFreePlusPaper"
        write("schedule_free_plus", config, rates, reference, "stream.json", expected, index=index,
              expected_eval=evaluated, source="authors", losses=LOSSES)


def dog_rule(rule, class_name):
    commit = "8d45cf569e3824212852d31cc2ae1da7ead34545"
    code = authors_code(CHECKOUTS, "formll/dog", commit, "src/dog/dog.py")
    averager = authors_code(CHECKOUTS, "formll/dog", commit, "src/dog/averager.py")
    stream = Stream.load("stream.json")
    for index, reps_rel, decay, init_eta in [(1, 0.01, 0.0, None), (2, 0.003, 0.3, None), (3, 1e-6, 0.0, 0.05)]:
        averages = []

        def make(params):
            model = torch.nn.ParameterList(params)
            averages[:] = [averager.PolynomialDecayAverager(model, gamma=8.0)]
            return getattr(code, class_name)(params, reps_rel=reps_rel, weight_decay=decay, init_eta=init_eta)

        def step(optimizer, t):
            optimizer.step()
            averages[0].step()

        def evaluate(optimizer, params):
            return list(averages[0].averaged_model)

        expected, evaluated = run_torch(stream, make, lr=1.0, step=step, evaluate=evaluate)
        config = {"reps_rel": reps_rel, "epsilon": 1e-8, "weight_decay": decay, "init_eta": init_eta, "average_power": 8.0}
        reference = f"formll/dog {commit[:7]} {class_name}, PolynomialDecayAverager"
        write(
            rule, config, 1.0, reference, "stream.json", expected, index=index, expected_eval=evaluated, source="authors"
        )


def dadapt(rule, class_name, rows):
    import dadaptation

    stream = Stream.load("stream.json")
    names = {"d0": "d0", "momentum": "momentum", "weight_decay": "weight_decay", "epsilon": "eps"}
    for index, config in enumerate(rows, 1):
        more = {names[name]: value for name, value in config.items() if name in names}
        if "beta_1" in config:
            more["betas"] = (config["beta_1"], config["beta_2"])
        expected = run_torch(stream, lambda params: getattr(dadaptation, class_name)(params, **more), lr=1.0)
        reference = f"dadaptation 3.2 {class_name}"
        write(rule, config, 1.0, reference, "stream.json", expected, index=index, source="authors")


def dadapt_sgd():
    rows = [
        {"momentum": 0.0, "d0": 0.05, "weight_decay": 0.0},
        {"momentum": 0.9, "d0": 0.05, "weight_decay": 0.3},
    ]
    dadapt("dadapt_sgd", "DAdaptSGD", rows)


def dadapt_adagrad():
    rows = [
        {"momentum": 0.0, "d0": 0.01, "weight_decay": 0.0, "epsilon": 1e-6},
        {"momentum": 0.9, "d0": 0.01, "weight_decay": 0.3, "epsilon": 0.1},
    ]
    dadapt("dadapt_adagrad", "DAdaptAdaGrad", rows)


def dadapt_lion():
    rows = [
        {"beta_1": 0.9, "beta_2": 0.99, "d0": 0.001, "weight_decay": 0.0},
        {"beta_1": 0.8, "beta_2": 0.9, "d0": 0.01, "weight_decay": 0.3},
    ]
    dadapt("dadapt_lion", "DAdaptLion", rows)


GENERATORS = {
    "adamw": cautious_decay,
    "adamc": adamc,
    "madgrad": madgrad,
    "cocob": cocob,
    "dog": lambda: dog_rule("dog", "DoG"),
    "ldog": lambda: dog_rule("ldog", "LDoG"),
    "dadapt_sgd": dadapt_sgd,
    "dadapt_adagrad": dadapt_adagrad,
    "dadapt_lion": dadapt_lion,
    "momo": momo,
    "momo_adam": momo_adam,
    "schedule_free_plus": schedule_free_plus,
    "polyak": polyak,
}


if __name__ == "__main__":
    CHECKOUTS = sys.argv[1]
    for name in sys.argv[2:] or GENERATORS:
        GENERATORS[name]()
