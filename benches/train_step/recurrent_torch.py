"""Milliseconds per training step of the recurrent workloads (batch 32, Adam) in PyTorch.
Usage: train_step_rnn.py [--threads N] [--steps N] [--rounds N]
Needs: pip install torch numpy

The networks are those of `digits-rnn` (8 steps of 8 values, 64 units, 10 classes) and `sunspots-rnn` (20 steps of 1 value,
64 units, 1 output). The examples are random numbers of the same shapes: time does not depend on them. The median over the
rounds is printed."""
import argparse
import statistics
import time

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--steps", type=int, default=1000)
parser.add_argument("--rounds", type=int, default=7)
args = parser.parse_args()

BATCH = 32
HIDDEN = 64


class SimpleRnn(nn.Module):
    def __init__(self, features, outputs):
        super().__init__()
        self.rnn = nn.RNN(features, HIDDEN, batch_first=True)
        self.output = nn.Linear(HIDDEN, outputs)

    def forward(self, x):
        return self.output(self.rnn(x)[1][0])


def step_milliseconds(features, length, outputs, examples):
    torch.manual_seed(0)
    x = torch.rand(examples, length, features)
    if outputs > 1:
        y, loss = torch.randint(outputs, (examples,)), nn.functional.cross_entropy
    else:
        y, loss = torch.rand(examples, 1), nn.functional.mse_loss
    model = SimpleRnn(features, outputs)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def train(steps):
        order = torch.randperm(examples)
        for step in range(steps):
            first = step * BATCH % (examples - BATCH)
            batch = order[first : first + BATCH]
            optimizer.zero_grad()
            loss(model(x[batch]), y[batch]).backward()
            optimizer.step()

    train(20)
    start = time.perf_counter()
    train(args.steps)
    return (time.perf_counter() - start) / args.steps * 1e3


torch.set_num_threads(args.threads)
for name, *shape in [("digits-rnn", 8, 8, 10, 1000), ("sunspots-rnn", 1, 20, 1, 200)]:
    rounds = [step_milliseconds(*shape) for _ in range(args.rounds)]
    print(f"{name}: {statistics.median(rounds):.3f} ms/step", flush=True)
