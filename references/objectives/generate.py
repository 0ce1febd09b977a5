"""Computes the expected values of losses and measures with scikit-learn and PyTorch; writes objectives.json beside itself.

Outputs and values are exact 32-bit floats. Run it with the versions that README.md names.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy
import sklearn
import torch
from sklearn import metrics
from sklearn.utils.class_weight import compute_class_weight

warnings.simplefilter("ignore")
random = numpy.random.default_rng(20)


def exact(values):
    """Rounds to 32 bits and returns 64."""
    return numpy.asarray(values, dtype=numpy.float32).astype(numpy.float64)


def softmax(outputs):
    shifted = numpy.exp(outputs - outputs.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def sigmoid(outputs):
    return 1 / (1 + numpy.exp(-outputs))


def predicted(outputs):
    return (outputs[:, 0] > 0).astype(int) if outputs.shape[1] == 1 else outputs.argmax(axis=1)


def class_case(name, loss, outputs, classes, count, ks=()):
    """`count` classes; scores of `hinge` are no probabilities."""
    outputs, classes = exact(outputs), numpy.asarray(classes)
    guess = predicted(outputs)
    expected = {
        "accuracy": metrics.accuracy_score(classes, guess),
        "f1": metrics.f1_score(classes, guess, average="macro", zero_division=0),
        "balanced_accuracy": metrics.balanced_accuracy_score(classes, guess),
    }
    one = outputs.shape[1] == 1
    if loss != "hinge":
        p = numpy.hstack([1 - sigmoid(outputs), sigmoid(outputs)]) if one else softmax(outputs)
        expected["log_loss"] = metrics.log_loss(classes, p, labels=range(count))
    if count == 2:
        score = outputs[:, 0] if one else outputs[:, 1] - outputs[:, 0]
        if len(set(classes.tolist())) == 2:
            expected["auc"] = metrics.roc_auc_score(classes, score)
    else:
        scores = outputs if loss == "hinge" else p
        areas = [
            metrics.roc_auc_score(classes == c, scores[:, c]) for c in range(count) if 0 < (classes == c).sum() < len(classes)
        ]
        expected["auc"] = numpy.mean(areas)
        if loss != "hinge" and len(areas) == count:
            ovr = metrics.roc_auc_score(classes, p, multi_class="ovr", average="macro")
            assert abs(ovr - expected["auc"]) < 1e-12
    for k in ks:
        expected[f"top_k:k={k}"] = metrics.top_k_accuracy_score(classes, outputs, k=k, labels=range(count))
    return case(name, loss, "classes", outputs, classes, expected, count=count)


def value_case(name, outputs, values, units):
    outputs, values = exact(outputs), exact(values)
    mean, scale = numpy.array(units).T
    own_outputs, own_values = outputs * scale + mean, values * scale + mean
    expected = {
        "rmse": metrics.root_mean_squared_error(own_values, own_outputs),
        "mae": metrics.mean_absolute_error(own_values, own_outputs),
        "r2": metrics.r2_score(own_values, own_outputs),
        "mape": metrics.mean_absolute_percentage_error(own_values, own_outputs),
    }
    return case(name, "mse", "values", outputs, values, expected, units=units)


def label_case(name, outputs, labels):
    outputs, labels = exact(outputs), numpy.asarray(labels)
    guess = (outputs > 0).astype(int)
    # scikit-learn takes one column for two classes: their mean is not the score of one label.
    average = "macro" if labels.shape[1] > 1 else "binary"
    expected = {
        "f1": metrics.f1_score(labels, guess, average=average, zero_division=0),
        "subset_accuracy": metrics.accuracy_score(labels, guess),
        "hamming": metrics.hamming_loss(labels, guess),
    }
    return case(name, "multi_label", "labels", outputs, labels, expected)


def case(name, loss, kind, outputs, targets, expected, **more):
    expected = {measure: float(value) for measure, value in expected.items()}
    return dict(
        name=name, loss=loss, kind=kind, outputs=outputs.tolist(), targets=targets.tolist(), expected=expected, **more
    )


def measures():
    n = 50
    classes = random.integers(0, 5, n)
    outputs = random.normal(size=(n, 5)) + 1.5 * numpy.eye(5)[classes]
    outputs[30:40], classes[30:35] = outputs[20:30], classes[20:25]  # equal scores, with equal and other classes
    yield class_case("5 classes with ties", "cross_entropy", outputs, classes, 5, ks=[1, 2, 3, 4])
    absent = numpy.array([0, 1, 3, 5])[random.integers(0, 4, n)]
    outputs = random.normal(size=(n, 7)) + 1.2 * numpy.eye(7)[absent]
    outputs[:, 6] -= 20
    outputs[:, 4] -= 20
    outputs[:, 3] -= 20
    yield class_case("classes that are absent, not predicted, or only predicted", "cross_entropy", outputs, absent, 7, [2])
    yield class_case("scores of 4 classes", "hinge", random.normal(size=(n, 4)), random.integers(0, 4, n), 4)
    rare = (random.random(n) < 0.2).astype(int)
    two = random.normal(size=(n, 2)) + numpy.eye(2)[rare]
    two[10:20] = two[20:30]
    yield class_case("2 classes, 2 outputs", "cross_entropy", two, rare, 2)
    one = numpy.round(2 * random.normal(size=(n, 1)) + 2 * rare[:, None]) / 2  # few scores, 0 among them
    yield class_case("2 classes, 1 output with ties", "binary_cross_entropy", one, rare, 2)
    yield class_case("scores of 2 classes", "hinge", random.normal(size=(n, 1)), rare, 2)
    yield class_case("2 classes, all alike", "binary_cross_entropy", random.normal(size=(n, 1)), 0 * rare, 2)
    values = random.normal(size=(n, 1))
    yield value_case("1 number", values + 0.3 * random.normal(size=(n, 1)), values, [[150.0, 77.0]])
    values[3] = 0
    yield value_case("1 number in its own unit, once 0", values + 0.3 * random.normal(size=(n, 1)), values, [[0.0, 1.0]])
    values = 2000 + 10 * random.normal(size=(n, 1))
    yield value_case("1 number far from 0", values + 5 * random.normal(size=(n, 1)), values, [[0.0, 1.0]])
    values = random.normal(size=(n, 3))
    units = [[5.0, 2.0], [-3.0, 0.25], [0.0, 40.0]]
    yield value_case("3 numbers", values + [0.1, 0.5, 2.0] * random.normal(size=(n, 3)), values, units)
    yield value_case("equal targets", random.normal(size=(n, 1)), numpy.full((n, 1), 0.1), [[0.0, 1.0]])
    yield value_case("equal targets, no error", numpy.full((n, 1), 0.1), numpy.full((n, 1), 0.1), [[0.0, 1.0]])
    labels = (random.random((n, 5)) < [0.5, 0.2, 0.0, 0.0, 0.3]).astype(int)
    outputs = random.normal(size=(n, 5)) + 2 * labels - 1
    outputs[:, 3:] -= [10, 10]  # label 2 is predicted only, 3 is absent, 4 is never predicted
    outputs[5] = 0
    yield label_case("5 labels", outputs, labels)
    yield label_case("1 label", outputs[:, :1], labels[:, :1])


def losses():
    n = 40
    classes = random.integers(0, 4, n)
    outputs = exact(3 * random.normal(size=(n, 4)))
    weights = numpy.array([0.5, 2.0, 1.0, 3.0])
    p = softmax(outputs)
    yield case("", "cross_entropy", "classes", outputs, classes, {"mean": metrics.log_loss(classes, p)})
    weighted = metrics.log_loss(classes, p, sample_weight=weights[classes])
    spec = "cross_entropy:class_weights=[0.5,2.0,1.0,3.0]"
    yield case("", spec, "classes", outputs, classes, {"mean": weighted})
    balanced = compute_class_weight("balanced", classes=numpy.arange(4), y=classes)
    counts = numpy.bincount(classes).tolist()
    weighted = metrics.log_loss(classes, p, sample_weight=balanced[classes])
    spec = "cross_entropy:class_weights=balanced"
    yield case("", spec, "classes", outputs, classes, {"mean": weighted}, counts=counts, weights=balanced.tolist())
    one, two = outputs[:, :1], classes % 2
    p = sigmoid(one)
    yield case("", "binary_cross_entropy", "classes", one, two, {"mean": metrics.log_loss(two, p)})
    yield case("", "hinge", "classes", one, two, {"mean": metrics.hinge_loss(2 * two - 1, one[:, 0])})
    labels = (outputs + random.normal(size=(n, 4)) > 0).astype(int)
    each = [metrics.log_loss(labels[:, i], sigmoid(outputs[:, i])) for i in range(4)]
    yield case("", "multi_label", "labels", outputs, labels, {"mean": numpy.mean(each)})
    values = exact(random.normal(size=(n, 2)))
    outputs = outputs[:, :2]
    yield case("", "mse", "values", outputs, values, {"mean": metrics.mean_squared_error(values, outputs)})
    yield case("", "l1", "values", outputs, values, {"mean": metrics.mean_absolute_error(values, outputs)})
    pinball = metrics.mean_pinball_loss(values, outputs, alpha=0.8)
    yield case("", "quantile:q=0.8", "values", outputs, values, {"mean": pinball})


def torch_losses():
    """Values and gradients of PyTorch's losses in 64 bits, of small, zero and very large outputs."""
    nn = torch.nn

    def cases(kind, outputs, targets, losses):
        for spec, function in losses.items():
            x = torch.tensor(exact(outputs), requires_grad=True)
            value = function(x, torch.tensor(targets))
            value.backward()
            expected = {"mean": value.item()}
            yield case("", spec, kind, exact(outputs), numpy.asarray(targets), expected, gradient=x.grad.tolist())

    n = 12
    outputs = 3 * random.normal(size=(n, 4))
    outputs[0], outputs[1], outputs[2] = 0, [1e4, 0, -1e4, 5], [-1e4, 1e4, 0, 0]
    classes = random.integers(0, 4, n)
    classes[1:3] = [2, 1]
    weights = torch.tensor([0.5, 2.0, 1.0, 3.0], dtype=torch.float64)
    text = "class_weights=[0.5,2.0,1.0,3.0]"
    yield from cases("classes", outputs, classes, {
        "cross_entropy": nn.CrossEntropyLoss(),
        "cross_entropy:label_smoothing=0.3": nn.CrossEntropyLoss(label_smoothing=0.3),
        f"cross_entropy:{text}": nn.CrossEntropyLoss(weight=weights),
        f"cross_entropy:label_smoothing=0.3,{text}": nn.CrossEntropyLoss(weight=weights, label_smoothing=0.3),
        "hinge": nn.MultiMarginLoss(),
    })
    column = lambda loss: lambda x, y: loss(x[:, 0], y.double())
    yield from cases("classes", outputs[:, :1], classes % 2, {
        "binary_cross_entropy": column(nn.BCEWithLogitsLoss()),
        "binary_cross_entropy:positive_weight=2.5": column(nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.5))),
        "hinge": lambda x, y: torch.relu(1 - x[:, 0] * (2 * y - 1)).mean(),
    })
    labels = (random.random((n, 4)) < 0.4).astype(float)
    yield from cases("labels", outputs, labels, {"multi_label": nn.BCEWithLogitsLoss()})
    values = exact(random.normal(size=(n, 2)))
    numbers = 2 * random.normal(size=(n, 2))
    numbers[0], numbers[1] = values[0], [1e4, -1e4]
    yield from cases("values", numbers, values, {
        "mse": nn.MSELoss(),
        "l1": nn.L1Loss(),
        "huber": nn.HuberLoss(),
        "huber:delta=0.5": nn.HuberLoss(delta=0.5),
    })


versions = {"python": sys.version.split()[0], "scikit-learn": sklearn.__version__, "numpy": numpy.__version__, "torch": torch.__version__}
made = {"versions": versions, "measures": list(measures()), "losses": list(losses()) + list(torch_losses())}
path = Path(__file__).with_name("objectives.json")
path.write_text(json.dumps(made, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")
