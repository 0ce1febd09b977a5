"""Streams of gradients, their run through a PyTorch optimizer in 64 bits, and files of `references/optimizers`.

    stream = Stream.load("stream.json")
    expected = run_torch(stream, lambda params: torch.optim.AdamW(params, weight_decay=0.01), lr=0.01)
    write("adamw", config={"weight_decay": 0.01}, lr=0.01, reference="PyTorch 2.15.0 torch.optim.AdamW",
          stream="stream.json", expected=expected, source="package")

Importing this module sets PyTorch's default type to 64-bit floats and its threads to one.
"""

import contextlib
import importlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import types
from dataclasses import dataclass
from pathlib import Path

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

OPTIMIZERS = Path(__file__).resolve().parent.parent / "optimizers"
STEPS = (1, 2, 3, 5, 10, 20, 30)
# Whose code the numbers come from: the authors' of the rule, a package's that is not theirs, or a paper's
# formula, written down here.
SOURCES = ("authors", "package", "formula")


@dataclass
class StreamParameter:
    name: str
    role: str
    shape: list
    initial: list

    def to_torch(self, flat):
        """Returns `flat` (row-major, our layout) as a tensor of PyTorch's layout."""
        tensor = torch.tensor(flat, dtype=torch.float64).reshape(self.shape or [1])
        return tensor.T.contiguous() if self.role == "linear_weight" else tensor

    def from_torch(self, tensor):
        """Returns a tensor of PyTorch's layout as a list of numbers, row-major in our layout."""
        tensor = tensor.detach().to(torch.float64)
        tensor = tensor.T if self.role == "linear_weight" else tensor
        return tensor.reshape(-1).tolist()


@dataclass
class Stream:
    parameters: list
    gradients: list
    """`gradients[t][i]` is the gradient of parameter `i` at step `t` from 0, row-major in our layout."""

    @classmethod
    def load(cls, name):
        data = json.loads((OPTIMIZERS / name).read_text())
        parameters = [StreamParameter(p["name"], p["role"], p["shape"], p["initial"]) for p in data["parameters"]]
        return cls(parameters, data["gradients"])


def run_torch(stream, make, lr, steps=STEPS, evaluate=None, step=None):
    """Runs the optimizer of `make` along `stream` in 64 bits.

    - `make(params)` returns a PyTorch optimizer for `params`, a list of 64-bit parameters in PyTorch's layout.
      Each has its `role` of the stream as an attribute.
    - `lr` is a number, or a list of one for each step; it is set in every group before the step.
    - `evaluate(optimizer, params)`, where given, returns the parameters to evaluate with; it must leave both
      as they are. Then a pair is returned: what is expected, and what is expected for evaluation.
    - `step(optimizer, t)`, where given, is called instead of `optimizer.step()`.

    Returns `{number of steps: [flat numbers of each parameter]}`.
    """
    params = []
    for parameter in stream.parameters:
        param = torch.nn.Parameter(parameter.to_torch(parameter.initial))
        param.role = parameter.role
        params.append(param)
    optimizer = make(params)
    expected, expected_eval = {}, {}
    for t in range(max(steps)):
        for parameter, param, gradient in zip(stream.parameters, params, stream.gradients[t], strict=True):
            param.grad = parameter.to_torch(gradient)
        for group in optimizer.param_groups:
            group["lr"] = lr[t] if isinstance(lr, (list, tuple)) else lr
        if step is None:
            optimizer.step()
        else:
            step(optimizer, t)
        if t + 1 in steps:
            expected[t + 1] = flattened(stream, params)
            if evaluate is not None:
                expected_eval[t + 1] = flattened(stream, evaluate(optimizer, params))
    return expected if evaluate is None else (expected, expected_eval)


def flattened(stream, tensors):
    return [p.from_torch(tensor) for p, tensor in zip(stream.parameters, tensors, strict=True)]


def rounded(values, digits=9):
    """Rounds numbers in nested lists and dictionaries to significant digits."""
    if isinstance(values, dict):
        return {str(key): rounded(value, digits) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [rounded(value, digits) for value in values]
    return float(f"{float(values):.{digits}g}")


def write(rule, config, lr, reference, stream, expected, index=1, expected_eval=None, source="package", **more):
    """Writes `optimizers/RULE.json`, or `RULE-INDEX.json` where `index` is not 1.

    `source` says whose code was run: `authors`, `package` or `formula`. `more` are further fields of the file,
    by name.
    """
    if source not in SOURCES:
        raise ValueError(f"source must be one of {SOURCES}, not {source!r}")
    content = {"rule": rule, "config": config, "learning_rate": lr, "reference": reference, "source": source}
    content |= {"stream": stream, **more, "expected": rounded(expected)}
    if expected_eval is not None:
        content["expected_eval"] = rounded(expected_eval)
    name = rule if index == 1 else f"{rule}-{index}"
    (OPTIMIZERS / f"{name}.json").write_text(json.dumps(content, allow_nan=False))


def clone_of(checkouts, repository):
    """Returns the clone `checkouts/OWNER/NAME` or `checkouts/OWNER+NAME/repo`, with or without a work tree."""
    places = [Path(checkouts) / repository, Path(checkouts) / repository.replace("/", "+") / "repo"]
    clone = next((place for place in places if place.is_dir()), None)
    if clone is None:
        raise SystemExit(f"no clone of {repository} in {' or '.join(map(str, places))}")
    return clone / ".git" if (clone / ".git").is_dir() else clone


def from_git(clone, *arguments):
    command = ["git", f"--git-dir={clone}", *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def authors_code(checkouts, repository, commit, path, edits=()):
    """Returns the module of the file `path` of a GitHub repository at `commit`.

    `edits` are pairs of text: each first one must be there, and the second takes its place (a cast to 16 bits,
    say).
    """
    code = from_git(clone_of(checkouts, repository), "show", f"{commit}:{path}").decode()
    for old, new in edits:
        if old not in code:
            raise ValueError(f"{repository} {path} has no {old!r}")
        code = code.replace(old, new)
    module = types.ModuleType(Path(path).stem)
    exec(compile(code, f"{repository}/{path}", "exec"), module.__dict__)
    return module


@contextlib.contextmanager
def authors_package(checkouts, repository, commit, package):
    """Gives the package of the folder `package` of a GitHub repository at `commit`, for the time of a `with`."""
    archive = from_git(clone_of(checkouts, repository), "archive", commit, package)
    with tempfile.TemporaryDirectory() as folder:
        tarfile.open(fileobj=io.BytesIO(archive)).extractall(folder, filter="data")
        sys.path.insert(0, folder)
        try:
            yield importlib.import_module(Path(package).name)
        finally:
            sys.path.remove(folder)
