"""Makes the 16x16 digits of Karpathy's rebuilding of LeCun et al., 1989, and trains his network on them in PyTorch.

Usage: generate.py MNIST_FOLDER [RUN ...]
Needs: pip install torch numpy

Writes beside this file:
- `pictures.u16.gz`: the pictures of the training part and of the test part as whole numbers,
- `lecun1989.json.gz`: labels, places in MNIST, initial parameters, losses of the first steps, and the published ladder,
- `runs.json.gz`: loss and wrong answers of every pass of each RUN; runs that are not named keep their numbers.

A RUN is a name in RUNS, with `-64` for 64 bits and `-other` for the other drawing of the digits, or `all`. On two shared cores
a pass takes 7 to 20 seconds.
MNIST_FOLDER holds the four IDX files of MNIST, gzip-compressed.
"""
import gzip
import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

HERE = Path(__file__).resolve().parent
TRAIN, TEST = 7291, 2007
PLANES = [list(range(0, 8)), list(range(4, 12)), list(range(0, 4)) + list(range(8, 12))]
SHAPES = {"h1_weight": [12, 1, 5, 5], "h1_bias": [12, 8, 8], "h2_weight": [12, 8, 5, 5], "h2_bias": [12, 4, 4],
          "h3_weight": [192, 30], "h3_bias": [30], "out_weight": [30, 10], "out_bias": [10]}
FAN_IN = {"h1_weight": 25, "h2_weight": 200, "h3_weight": 192, "out_weight": 30}

RUNS = {
    "base": dict(loss="mse", optimizer="sgd", rate=0.03, passes=23),
    "softmax": dict(loss="cross_entropy", optimizer="sgd", rate=0.01, passes=23),
    "adamw": dict(loss="cross_entropy", optimizer="adamw", rate=3e-4, passes=46),
    "shift": dict(loss="cross_entropy", optimizer="adamw", rate=3e-4, passes=60, shift=True),
    "dropout": dict(loss="cross_entropy", optimizer="adamw", rate=3e-4, passes=80, shift=True, dropout=0.25, relu=True),
}


def idx(folder, name):
    data = gzip.decompress((Path(folder) / f"{name}-ubyte.gz").read_bytes())
    dims = data[3]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(np.frombuffer(data, ">u4", dims, 4))


def drawn(test_first):
    """Returns the places of the training and test pictures in MNIST's 60,000 and 10,000.

    The two parts are drawn one after the other from one generator. The original script iterates over a Python set of their names,
    so that the order differs from start to start. With the test part first, `base` has the published losses to 1 %; with the
    training part first it has not.
    """
    np.random.seed(1337)
    if test_first:
        test = np.random.permutation(10_000)[:TEST]
        return np.random.permutation(60_000)[:TRAIN], test
    train = np.random.permutation(60_000)[:TRAIN]
    return train, np.random.permutation(10_000)[:TEST]


# Row i of the small picture lies at 1.75 i + 0.375 in the large one: between two rows, at a multiple of an eighth.
EIGHTHS = np.zeros((16, 28), dtype=np.int64)
for i in range(16):
    row, share = divmod(14 * i + 3, 8)
    EIGHTHS[i, row] += 8 - share
    EIGHTHS[i, row + 1] += share


def small(images):
    """Returns 64 times the bilinearly resized pictures, exactly."""
    return (EIGHTHS @ images.astype(np.int64) @ EIGHTHS.T).astype("<u2")


def pixels(sums):
    return torch.from_numpy(sums.astype(np.float64) / 64 / 127.5 - 1)[:, None]


def initial(out_bias):
    """Returns the parameters of `torch.manual_seed(1337)`, drawn in the order of SHAPES; biases are not drawn."""
    torch.manual_seed(1337)
    values = {}
    for name, shape in SHAPES.items():
        if name in FAN_IN:
            values[name] = (torch.rand(*shape) - 0.5) * 2 * 2.4 / FAN_IN[name] ** 0.5
        else:
            values[name] = torch.full(shape, out_bias if name == "out_bias" else 0.0)
    return values


def forward(p, x, relu=False, dropout=0.0, training=False, tanh_output=True):
    active = torch.relu if relu else torch.tanh
    x = active(F.conv2d(F.pad(x, (2, 2, 2, 2), value=-1.0), p["h1_weight"], stride=2) + p["h1_bias"])
    x = F.pad(x, (2, 2, 2, 2), value=-1.0)
    # Group g of 4 maps sees the 8 planes PLANES[g].
    groups = [F.conv2d(x[:, planes], p["h2_weight"][4 * g:4 * g + 4], stride=2) for g, planes in enumerate(PLANES)]
    x = active(torch.cat(groups, 1) + p["h2_bias"])
    if dropout:
        x = F.dropout(x, dropout, training)
    x = active(x.flatten(1) @ p["h3_weight"] + p["h3_bias"])
    x = x @ p["out_weight"] + p["out_bias"]
    return torch.tanh(x) if tanh_output else x


def loss_of(output, labels, kind):
    if kind == "mse":
        return ((output - (2.0 * F.one_hot(labels, 10) - 1).to(output.dtype)) ** 2).mean()
    return F.cross_entropy(output, labels)


def train(train_part, test_part, loss, optimizer, rate, passes, shift=False, dropout=0.0, relu=False, real=torch.float32, steps=None):
    mse = loss == "mse"
    params = {name: value.to(real).requires_grad_() for name, value in initial(-1.0 if mse else 0.0).items()}
    assert sum(p.numel() for p in params.values()) == 9760
    np.random.seed(1337)
    options = dict(relu=relu, dropout=dropout, tanh_output=mse)
    update = torch.optim.SGD(params.values(), rate) if optimizer == "sgd" else torch.optim.AdamW(params.values(), rate)
    x, labels = train_part[0].to(real), train_part[1]
    record, first = [], []
    for number in range(passes):
        if optimizer == "adamw":
            share = number / (passes - 1)
            update.param_groups[0]["lr"] = (1 - share) * rate + share * rate / 3
        for i in range(len(x)):
            if len(first) == steps:
                return first
            picture = x[i:i + 1]
            if shift:
                down, right = np.random.randint(-1, 2, size=2)
                picture = torch.roll(picture, (int(down), int(right)), (2, 3))
            value = loss_of(forward(params, picture, training=True, **options), labels[i:i + 1], loss)
            update.zero_grad(set_to_none=True)
            value.backward()
            update.step()
            if steps:
                first.append(value.item())
        line = {"pass": number + 1}
        with torch.no_grad():
            for name, (inputs, answers) in (("train", train_part), ("test", test_part)):
                output = forward(params, inputs.to(real), **options)
                line[f"{name}_loss"] = loss_of(output, answers, loss).item()
                line[f"{name}_wrong"] = int((output.argmax(1) != answers).sum())
        record.append(line)
    return record


def windows(x):
    """Returns the 5x5 windows at stride 2 of pictures [c, n, n], padded by 2 with -1, as [c, n / 2, n / 2, 5, 5]."""
    x = np.pad(x, ((0, 0), (2, 2), (2, 2)), constant_values=-1.0)
    return np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(1, 2))[:, ::2, ::2]


def first_losses_in_numpy(pictures, labels, params, rate, steps):
    """Trains `base` in 64 bits without PyTorch, from the numbers as they are exported."""
    p = {name: np.array(value, dtype=np.float64) for name, value in params.items()}
    losses = []
    for i in range(steps):
        v1 = windows(pictures[i][None] / 64 / 127.5 - 1)
        h1 = np.tanh(np.einsum("cyxij,ocij->oyx", v1, p["h1_weight"]) + p["h1_bias"])
        v2 = windows(h1)
        h2 = np.tanh(np.stack([np.einsum("cyxij,cij->yx", v2[PLANES[o // 4]], p["h2_weight"][o]) for o in range(12)]) + p["h2_bias"])
        h3 = np.tanh(h2.ravel() @ p["h3_weight"] + p["h3_bias"])
        out = np.tanh(h3 @ p["out_weight"] + p["out_bias"])
        target = np.where(np.arange(10) == labels[i], 1.0, -1.0)
        losses.append(float(((out - target) ** 2).mean()))
        d4 = 2 / 10 * (out - target) * (1 - out * out)
        d3 = (p["out_weight"] @ d4) * (1 - h3 * h3)
        d2 = (p["h3_weight"] @ d3).reshape(12, 4, 4) * (1 - h2 * h2)
        gradient_2, back = np.empty_like(p["h2_weight"]), np.zeros((12, 12, 12))
        for o in range(12):
            gradient_2[o] = np.einsum("cyxij,yx->cij", v2[PLANES[o // 4]], d2[o])
            for y in range(4):
                for x in range(4):
                    back[PLANES[o // 4], 2 * y:2 * y + 5, 2 * x:2 * x + 5] += d2[o, y, x] * p["h2_weight"][o]
        d1 = back[:, 2:10, 2:10] * (1 - h1 * h1)
        gradients = {"h1_weight": np.einsum("cyxij,oyx->ocij", v1, d1), "h1_bias": d1, "h2_weight": gradient_2, "h2_bias": d2,
                     "h3_weight": np.outer(h2.ravel(), d3), "h3_bias": d3, "out_weight": np.outer(h3, d4), "out_bias": d4}
        for name in p:
            p[name] -= rate * gradients[name]
    return losses


def printed(wrong, of=TEST):
    """Returns the number that the original prints: a 32-bit share times the number of examples, cut off."""
    return int(float(np.float32(np.float64(wrong) / of)) * of)


def write(name, content):
    with open(HERE / name, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(content)
    print(name, len(content), "bytes,", (HERE / name).stat().st_size, "compressed, SHA-256 unpacked", hashlib.sha256(content).hexdigest())


def parts(folder, test_first):
    places = drawn(test_first)
    sums = [small(idx(folder, f"{name}-images-idx3")[at]) for name, at in zip(("train", "t10k"), places)]
    labels = [torch.from_numpy(idx(folder, f"{name}-labels-idx1")[at].astype(np.int64)) for name, at in zip(("train", "t10k"), places)]
    return places, sums, labels


COMMIT = "karpathy/lecun1989-repro at commit 8553f52c8d0a51a4bbbabf98e005cef28a22a36b"
LADDER = [
    dict(name="paper", what="LeCun et al., 1989, Backpropagation Applied to Handwritten Zip Code Recognition, on other data",
         test_percent=5.00, test_wrong_printed=102, train_percent=0.14, train_wrong_printed=10, test_loss=1.8e-2, train_loss=2.5e-3),
    dict(name="base", what="mean squared error on targets -1 and 1, tanh on every layer, SGD", loss="mse", output="tanh", activation="tanh",
         optimizer="sgd", learning_rate=0.03, passes=23, batch_size=1, out_bias=-1.0,
         test_percent=4.09, test_wrong_printed=82, train_percent=0.62, train_wrong_printed=45, test_loss=2.838382e-2, train_loss=4.073383e-3),
    dict(name="softmax", what="no tanh on the output, cross-entropy of the softmax", loss="cross_entropy", output="logits", activation="tanh",
         optimizer="sgd", learning_rate=0.01, passes=23, batch_size=1, out_bias=0.0,
         test_percent=4.38, test_wrong_printed=87, train_percent=0.00, train_wrong_printed=0),
    dict(name="adamw", what="AdamW, its rate falling in a straight line from pass to pass, twice as many passes", loss="cross_entropy",
         output="logits", activation="tanh", optimizer="adamw", learning_rate=3e-4, last_learning_rate=1e-4, weight_decay=0.01,
         beta_1=0.9, beta_2=0.999, epsilon=1e-8, passes=46, batch_size=1, out_bias=0.0,
         test_percent=3.59, test_wrong_printed=72, train_percent=0.00, train_wrong_printed=0),
    dict(name="shift", what="each training picture is rolled by -1, 0 or 1 pixels down and across, each drawn evenly, in every pass",
         loss="cross_entropy", output="logits", activation="tanh", optimizer="adamw", learning_rate=3e-4, last_learning_rate=1e-4,
         weight_decay=0.01, beta_1=0.9, beta_2=0.999, epsilon=1e-8, passes=60, batch_size=1, out_bias=0.0,
         test_percent=2.19, test_wrong_printed=43, train_percent=1.70, train_wrong_printed=123),
    dict(name="dropout", what="dropout of 0.25 between H2 and H3, and ReLU instead of tanh in H1, H2 and H3", loss="cross_entropy",
         output="logits", activation="relu", dropout=0.25, optimizer="adamw", learning_rate=3e-4, last_learning_rate=1e-4,
         weight_decay=0.01, beta_1=0.9, beta_2=0.999, epsilon=1e-8, passes=80, batch_size=1, out_bias=0.0,
         test_percent=1.59, test_wrong_printed=32, train_percent=1.47, train_wrong_printed=106),
    dict(name="base, 50,000 training pictures", what="`base` for 100 passes on 50,000 pictures of MNIST", test_percent=2.74, test_wrong_printed=54,
         test_loss=1.943992e-2),
    dict(name="dropout, 50,000 training pictures", what="`dropout` on 50,000 pictures of MNIST; passes not stated", test_percent=1.25,
         test_wrong_printed=24),
]
for step in LADDER[1:]:
    # The count that is printed is cut off; the percentage is rounded, and one picture is 0.05 %.
    fitting = [wrong for wrong in range(TEST) if f"{100 * wrong / TEST:.2f}" == f"{step['test_percent']:.2f}"]
    assert len(fitting) == 1 and printed(fitting[0]) == step["test_wrong_printed"], (step["name"], fitting)
    step["test_wrong"] = fitting[0]

if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, wanted = sys.argv[1], sys.argv[2:]
    wanted = [*RUNS, "base-64", "base-other"] if wanted == ["all"] else wanted
    places, sums, labels = parts(folder, test_first=True)
    write("pictures.u16.gz", b"".join(part.tobytes() for part in sums))

    # PyTorch's own resizing, as the original does it, beside the exact one.
    error = 0.0
    for name, at, part in zip(("train", "t10k"), places, sums):
        large = torch.from_numpy(idx(folder, f"{name}-images-idx3")[at].astype(np.float32)) / 127.5 - 1.0
        by_torch = F.interpolate(large[:, None], (16, 16), mode="bilinear")
        error = max(error, (by_torch.double() - pixels(part)).abs().max().item())
    print("largest difference from PyTorch's resizing:", error)

    both = [(pixels(part), label) for part, label in zip(sums, labels)]
    first_64 = train(*both, **RUNS["base"], real=torch.float64, steps=1000)
    first_32 = train(*both, **RUNS["base"], steps=1000)
    print("largest difference of the first 1,000 losses in 32 bits:", max(abs(a - b) for a, b in zip(first_64, first_32)))
    exported = {name: value.tolist() for name, value in initial(-1.0).items()}
    in_numpy = first_losses_in_numpy(sums[0], labels[0].numpy(), exported, RUNS["base"]["rate"], len(first_64))
    print("largest difference of the first 1,000 losses in NumPy:", max(abs(a - b) for a, b in zip(first_64, in_numpy)))
    assert max(abs(a - b) for a, b in zip(first_64, in_numpy)) < 1e-10
    whole = {
        "reference": f"the network of {COMMIT}, repro.py, rebuilt; PyTorch {torch.__version__}, NumPy {np.__version__}",
        "sources": [f"https://github.com/karpathy/lecun1989-repro, {COMMIT}: prepro.py, repro.py, modern.py",
                    "A. Karpathy, Deep Neural Nets: 33 years ago and 33 years from now, 14 March 2022, "
                    "https://karpathy.github.io/2022/03/14/lecun1989/"],
        "pictures": {
            "file": "pictures.u16.gz", "type": "u16, little-endian", "shape": [TRAIN + TEST, 16, 16], "training_pictures_first": TRAIN,
            "pixel": "value / 64 / 127.5 - 1", "largest_difference_from_torch": error,
            "sha256_unpacked": hashlib.sha256(b"".join(part.tobytes() for part in sums)).hexdigest(),
            "float32_sha256": hashlib.sha256(b"".join(pixels(part).float().numpy().astype("<f4").tobytes() for part in sums)).hexdigest(),
        },
        "places_in_mnist": {"train": places[0].tolist(), "test": places[1].tolist()},
        "places_in_mnist_other": dict(zip(("train", "test"), (part.tolist() for part in drawn(test_first=False)))),
        "labels": {"train": labels[0].tolist(), "test": labels[1].tolist()},
        "planes_of_h2": PLANES,
        "shapes": SHAPES,
        "initial": exported,
        "first_losses": {"run": "base", "bits_64": first_64, "bits_32_largest_difference": max(abs(a - b) for a, b in zip(first_64, first_32))},
        "ladder": LADDER,
    }
    write("lecun1989.json.gz", json.dumps(whole, separators=(",", ":")).encode())

    path = HERE / "runs.json.gz"
    records = json.loads(gzip.decompress(path.read_bytes())) if path.exists() else {}
    for run in wanted:
        name, *flags = run.split("-")
        _, part, label = parts(folder, test_first="other" not in flags)
        data = [(pixels(p), lab) for p, lab in zip(part, label)]
        began = time.time()
        record = train(*data, **RUNS[name], real=torch.float64 if "64" in flags else torch.float32)
        if path.exists():
            records = json.loads(gzip.decompress(path.read_bytes()))
        records[run] = {"settings": RUNS[name], "bits": 64 if "64" in flags else 32, "test_part_drawn_first": "other" not in flags,
                        "torch": torch.__version__, "passes": record}
        write("runs.json.gz", json.dumps(records, separators=(",", ":")).encode())
        print(run, f"{time.time() - began:.0f} s", record[-1], flush=True)
