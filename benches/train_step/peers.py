"""Milliseconds per training step of the built-in networks in PyTorch and Keras (Adam 1e-3, the workload's batch size).

Usage: peers.py {torch|keras} WORKLOAD… [--threads N] [--rounds N] [--pair]
Needs: pip install torch numpy, or pip install tensorflow-cpu

The examples are random numbers of the workload's shapes, on which the time does not depend. Prints the median over the
rounds, each an epoch (of several short ones). With --pair two processes run side by side, each on one thread.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

import numpy as np

# Examples, shape of one, batch size; filters, padding, units and dropout of a CNN; units of an RNN; outputs.
WORKLOADS = {
    "mnist-10k-cnn": dict(examples=9000, shape=(1, 28, 28), batch=128, cnn=((32, 64), 0, 128, (0.25, 0.5)), outputs=10),
    "digits-cnn": dict(examples=1294, shape=(1, 8, 8), batch=32, cnn=((16, 32), 1, 64, (0.1, 0.25)), outputs=10),
    "digits-rnn": dict(examples=1294, shape=(8, 8), batch=32, rnn=64, outputs=10),
    "sunspots-rnn": dict(examples=208, shape=(20, 1), batch=32, rnn=64, outputs=1),
}

parser = argparse.ArgumentParser()
parser.add_argument("peer", choices=["torch", "keras"])
parser.add_argument("workloads", nargs="+", choices=WORKLOADS)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--pair", action="store_true")
args = parser.parse_args()

if args.pair:
    command = [sys.executable, __file__, args.peer, *args.workloads, "--threads", "1", "--rounds", str(args.rounds)]
    for process in [subprocess.Popen(command) for _ in range(2)]:
        process.wait()
    sys.exit()


def examples(workload):
    rng = np.random.default_rng(0)
    x = rng.random((workload["examples"], *workload["shape"]), dtype=np.float32)
    if workload["outputs"] == 1:
        return x, rng.random((workload["examples"], 1), dtype=np.float32)
    return x, rng.integers(workload["outputs"], size=workload["examples"])


def torch_epoch(workload):
    """A function that trains for an epoch, and the steps of one."""
    import torch
    from torch import nn

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    outputs = workload["outputs"]
    if "cnn" in workload:
        (first, second), padding, units, (after_pool, after_dense) = workload["cnn"]
        channels, height, width = workload["shape"]
        after = lambda side: (side + 2 * padding - 2) // 2
        flat = second * after(after(height)) * after(after(width))
        model = nn.Sequential(
            nn.Conv2d(channels, first, 3, padding=padding), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(after_pool),
            nn.Conv2d(first, second, 3, padding=padding), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(after_pool),
            nn.Flatten(), nn.Linear(flat, units), nn.ReLU(), nn.Dropout(after_dense), nn.Linear(units, outputs),
        )
    else:

        class LastState(nn.Module):
            def __init__(self):
                super().__init__()
                self.rnn = nn.RNN(workload["shape"][1], workload["rnn"], batch_first=True)

            def forward(self, x):
                return self.rnn(x)[1][0]

        model = nn.Sequential(LastState(), nn.Linear(workload["rnn"], outputs))
    x, y = (torch.from_numpy(part) for part in examples(workload))
    loss = nn.functional.mse_loss if outputs == 1 else nn.functional.cross_entropy
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    size = workload["batch"]

    def epoch():
        order = torch.randperm(len(x))
        for first in range(0, len(x), size):
            batch = order[first : first + size]
            optimizer.zero_grad()
            loss(model(x[batch]), y[batch]).backward()
            optimizer.step()

    return epoch


def keras_epoch(workload):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf
    from keras import layers

    if "cnn" not in workload:
        sys.exit("only the convolutional networks are written for Keras")
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    keras.utils.set_random_seed(0)
    (first, second), padding, units, (after_pool, after_dense) = workload["cnn"]
    channels, height, width = workload["shape"]
    around = "same" if padding else "valid"
    model = keras.Sequential([
        layers.Input((height, width, channels)),
        layers.Conv2D(first, 3, padding=around, activation="relu"), layers.MaxPooling2D(), layers.Dropout(after_pool),
        layers.Conv2D(second, 3, padding=around, activation="relu"), layers.MaxPooling2D(), layers.Dropout(after_pool),
        layers.Flatten(), layers.Dense(units, activation="relu"), layers.Dropout(after_dense),
        layers.Dense(workload["outputs"], activation="softmax"),
    ])
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    x, y = examples(workload)
    x = np.moveaxis(x, 1, -1)
    return lambda: model.fit(x, y, batch_size=workload["batch"], epochs=1, verbose=0)


for name in args.workloads:
    workload = WORKLOADS[name]
    epoch = torch_epoch(workload) if args.peer == "torch" else keras_epoch(workload)
    steps = -(-workload["examples"] // workload["batch"])
    # Short epochs are timed several at a time.
    repeats = max(1, 300 // steps) if args.peer == "torch" else 1
    epoch()
    seconds = []
    for _ in range(args.rounds):
        start = time.perf_counter()
        for _ in range(repeats):
            epoch()
        seconds.append(time.perf_counter() - start)
    step = statistics.median(seconds) / steps / repeats
    print(f"{args.peer} {name}: {step * 1e3:.3f} ms/step, {workload['batch'] / step:.0f} examples/s", flush=True)
