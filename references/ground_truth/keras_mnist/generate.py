"""Trains the network of Keras's page "Simple MNIST convnet" with Keras itself, on three seeds.

Usage: generate.py MNIST_FOLDER [SEEDS [EPOCHS]]
Needs: pip install keras torch numpy

Writes `result.json.gz` beside this file: the settings, the published figure, and loss and accuracy of every epoch and
seed. MNIST_FOLDER holds the four IDX files of MNIST, gzip-compressed.
"""
import gzip
import json
import os
import sys
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
import keras  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

HERE = Path(__file__).resolve().parent
PUBLISHED = {
    "test_loss": 0.023950600996613503,
    "test_accuracy": 0.9922000169754028,
    "test_wrong": 78,
    "seeds": "one run, seed not set",
    "backend": "TensorFlow",
    "source": "F. Chollet, Simple MNIST convnet, https://keras.io/examples/vision/mnist_convnet/, as in "
              "examples/vision/md/mnist_convnet.md of keras-team/keras-io at commit 4849412cb6cd6089949fb97edf1758083c964416; "
              "the log printed there ends in epoch 12, the script asks for 15",
    # Epochs 1 to 11, as far as the log shows whole epochs.
    "loss": [0.7840, 0.1199, 0.0845, 0.0762, 0.0621, 0.0547, 0.0497, 0.0443, 0.0436, 0.0407, 0.0406],
    "accuracy": [0.7643, 0.9639, 0.9737, 0.9756, 0.9812, 0.9825, 0.9840, 0.9862, 0.9860, 0.9865, 0.9874],
    "val_loss": [0.0780, 0.0559, 0.0469, 0.0398, 0.0378, 0.0360, 0.0311, 0.0346, 0.0325, 0.0301, 0.0303],
    "val_accuracy": [0.9780, 0.9843, 0.9877, 0.9895, 0.9890, 0.9910, 0.9920, 0.9910, 0.9915, 0.9920, 0.9920],
}
folder = Path(sys.argv[1])
seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
epochs = int(sys.argv[3]) if len(sys.argv) > 3 else 15


def idx(name):
    data = gzip.decompress((folder / f"{name}-ubyte.gz").read_bytes())
    dims = data[3]
    shape = np.frombuffer(data, ">u4", dims, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(shape)


def images(name):
    return (idx(name).astype("float32") / 255)[..., None]


def network():
    layer = keras.layers
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layer.Conv2D(32, 3, activation="relu"), layer.MaxPooling2D(2),
        layer.Conv2D(64, 3, activation="relu"), layer.MaxPooling2D(2),
        layer.Flatten(), layer.Dropout(0.5), layer.Dense(10, activation="softmax"),
    ])


x, y = images("train-images-idx3"), keras.utils.to_categorical(idx("train-labels-idx1"), 10)
x_test, y_test = images("t10k-images-idx3"), keras.utils.to_categorical(idx("t10k-labels-idx1"), 10)


def write(runs, optimizer):
    accuracies = [run["test_accuracy"] for run in runs]
    result = {
        "model": {
            "layers": [
                "conv 32 filters 3x3, stride 1, no padding, bias, ReLU: [1, 28, 28] to [32, 26, 26], 320 parameters",
                "max pool 2x2, stride 2: [32, 13, 13]",
                "conv 64 filters 3x3, stride 1, no padding, bias, ReLU: [64, 11, 11], 18,496 parameters",
                "max pool 2x2, stride 2 (drops the last row and column): [64, 5, 5]",
                "flatten: 1,600",
                "dropout 0.5",
                "linear 1,600 to 10, softmax: 16,010 parameters",
            ],
            "parameters": 34_826,
            "initial_weights": "Glorot uniform, U(-a, a), a = sqrt(6 / (fan_in + fan_out)), fans of a conv times 9; biases 0",
        },
        "settings": {
            "pixels": "value / 255, no mean subtracted",
            "loss": "cross-entropy, mean over the batch",
            "batch_size": 128,
            "epochs": epochs,
            "validation": "the last 6,000 of the 60,000 training examples",
            "training_examples": 54_000,
            "steps_per_epoch": 422,
            "shuffle": "new order each epoch; the last batch has 112 examples",
            "optimizer": "Adam",
            "learning_rate": float(optimizer.learning_rate),
            "beta_1": optimizer.beta_1,
            "beta_2": optimizer.beta_2,
            "epsilon": optimizer.epsilon,
            "weight_decay": optimizer.weight_decay,
            "adam_formula": "lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon); epsilon is added before the correction of v",
            "evaluated": "the weights after the last epoch, on the 10,000 test examples",
        },
        "published": PUBLISHED,
        "versions": {"keras": keras.__version__, "backend": "torch", "torch": torch.__version__, "numpy": np.__version__},
        "runs": runs,
        "test_accuracy": {
            "mean": float(np.mean(accuracies)),
            "standard_deviation": float(np.std(accuracies, ddof=1)) if len(runs) > 1 else None,
            "lowest": min(accuracies),
            "highest": max(accuracies),
        },
    }
    with gzip.GzipFile(HERE / "result.json.gz", "wb", mtime=0) as file:
        file.write(json.dumps(result, indent=1).encode())


runs = []
for seed in range(seeds):
    keras.utils.set_random_seed(seed)
    model = network()
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    assert model.count_params() == 34_826
    began = time.time()
    history = model.fit(x, y, batch_size=128, epochs=epochs, validation_split=0.1, verbose=2).history
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    runs.append({
        "seed": seed,
        "test_loss": float(loss),
        "test_accuracy": float(accuracy),
        "test_wrong": int(round((1 - float(accuracy)) * len(y_test))),
        "history": {name: [float(value) for value in values] for name, values in history.items()},
    })
    print(seed, loss, accuracy, f"{time.time() - began:.0f} s", flush=True)
    write(runs, model.optimizer)
