"""Computes explanations of small networks with Captum, shap and lime; writes four JSON files beside itself.

Weights, inputs and baselines are multiples of 1/1024: they are exact in 32 bits, in 64 bits and in the files.
All models and methods run in 64 bits on one core, for about two minutes. README.md names the versions.
"""

import itertools
import json
import math
import sys
import time
import warnings
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import numpy
import torch
from captum import attr
from captum.attr import IntegratedGradients, NoiseTunnel, Occlusion
from lime import lime_image
from lime.lime_tabular import LimeTabularExplainer
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import shap

warnings.simplefilter("ignore")
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)  # shap's GradientExplainer and Captum's grids of steps use the default
random = numpy.random.default_rng(20240607)
lime_image.tqdm = lambda rows: rows  # no progress bar

PACKAGES = ["captum", "shap", "lime", "torch", "numpy", "scikit-learn", "scipy"]
MADE_BY = {
    "python": sys.version.split()[0],
    **{name: version(name) for name in PACKAGES},
    "torch": torch.__version__,
}


def grid(values):
    """Rounds to multiples of 1/1024."""
    return numpy.round(numpy.asarray(values) * 1024) / 1024 + 0.0


def normal(*shape, scale=1.0):
    return grid(scale * random.normal(size=shape))


def tensor(values):
    return torch.tensor(numpy.asarray(values))


# ---------------------------------------------------------------- models


def initialise(model):
    for layer in model:
        if hasattr(layer, "weight"):
            fan_in = layer.weight[0].numel()
            layer.weight.data = tensor(normal(*layer.weight.shape, scale=math.sqrt(2 / fan_in)))
            layer.bias.data = tensor(normal(*layer.bias.shape, scale=0.3))
    return model.eval()


def table_model():
    return initialise(
        nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 3))
    )


def image_model():
    return initialise(
        nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(24, 3),
        )
    )


def linear_model():
    return initialise(nn.Sequential(nn.Linear(6, 2)))


def layers(model):
    """The network as JSON; a layer that has no parameters is its kind only."""
    described = []
    for layer in model:
        kind = {
            nn.Linear: "linear",
            nn.Conv2d: "conv2d",
            nn.Tanh: "tanh",
            nn.ReLU: "relu",
            nn.MaxPool2d: "max_pool2d",
            nn.Flatten: "flatten",
        }[type(layer)]
        one = {"kind": kind}
        if kind == "conv2d":
            one.update(kernel=3, stride=1, padding=1)
        if kind == "max_pool2d":
            one.update(kernel=2, stride=2, padding=0)
        if hasattr(layer, "weight"):
            one.update(weight=layer.weight, bias=layer.bias)
        described.append(one)
    return described


def predict(model, rows):
    with torch.no_grad():
        return model(tensor(rows)).numpy()


def softmax(outputs):
    shifted = numpy.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


# ---------------------------------------------------------------- Captum


@contextmanager
def wide():
    """Captum rounds some steps, counts and sums to 32 bits; here these are 64-bit, too."""
    with (
        mock.patch.object(torch.Tensor, "float", torch.Tensor.double),
        mock.patch.object(torch, "float", torch.float64),
    ):
        yield


def twice(compute):
    """Captum's result in 64 bits, and how far the one that Captum computes as shipped is from it."""
    shipped = compute()
    with wide():
        result = compute()
    assert result.dtype == torch.float64
    difference = (result - shipped).abs().max().item()
    return {"attributions": result.detach(), "as_shipped_max_difference": float(f"{difference:.1e}")}


def integrated_gradients(model, x, targets, baseline):
    results = []
    for name, value in [("zeros", torch.zeros_like(x[:1])), ("other", tensor(baseline)[None])]:
        for method, steps in [("gausslegendre", 200), ("riemann_trapezoid", 50)]:
            compute = lambda: IntegratedGradients(model).attribute(
                x,
                baselines=value,
                target=targets,
                n_steps=steps,
                method=method,
                return_convergence_delta=True,
            )
            one = twice(lambda: compute()[0])
            with wide():
                delta = compute()[1]
            results.append(
                {
                    "baseline": value[0],
                    "baseline_name": name,
                    "method": method,
                    "steps": steps,
                    **one,
                    "delta": delta,
                }
            )
    return results


def noise_tunnel(model, x, targets, stdev, seed, count=5):
    """NoiseTunnel over Saliency; the inputs that it gives to the model are written down."""
    seen = []
    result = {}
    for kind in ["smoothgrad", "smoothgrad_sq", "vargrad"]:
        torch.manual_seed(seed)
        hook = model.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().clone()))
        result[kind] = NoiseTunnel(attr.Saliency(model)).attribute(
            x, nt_type=kind, nt_samples=count, stdevs=stdev, target=targets, abs=False
        )
        hook.remove()
    assert len(seen) == 3 and torch.equal(seen[0], seen[1]) and torch.equal(seen[0], seen[2])
    noisy = seen[0].reshape(len(x), count, *x.shape[1:])
    for i, target in enumerate(targets.tolist()):
        rows = noisy[i].clone().requires_grad_()
        gradients = torch.autograd.grad(model(rows)[:, target].sum(), rows)[0]
        assert torch.allclose(gradients.mean(0), result["smoothgrad"][i], rtol=0, atol=1e-12)
        assert torch.allclose((gradients**2).mean(0), result["smoothgrad_sq"][i], rtol=0, atol=1e-12)
        assert torch.allclose(gradients.var(0, correction=0), result["vargrad"][i], rtol=0, atol=1e-12)
    return {"noisy_inputs": noisy, "noise_stdev": stdev, **result}


def captum_common(model, x, targets, baseline):
    return {
        "saliency": attr.Saliency(model).attribute(x, target=targets, abs=False),
        "saliency_abs": attr.Saliency(model).attribute(x, target=targets, abs=True),
        "input_x_gradient": attr.InputXGradient(model).attribute(x, target=targets).detach(),
        "integrated_gradients": integrated_gradients(model, x, targets, baseline),
    }


def occlusion(model, x, targets, window, stride):
    one = twice(lambda: Occlusion(model).attribute(x, window, strides=stride, baselines=0, target=targets))
    return {"window": window, "stride": stride, "baseline": 0.0, **one}


def ablation(model, x, targets, baseline, mask=None):
    one = twice(
        lambda: attr.FeatureAblation(model).attribute(
            x, baselines=baseline, target=targets, feature_mask=mask
        )
    )
    return {"baseline": baseline[0], "feature_mask": mask, **one}


def shapley_values(model, x, targets):
    """Captum visits all orders of the features; the formula here sums over all subsets."""
    compute = lambda: attr.ShapleyValues(model).attribute(
        x, target=targets, perturbations_per_eval=x.shape[1]
    )
    with torch.no_grad():
        one = twice(compute)
    formula = shapley_formula(model, x.numpy(), numpy.zeros((1, x.shape[1])))
    report("ShapleyValues - formula over subsets", one["attributions"], of_target(formula, targets))
    return {"baseline": torch.zeros(x.shape[1]), **one}


def shapley_formula(model, rows, background):
    """Shapley values [row, feature, output] of the mean output over the background."""
    n = rows.shape[1]
    masks = numpy.array(list(itertools.product([False, True], repeat=n)))
    index = {tuple(mask): i for i, mask in enumerate(masks)}
    values = []
    for row in rows:
        mixed = numpy.where(masks[:, None], row, background)
        game = predict(model, mixed.reshape(-1, n)).reshape(*mixed.shape[:2], -1).mean(axis=1)
        phi = numpy.zeros((n, game.shape[1]))
        for mask in masks:
            size = int(mask.sum())
            for i in numpy.flatnonzero(~mask):
                with_i = mask.copy()
                with_i[i] = True
                weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
                phi[i] += weight * (game[index[tuple(with_i)]] - game[index[tuple(mask)]])
        values.append(phi)
    return numpy.array(values)


def of_target(values, targets):
    """[row, feature, output] -> [row, feature]"""
    return numpy.array([value[..., target] for value, target in zip(values, targets.tolist())])


def report(name, a, b):
    print(f"{name}: largest difference {numpy.abs(numpy.asarray(a) - numpy.asarray(b)).max():.2g}")


# ---------------------------------------------------------------- shap


def shap_values(model, rows, background):
    """Two explainers of one quantity: interventional Shapley values of all outputs."""
    kernel = shap.KernelExplainer(partial(predict, model), background)
    by_kernel = kernel.shap_values(rows, nsamples=100_000, l1_reg=False, silent=True)
    assert kernel.nsamplesAdded == 2 ** rows.shape[1] - 2
    by_exact = shap.explainers.Exact(partial(predict, model), shap.maskers.Independent(background))(rows)
    report("KernelExplainer - Exact", by_kernel, by_exact.values)
    report("Exact - formula over subsets", by_exact.values, shapley_formula(model, rows, background))
    zeros = numpy.zeros((1, rows.shape[1]))
    by_zeros = shap.explainers.Exact(partial(predict, model), shap.maskers.Independent(zeros))(rows)
    return {
        "kernel": {
            "expected_value": kernel.expected_value,
            "values": by_kernel,
            "coalitions": kernel.nsamplesAdded,
        },
        "exact": {"expected_value": by_exact.base_values, "values": by_exact.values},
        "exact_zero_background": {"expected_value": by_zeros.base_values, "values": by_zeros.values},
    }


def expected_gradients(model, rows, background, nsamples=20_000, seeds=range(8)):
    explainer = shap.GradientExplainer(model, tensor(background))
    runs = numpy.array([explainer.shap_values(tensor(rows), nsamples=nsamples, rseed=seed) for seed in seeds])
    limit = numpy.zeros(runs.shape[1:])  # the mean of Integrated Gradients from every row of the background
    for output in range(runs.shape[-1]):
        for base in background:
            with wide():
                limit[..., output] += IntegratedGradients(model).attribute(
                    tensor(rows), baselines=tensor(base)[None], target=output, n_steps=200
                ).detach().numpy() / len(background)
    mean, error = runs.mean(axis=0), runs.std(axis=0, ddof=1)
    apart = numpy.abs(mean - limit) / (error / math.sqrt(len(seeds)))
    print(f"GradientExplainer - limit: at most {apart.max():.2g} standard errors apart")
    return {
        "nsamples": nsamples,
        "seeds": list(seeds),
        "values_of_first_seed": runs[0],
        "standard_error_of_one_seed": error,
        "values_mean_of_seeds": mean,
        "standard_error_of_mean": error / math.sqrt(len(seeds)),
        "limit": limit,
    }


# ---------------------------------------------------------------- lime


def capture(explainer):
    """Keeps what lime gives to LimeBase and what comes back."""
    base, kept = explainer.base, []
    compute = base.explain_instance_with_data

    def keep(data, labels, distances, label, num_features, **more):
        intercept, pairs, score, local = compute(data, labels, distances, label, num_features, **more)
        coefficients = numpy.zeros(data.shape[1])
        for feature, value in pairs:
            coefficients[feature] = value
        kept.append(
            {
                "rows": data,
                "distances": distances,
                "weights": base.kernel_fn(distances),
                "labels": labels[:, label],
                "coefficients": coefficients,
                "intercept": intercept,
                "score": score,
                "local_pred": local[0],
            }
        )
        return intercept, pairs, score, local

    base.explain_instance_with_data = keep
    return kept


def check_ridge(one):
    """lime's numbers once more: weighted ridge with alpha 1, the intercept without a penalty."""
    rows, w, y = (numpy.asarray(one[key], dtype=float) for key in ["rows", "weights", "labels"])
    centre, middle = w @ rows / w.sum(), w @ y / w.sum()
    x = rows - centre
    coefficients = numpy.linalg.solve(
        x.T @ (w[:, None] * x) + numpy.eye(x.shape[1]), x.T @ (w * (y - middle))
    )
    fitted = rows @ coefficients + middle - centre @ coefficients
    score = 1 - w @ (y - fitted) ** 2 / (w @ (y - middle) ** 2)
    report("lime - normal equations", one["coefficients"], coefficients)
    assert abs(score - one["score"]) < 1e-10 and abs(fitted[0] - one["local_pred"]) < 1e-10


def lime_table(model, rows, targets, background, samples=120):
    results = []
    for kind in ["continuous", "quartile"]:
        for i in [0, 1]:
            target, inverse = int(targets[i]), []

            def outputs(x):
                inverse.append(x.copy())
                logits = predict(model, x)
                return logits[:, target] if kind == "continuous" else softmax(logits)

            explainer = LimeTabularExplainer(
                background,
                mode="regression" if kind == "continuous" else "classification",
                discretize_continuous=kind == "quartile",
                feature_selection="none",
                random_state=30 + i,
            )
            kept = capture(explainer)
            explainer.explain_instance(
                rows[i], outputs, labels=(target,), num_features=8, num_samples=samples
            )
            (one,) = kept
            check_ridge(one)
            results.append(
                {
                    "kind": kind,
                    "input": i,
                    "target": target,
                    "labels_are": "logit" if kind == "continuous" else "probability",
                    "kernel_width": math.sqrt(background.shape[1]) * 0.75,
                    "alpha": 1.0,
                    "scaler_mean": explainer.scaler.mean_,
                    "scaler_scale": explainer.scaler.scale_,
                    "model_inputs": inverse[0],
                    **one,
                }
            )
    return results


def lime_pictures(model, images, targets, segments, samples=150):
    results = []
    for i, image in enumerate(images):
        explainer = lime_image.LimeImageExplainer(
            kernel_width=0.25, feature_selection="none", random_state=40 + i
        )
        kept = capture(explainer)
        explainer.explain_instance(
            image[0],  # lime copies a grey image to three channels
            lambda batch: predict(model, numpy.asarray(batch)[..., 0][:, None]),
            labels=(int(targets[i]),),
            top_labels=None,
            hide_color=0,
            num_samples=samples,
            segmentation_fn=lambda _: segments,
        )
        (one,) = kept
        check_ridge(one)
        fields = {
            "input": i,
            "target": int(targets[i]),
            "labels_are": "logit",
            "kernel_width": 0.25,
            "alpha": 1.0,
        }
        results.append({**fields, "segments": segments, "fill": 0.0, **one})
    return results


# ---------------------------------------------------------------- formulas


def penalty(model, rows, classes, strength=0.1):
    """Ross et al., 2017, without a mask: cross-entropy, and the squared gradients of sum_k log p_k."""
    x, classes = tensor(rows).requires_grad_(), tensor(classes)
    log_p = torch.log_softmax(model(x), dim=1)
    loss = nn.functional.nll_loss(log_p, classes)
    (gradient,) = torch.autograd.grad(log_p.sum(), x, create_graph=True)
    extra = strength * (gradient**2).sum(dim=1).mean()
    names, parameters = zip(*model.named_parameters())
    return {
        "classes": classes,
        "strength": strength,
        "loss": loss,
        "input_gradient": gradient,
        "penalty": extra,
        "total": loss + extra,
        "gradient_of_total": dict(
            zip(names, torch.autograd.grad(loss + extra, parameters, retain_graph=True))
        ),
        "gradient_of_loss": dict(zip(names, torch.autograd.grad(loss, parameters))),
    }


def curves(model, image, target, attribution):
    """Probability of the target while pixels go (deletion) or come (insertion), highest attribution first."""
    order = numpy.argsort(-attribution.ravel(), kind="stable")
    assert numpy.diff(numpy.sort(attribution.ravel())).min() > 1e-9, "equal attributions"
    result = {"target": target, "attribution": attribution, "order": order}
    for name, first, last in [("deletion", image, 0 * image), ("insertion", 0 * image, image)]:
        steps = [first.ravel().copy()]
        for pixel in order:
            steps.append(steps[-1].copy())
            steps[-1][pixel] = last.ravel()[pixel]
        p = softmax(predict(model, numpy.array(steps).reshape(-1, *image.shape)))[:, target]
        result[name] = {"probabilities": p, "area": numpy.trapezoid(p, dx=1 / len(order))}
    return result


def rollout():
    """Abnar & Zuidema, 2020: 0.5 W + 0.5 I with the heads' mean W, rows divided by their sum, multiplied."""
    attention = softmax(1.5 * random.normal(size=(3, 4, 5, 5)))
    attention = numpy.vectorize(lambda value: float(f"{value:.12g}"))(attention)
    joint, after = numpy.eye(5), []
    for layer in attention:
        mixed = 0.5 * layer.mean(axis=0) + 0.5 * numpy.eye(5)
        mixed /= mixed.sum(axis=1, keepdims=True)
        joint = mixed @ joint
        after.append(joint)
    return {"attention": attention, "formula": {"rollout_after_layer": after, "rollout": joint}}


# ---------------------------------------------------------------- files


def plain(value):
    """JSON with 12 significant digits."""
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    if isinstance(value, numpy.ndarray | numpy.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        assert math.isfinite(value)
        return float(f"{value:.12g}") + 0.0
    return value


def write(name, content):
    compact = partial(json.dumps, separators=(",", ":"))
    parts = []
    for key, value in {"made_by": MADE_BY, **plain(content)}.items():
        if isinstance(value, dict) and key != "made_by":
            value = (
                "{\n"
                + ",\n".join(f"{compact(inner)}:{compact(item)}" for inner, item in value.items())
                + "\n}"
            )
        else:
            value = compact(value)
        parts.append(f"{compact(key)}:{value}")
    text = "{\n" + ",\n".join(parts) + "\n}\n"
    Path(__file__).with_name(f"{name}.json").write_text(text)
    print(f"{name}.json: {len(text)} bytes")


def table():
    model, rows, background = table_model(), normal(4, 8), normal(20, 8)
    targets, baseline, classes = torch.tensor([0, 1, 2, 1]), normal(8, scale=0.5), [0, 2, 1, 1]
    x = tensor(rows)
    zeros, other = torch.zeros(1, 8), tensor(baseline)[None]
    write(
        "table",
        {
            "model": {"layers": layers(model)},
            "inputs": rows,
            "targets": targets,
            "outputs": predict(model, rows),
            "background": background,
            "captum": {
                **captum_common(model, x, targets, baseline),
                "occlusion": [occlusion(model, x, targets, (1,), (1,))],
                "feature_ablation": [ablation(model, x, targets, zeros), ablation(model, x, targets, other)],
                "shapley_values": shapley_values(model, x, targets),
                "noise_tunnel": noise_tunnel(model, x, targets, stdev=0.3, seed=1),
            },
            "shap": {
                **shap_values(model, rows, background),
                "gradient": expected_gradients(model, rows, background),
            },
            "lime": {"tabular": lime_table(model, rows, targets, background)},
            "formula": {"input_gradient_penalty": penalty(model, rows, classes)},
        },
    )


def image():
    model, images = image_model(), normal(3, 1, 8, 8)
    targets, baseline = torch.tensor([2, 0, 1]), normal(1, 8, 8, scale=0.5)
    x = tensor(images)
    segments = numpy.arange(8)[:, None] // 2 * 4 + numpy.arange(8) // 2
    common = captum_common(model, x, targets, baseline)
    mask = torch.tensor(segments)[None, None]
    grad_cam = lambda layer: (
        attr.LayerGradCam(model, layer).attribute(x, target=targets, relu_attributions=False).detach()
    )
    activation = lambda layer: attr.LayerActivation(model, layer).attribute(x).detach()
    write(
        "image",
        {
            "model": {"layers": layers(model)},
            "inputs": images,
            "targets": targets,
            "outputs": predict(model, images),
            "captum": {
                **common,
                "occlusion": [
                    occlusion(model, x, targets, (1, 2, 2), (1, 2, 2)),
                    occlusion(model, x, targets, (1, 2, 2), (1, 1, 1)),
                    occlusion(model, x, targets, (1, 3, 3), (1, 2, 2)),
                ],
                "feature_ablation": [
                    ablation(model, x, targets, torch.zeros(1, 1, 8, 8), mask),
                    ablation(model, x, targets, tensor(baseline)[None], mask),
                ],
                "layer_grad_cam": {"conv2": grad_cam(model[3]), "relu2": grad_cam(model[4])},
                "layer_activation": {"conv1": activation(model[0]), "conv2": activation(model[3])},
                "noise_tunnel": noise_tunnel(model, x, targets, stdev=0.2, seed=2),
            },
            "lime": {"image": lime_pictures(model, images, targets, segments)},
            "formula": {
                "curves": {"input": 0, **curves(model, images[0], 2, common["input_x_gradient"][0].numpy())},
            },
        },
    )


def linear():
    model, rows, background = linear_model(), normal(3, 6), normal(15, 6)
    targets, baseline = torch.tensor([0, 1, 1]), normal(6, scale=0.5)
    x = tensor(rows)
    weight, bias = (part.detach().numpy() for part in model.parameters())
    explainer = shap.LinearExplainer((weight, bias), shap.maskers.Independent(background))
    by_linear = explainer.shap_values(rows)
    report(
        "LinearExplainer - w (x - mean)",
        by_linear,
        ((rows - background.mean(0))[:, None] * weight).swapaxes(1, 2),
    )
    write(
        "linear",
        {
            "model": {"layers": layers(model)},
            "inputs": rows,
            "targets": targets,
            "outputs": predict(model, rows),
            "background": background,
            "captum": {
                **captum_common(model, x, targets, baseline),
                "feature_ablation": [
                    ablation(model, x, targets, torch.zeros(1, 6)),
                    ablation(model, x, targets, tensor(baseline)[None]),
                ],
                "shapley_values": shapley_values(model, x, targets),
            },
            "shap": {
                "linear": {"expected_value": explainer.expected_value, "values": by_linear},
                **shap_values(model, rows, background),
            },
        },
    )


for make in [table, image, linear]:
    start = time.time()
    make()
    print(f"{time.time() - start:.0f} s", file=sys.stderr)
write("rollout", rollout())
