"""References of the wrappers and of L-BFGS: the argument is the folder of the clones that README.md lists.

    python references/generate/wrappers.py FOLDER

What evaluates a gradient at more than one point runs on an objective, a function of the parameters, in place of
a stream of gradients: `objective-*.json`, which this script writes too.
"""

import dataclasses
import json
import sys
import warnings
from collections import defaultdict, deque

import heavyball
import jax
import numpy as np
import optax
import optax.contrib
import pytorch_optimizer
import schedulefree
import torch
from pytorch_optimizer.optimizer.gradient_centralization import centralize_gradient
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from trajectory import OPTIMIZERS, STEPS, Stream, authors_code, rounded, run_torch, write

CHECKOUTS = sys.argv[1]
warnings.simplefilter("ignore")
jax.config.update("jax_enable_x64", True)
stream = Stream.load("stream.json")
TORCH = "PyTorch 2.15.0"


class Code:
    """A file of a repository at a commit."""

    def __init__(self, repository, commit, path, edits=()):
        self.name = f"{repository} {commit[:7]}"
        self.module = authors_code(CHECKOUTS, repository, commit, path, edits)


class Weights(torch.nn.Module):
    """Parameters as a module; their names contain `weight`."""

    def __init__(self, params):
        super().__init__()
        self.weights = torch.nn.ParameterList(params)


def sgd(params, momentum=0.9):
    return torch.optim.SGD(params, lr=0.1, momentum=momentum)


SGD = {"base": {"rule": "sgd", "momentum": 0.9}}


def averages(rule, config, average):
    """Writes a file of an average of `torch.optim.swa_utils`: `average` is `Ema` or `Swa`."""
    state = {}

    def make(params):
        state["module"] = Weights(params)
        state["average"] = average(state["module"])
        return sgd(params)

    def step(optimizer, t):
        optimizer.step()
        state["average"].after(state["module"], t + 1)

    def evaluate(_optimizer, _params):
        return state["average"].parameters()

    expected, expected_eval = run_torch(stream, make, lr=0.05, evaluate=evaluate, step=step)
    write(rule, config | SGD, lr=0.05, reference=f"{TORCH} torch.optim.swa_utils.AveragedModel around torch.optim.SGD",
          stream="stream.json", expected=expected, expected_eval=expected_eval)


class Ema:
    def __init__(self, module):
        self.model = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(0.8))
        # The first update copies the weights: here the initial ones.
        self.model.update_parameters(module)

    def after(self, module, _t):
        self.model.update_parameters(module)

    def parameters(self):
        return list(self.model.module.weights)


class Swa:
    def __init__(self, module):
        self.module = module
        self.model = AveragedModel(module)

    def after(self, module, t):
        if t >= 5 and (t - 5) % 3 == 0:
            self.model.update_parameters(module)

    def parameters(self):
        started = self.model.n_averaged.item() > 0
        return list((self.model.module if started else self.module).weights)


averages("ema", {"decay": 0.8}, Ema)
averages("swa", {"start": 5, "every": 3}, Swa)


def lawa():
    # On a GPU, where this code runs, `.cpu()` makes a copy; on a CPU it does not.
    code = Code("JeanKaddour/LAWA", "2168382b868f04e655b7f06e63bc90d58a63654b", "lawa.py",
                [(".detach().cpu() for p in", ".detach().clone() for p in"), ("= deque()\n", "= None\n"),
                 ("@dataclasses.dataclass\n", "")])
    state = {}

    def make(params):
        module, optimizer = Weights(params), sgd(params)
        scheduler_class = dataclasses.dataclass(code.module.LAWAScheduler)
        state["lawa"] = scheduler_class(
            module, optimizer, param_store=deque(), buffer_store=deque(),
            freq=2, k=3, start_steps=2)
        return optimizer

    def step(optimizer, _t):
        optimizer.step()
        state["lawa"].step()

    def evaluate(_optimizer, _params):
        return list(state["lawa"].avg_model.weights)

    expected, expected_eval = run_torch(stream, make, lr=0.05, evaluate=evaluate, step=step)
    # Before the first snapshot the code evaluates the initial weights.
    del expected_eval[1]
    write("lawa", {"snapshots": 3, "every": 2} | SGD, lr=0.05, reference=f"{code.name} around torch.optim.SGD",
          stream="stream.json", expected=expected, expected_eval=expected_eval, source="authors")


lawa()


def grokfast():
    code = Code("ironjr/grokfast", "93b2248e351d4bb9e4dda8ac32a6999b8970404b", "grokfast.py")

    def run(name, config, index, **settings):
        state = {"grads": None}

        def make(params):
            state["module"] = Weights(params)
            return sgd(params)

        def step(optimizer, _t):
            state["grads"] = getattr(code.module, name)(state["module"], state["grads"], **settings)
            optimizer.step()

        expected = run_torch(stream, make, lr=0.01, step=step)
        write("grokfast", config | SGD, lr=0.01, reference=f"{code.name} {name} around torch.optim.SGD",
              stream="stream.json", expected=expected, index=index, source="authors")

    run("gradfilter_ema", {}, 1)
    run("gradfilter_ma", {"kind": "ma", "window": 4, "lamb": 5.0}, 2, window_size=4)
    run("gradfilter_ma", {"kind": "ma", "window": 7, "lamb": 3, "warmup": False}, 3, window_size=7, lamb=3.0,
        warmup=False)


grokfast()


def variance_reduced():
    code = Code("AGI-Arena/MARS", "4831e28eba863a4e69d7e9474ff8e73bc1b410fe", "MARS/optimizers/mars.py")
    make = lambda kind: lambda params: code.module.MARS(params, lr=3e-3, mars_type=kind, optimize_1d=True,
                                                        weight_decay=0.1)
    base = {"rule": "adamw", "beta_1": 0.95, "beta_2": 0.99, "weight_decay": 0.1}
    write("variance_reduced", {"base": base}, lr=3e-3, reference=f"{code.name} MARS, mars-adamw for every parameter",
          stream="stream.json", expected=run_torch(stream, make("mars-adamw"), lr=3e-3), source="authors")
    base = {"rule": "lion", "beta_1": 0.95, "beta_2": 0.95, "weight_decay": 0.1}
    write("variance_reduced", {"base": base}, lr=3e-3, reference=f"{code.name} MARS, mars-lion for every parameter",
          stream="stream.json", expected=run_torch(stream, make("mars-lion"), lr=3e-3), source="authors", index=2)


variance_reduced()


def hyperball():
    make = lambda decay: lambda params: heavyball.HyperBallAdamW(
        params, lr=0.0025, betas=(0.9, 0.99), weight_decay=decay, compile_step=False)
    adam = {"beta_1": 0.0, "beta_2": 0.99, "epsilon": 1e-8}
    name = "heavyball 3.2.0 HyperBallAdamW"
    write("hyperball", {"base": {"rule": "adam"} | adam}, lr=0.02, reference=name, stream="stream.json",
          expected=run_torch(stream, make(0.0), lr=0.02))
    write("hyperball", {"base": {"rule": "adamw", "weight_decay": 0.3} | adam}, lr=0.02, reference=name,
          stream="stream.json", expected=run_torch(stream, make(0.3), lr=0.02), index=2)


hyperball()


def schedule_free():
    rates = [0.004 * min(1, (t + 1) / 5) for t in range(30)]

    def evaluate(optimizer, params):
        before = [param.detach().clone() for param in params]
        optimizer.eval()
        averages = [param.detach().clone() for param in params]
        optimizer.train()
        for param, value in zip(params, before, strict=True):
            param.data.copy_(value)
        return averages

    def apart(wrapper):
        """The wrapper with state of its own: it shares the base's, and bases that take any state for theirs fail."""
        states = defaultdict(dict)
        return type(wrapper.__name__, (wrapper,), {"state": property(lambda _self: states)})

    def run(wrapper, base, settings, config, index):
        def make(params):
            optimizer = apart(wrapper)(base(params), **settings)
            if wrapper is schedulefree.ScheduleFreeWrapperReference:
                for group in optimizer.param_groups:
                    group["weight_decay_at_y"] = settings["weight_decay_at_y"]
            optimizer.train()
            return optimizer

        expected, expected_eval = run_torch(stream, make, lr=rates, evaluate=evaluate)
        reference = f"schedulefree 1.4.1 {wrapper.__name__} around torch.optim.{base(_dummy()).__class__.__name__}"
        write("schedule_free", config, lr=rates, reference=reference, stream="stream.json", expected=expected,
              expected_eval=expected_eval, index=index, source="authors")

    run(schedulefree.ScheduleFreeWrapper, lambda params: torch.optim.RMSprop(params, lr=0.004), {},
        {"base": {"rule": "rmsprop"}}, 1)
    settings = {"weight_decay_at_y": 0.2, "momentum": 0.8, "r": 1.0, "weight_lr_power": 1.0}
    config = {"weight_decay": 0.2, "momentum": 0.8, "r": 1.0, "weight_lr_power": 1.0}
    adamw = lambda params: torch.optim.AdamW(params, lr=0.004, weight_decay=0.05)
    run(schedulefree.ScheduleFreeWrapperReference, adamw, settings,
        config | {"base": {"rule": "adamw", "weight_decay": 0.05}}, 2)


def _dummy():
    return [torch.nn.Parameter(torch.zeros(1))]


schedule_free()


def ema_nesterov():
    code = Code("OptimAI-Lab/ema-nesterov-module", "b17729ab2cd910e108a2116000e756c8ea4db044", "ema_nesterov.py")
    rates = [0.05 * (1 - t / 40) for t in range(30)]

    def run(settings, config, index):
        state = {}

        def make(params):
            inner = sgd(params)
            inner.param_groups[0]["initial_lr"] = rates[0]
            state["optimizer"] = code.module.EMA_Nesterov(params, inner, **settings)
            return inner

        def step(_optimizer, _t):
            state["optimizer"].nesterov_step()
            state["optimizer"].step()

        expected = run_torch(stream, make, lr=rates, step=step)
        write("ema_nesterov", config | SGD, lr=rates, reference=f"{code.name} EMA_Nesterov around torch.optim.SGD",
              stream="stream.json", expected=expected, index=index, source="authors")

    run({"lookahead_stepsize": 0.5, "lookahead_ema": 0.9, "warmup_step": 3, "rest_step": 20},
        {"step": 0.5, "decay": 0.9, "warmup_steps": 3, "rest_step": 20}, 1)
    run({"lookahead_stepsize": 0.7, "lookahead_ema": 0.99, "use_scheduled_lookahead_stepsize": False, "rest_step": 99},
        {"step": 0.7, "decay": 0.99, "scheduled": False}, 2)


ema_nesterov()


def simple():
    """Wrappers whose code changes gradients before the step, or the parameters after it."""

    def before(change):
        def step(optimizer, _t):
            change([param for group in optimizer.param_groups for param in group["params"]])
            optimizer.step()
        return step

    def clip(params):
        torch.nn.utils.clip_grad_value_(params, 0.8)
        torch.nn.utils.clip_grad_norm_(params, 1.5)

    write("clip", {"value": 0.8, "norm": 1.5} | SGD, lr=0.05,
          reference=f"{TORCH} torch.nn.utils clip_grad_value_, clip_grad_norm_ before torch.optim.SGD",
          stream="stream.json", expected=run_torch(stream, sgd, lr=0.05, step=before(clip)))

    def clip_each(params):
        for param in params:
            torch.nn.utils.clip_grad_norm_([param], 0.7)

    write("clip", {"tensor_norm": 0.7, "norm": None} | SGD, lr=0.05,
          reference=f"{TORCH} torch.nn.utils clip_grad_norm_ of each tensor before torch.optim.SGD",
          stream="stream.json", expected=run_torch(stream, sgd, lr=0.05, step=before(clip_each)), index=2)

    def centralize(params):
        centralize_gradient([param.grad for param in params])

    write("centralized", SGD, lr=0.05,
          reference="pytorch_optimizer 4.1.0 centralize_gradient before torch.optim.SGD",
          stream="stream.json", expected=run_torch(stream, sgd, lr=0.05, step=before(centralize)))

    lookahead = lambda params: pytorch_optimizer.Lookahead(sgd(params), k=4, alpha=0.3)
    write("lookahead", {"steps": 4, "alpha": 0.3} | SGD, lr=0.05,
          reference="pytorch_optimizer 4.1.0 Lookahead around torch.optim.SGD",
          stream="stream.json", expected=run_torch(stream, lookahead, lr=0.05))
    adamw = lambda params: torch.optim.AdamW(params, lr=0.01, weight_decay=0.3)
    write("decay", {"weight_decay": 0.3, "base": {"rule": "adam"}}, lr=0.01,
          reference=f"{TORCH} torch.optim.AdamW, which is Adam with decoupled decay",
          stream="stream.json", expected=run_torch(stream, adamw, lr=0.01))


simple()


def cautious():
    repository = ("kyleliang919/C-Optim", "2c0517c4db2e50b56d389ba4803eab1f4b3b8ae3")
    # The file imports its neighbour by a relative name, and compiles what runs as well uncompiled.
    sys.modules["opt_utils"] = Code(*repository, "opt_utils.py").module
    edits = [("from .opt_utils import", "from opt_utils import"), ("@torch.compile(fullgraph=True)", "")]
    code = Code(*repository, "c_adamw.py", edits)
    make = lambda params: code.module.AdamW(params, weight_decay=0.0, no_deprecation_warning=True)
    write("cautious", {"base": {"rule": "adam", "epsilon": 1e-6}}, lr=0.01, reference=f"{code.name} C-AdamW",
          stream="stream.json", expected=run_torch(stream, make, lr=0.01), source="authors")


cautious()


def run_optax(optimizer):
    """Returns the parameters after STEPS of `optimizer`. optax takes kernels as `[height, width, in, out]`."""

    def hwio(tensor):
        return np.transpose(tensor, (2, 3, 1, 0)) if tensor.ndim == 4 else tensor

    def oihw(tensor):
        return np.transpose(tensor, (3, 2, 0, 1)) if tensor.ndim == 4 else tensor

    array = lambda parameter, flat: hwio(np.array(flat, dtype=np.float64).reshape(parameter.shape or [1]))
    params = [array(p, p.initial) for p in stream.parameters]
    state, expected = optimizer.init(params), {}
    for t in range(max(STEPS)):
        gradients = [array(p, g) for p, g in zip(stream.parameters, stream.gradients[t], strict=True)]
        updates, state = optimizer.update(gradients, state, params)
        params = optax.apply_updates(params, updates)
        if t + 1 in STEPS:
            expected[t + 1] = [oihw(np.asarray(param)).reshape(-1).tolist() for param in params]
    return expected


def adaptive_clip():
    optimizer = optax.chain(optax.adaptive_grad_clip(0.05), optax.sgd(0.05, momentum=0.9))
    write("adaptive_clip", {"limit": 0.05} | SGD, lr=0.05, reference="optax 0.2.8 adaptive_grad_clip before sgd",
          stream="stream.json", expected=run_optax(optimizer))


adaptive_clip()


def mechanic(config, base, lr, optimizer, index=1):
    """The wrapper in optax is by its authors."""
    names = {"initial": "s_init", "epsilon": "eps", "decays": "num_betas", "weight_decay": "weight_decay"}
    tuned = optax.contrib.mechanize(optimizer, **{names[key]: value for key, value in config.items()})
    write("mechanic", config | base, lr=lr, reference=f"optax 0.2.8 contrib.mechanize around {base['base']['rule']}",
          stream="stream.json", expected=run_optax(tuned), index=index, source="authors")


ADAMW = {"base": {"rule": "adamw", "beta_2": 0.99, "epsilon": 1e-6, "weight_decay": 0.1}}
mechanic({"initial": 1e-2}, SGD, 1.0, optax.sgd(1.0, momentum=0.9))
mechanic({"initial": 0.1, "decays": 3, "weight_decay": 0.5, "epsilon": 1e-6}, ADAMW, 0.05,
         optax.adamw(0.05, b2=0.99, eps=1e-6, weight_decay=0.1), index=2)


def numbers(seed, count, low, high):
    """Returns numbers that are exact in 32 bits."""
    drawn = np.random.default_rng(seed).uniform(low, high, count)
    return [float(np.float32(round(number * 1024) / 1024)) for number in drawn]


class Objective:
    """A function of all parameters, flattened one after the other."""

    def __init__(self, name, content, value):
        self.name, self.parameters, self.value = name, content["parameters"], value
        (OPTIMIZERS / name).write_text(json.dumps(content))

    def run(self, make, lr, steps, step):
        """`step(optimizer, closure)`; the closure clears and computes the gradients, and returns the loss."""
        params = [torch.nn.Parameter(torch.tensor(p["initial"]).reshape(p["shape"])) for p in self.parameters]
        optimizer = make(params)
        expected = {}

        def closure():
            for param in params:
                param.grad = None
            loss = self.value(torch.cat([param.reshape(-1) for param in params]))
            loss.backward()
            return loss

        for t in range(max(steps)):
            for group in optimizer.param_groups:
                group["lr"] = lr
            step(optimizer, torch.enable_grad()(closure))
            if t + 1 in steps:
                expected[t + 1] = [param.detach().reshape(-1).tolist() for param in params]
        return expected


def write_run(rule, config, lr, reference, objective, expected, index, source):
    content = {"rule": rule, "config": config, "learning_rate": lr, "reference": reference, "source": source,
               "objective": objective.name, "expected": rounded(expected)}
    name = rule if index == 1 else f"{rule}-{index}"
    (OPTIMIZERS / f"{name}.json").write_text(json.dumps(content, allow_nan=False))


def quadratic():
    count = 10
    root = torch.tensor(numbers(1, count * count, -1, 1)).reshape(count, count)
    # Products of numbers of 10 binary places: exact in 64 bits.
    curvature = root @ root.T / 4 + torch.eye(count) / 8
    slope = torch.tensor(numbers(2, count, -1, 1))
    parameters = [{"name": "matrix", "shape": [3, 2], "initial": numbers(3, 6, -2, 2)},
                  {"name": "vector", "shape": [4], "initial": numbers(4, 4, -2, 2)}]
    content = {"parameters": parameters, "objective": "quadratic", "curvature": curvature.tolist(),
               "slope": slope.tolist()}
    return Objective("objective-quadratic.json", content, lambda x: x @ curvature @ x / 2 - slope @ x)


def rosenbrock():
    parameters = [{"name": "matrix", "shape": [2, 2], "initial": [-1.25, 1.0, -0.75, 1.5]},
                  {"name": "vector", "shape": [1], "initial": [0.5]}]
    value = lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
    return Objective("objective-rosenbrock.json", {"parameters": parameters, "objective": "rosenbrock"}, value)


QUADRATIC, ROSENBROCK = quadratic(), rosenbrock()


def sharpness():
    sam = Code("davda54/sam", "3c3afdbd71cff2462ec91c734b3d1170bd0f3707", "sam.py")
    asam = Code("SamsungLabs/ASAM", "f156a680171db16d551c0d85cba2514fa3bff6a2", "asam.py")
    step = lambda optimizer, closure: (closure(), optimizer.step(closure))
    make = lambda params: sam.module.SAM(params, torch.optim.SGD, rho=0.3, lr=0.1, momentum=0.9)
    write_run("sam", {"rho": 0.3} | SGD, 0.1, f"{sam.name} SAM around torch.optim.SGD", QUADRATIC,
              QUADRATIC.run(make, 0.1, STEPS, step), 1, "package")
    make = lambda params: sam.module.SAM(params, torch.optim.SGD, rho=0.4, adaptive=True, lr=0.1, momentum=0.9)
    write_run("asam", {"rho": 0.4, "eta": 0.0} | SGD, 0.1, f"{sam.name} SAM, adaptive=True, around torch.optim.SGD",
              QUADRATIC, QUADRATIC.run(make, 0.1, STEPS, step), 1, "package")
    state = {}

    def make_asam(params):
        optimizer = sgd(params)
        state["asam"] = asam.module.ASAM(optimizer, Weights(params), rho=0.4, eta=0.2)
        return optimizer

    def step_asam(_optimizer, closure):
        closure()
        state["asam"].ascent_step()
        closure()
        state["asam"].descent_step()

    write_run("asam", {"rho": 0.4, "eta": 0.2} | SGD, 0.1,
              f"{asam.name} ASAM around torch.optim.SGD, every parameter a weight", QUADRATIC,
              QUADRATIC.run(make_asam, 0.1, STEPS, step_asam), 2, "authors")


sharpness()


def lbfgs():
    step = lambda optimizer, closure: optimizer.step(closure)
    search = {"line_search_fn": "strong_wolfe"}

    def run(objective, settings, config, lr, steps, index):
        make = lambda params: torch.optim.LBFGS(params, **settings)
        reference = f"{TORCH} torch.optim.LBFGS, line_search_fn={settings.get('line_search_fn')}"
        expected = objective.run(make, lr, steps, step)
        write_run("lbfgs", config, lr, reference, objective, expected, index, "package")

    run(QUADRATIC, search | {"max_iter": 3}, {"max_iterations": 3}, 1.0, (1, 2, 3, 4), 1)
    # The steps are few, since rounding to 32 bits soon makes a line search take another turn.
    settings = {"max_iter": 3, "max_eval": 30, "history_size": 3}
    ours = {"max_iterations": 3, "max_evaluations": 30, "history": 3}
    run(ROSENBROCK, search | settings, ours, 1.0, (1, 2, 3, 4), 2)
    # First trials that are too short and too long.
    run(QUADRATIC, search | settings, ours, 0.02, (1, 2), 4)
    run(QUADRATIC, search | settings, ours, 20.0, (1, 2), 5)
    run(QUADRATIC, {"max_iter": 2, "history_size": 4},
        {"max_iterations": 2, "history": 4, "line_search": "fixed"}, 0.5, (1, 2, 3, 5, 8), 3)


lbfgs()


def lazy():
    """PyTorch's optimizers for sparse gradients, of which a row without a gradient is no part."""
    rows = Stream.load("stream-rows.json")

    def step(optimizer, _t):
        for group in optimizer.param_groups:
            for param in group["params"]:
                param.grad = param.grad.to_sparse(1)
        optimizer.step()

    def run(make, config, lr, index):
        expected = run_torch(rows, make, lr=lr, step=step)
        reference = f"PyTorch 2.15.0 torch.optim.{make(_dummy()).__class__.__name__} with sparse gradients"
        write("lazy", config, lr=lr, reference=reference, stream="stream-rows.json", expected=expected, index=index,
              source="package")

    sparse_adam = lambda params: torch.optim.SparseAdam(params, lr=0.02, betas=(0.8, 0.95))
    run(sparse_adam, {"base": {"rule": "adam", "beta_1": 0.8, "beta_2": 0.95}}, 0.02, 1)
    adagrad = lambda params: torch.optim.Adagrad(params, lr=0.05, lr_decay=0.01)
    run(adagrad, {"base": {"rule": "adagrad", "lr_decay": 0.01}}, 0.05, 2)


lazy()
