"""References of the rules whose authors' code can be run: the argument is the folder of its clones.

    python references/generate/from_authors.py FOLDER

README.md lists the repositories. What is edited out of their code rounds to fewer bits than 64, or imports
what a step on one device does not need.
"""

import contextlib
import copy
import io
import math
import random
import struct
import sys
import tempfile
import types
import warnings
from importlib.metadata import version

import dadaptation
import schedulefree
import torch
import torch.distributed
from trajectory import Stream, authors_code, authors_package, run_torch, write

CHECKOUTS = sys.argv[1]
warnings.simplefilter("ignore")
stream, square = Stream.load("stream.json"), Stream.load("stream-square.json")


class Code:
    """A file of a repository at a commit."""

    def __init__(self, repository, commit, path, edits=()):
        self.name = f"{repository} {commit[:7]}"
        self.module = authors_code(CHECKOUTS, repository, commit, path, edits)


class Both:
    """Optimizers for separate parameters, as one."""

    def __init__(self, *optimizers):
        self.optimizers = optimizers

    @property
    def param_groups(self):
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def step(self):
        for optimizer in self.optimizers:
            optimizer.step()


def matrices(params):
    return [param for param in params if param.ndim > 1]


def vectors(params):
    return [param for param in params if param.ndim <= 1]


def save(rule, make, config, lr, reference, stream_name="stream.json", source="authors", fields=(), **run):
    with contextlib.redirect_stdout(io.StringIO()):
        expected = run_torch(square if "square" in stream_name else stream, make, lr, **run)
    expected, expected_eval = expected if "evaluate" in run else (expected, None)
    write(rule, config, lr, reference, stream_name, expected, expected_eval=expected_eval, source=source, **dict(fields))


def adam(epsilon=1e-8, weight_decay=0.0):
    return {"beta_1": 0.9, "beta_2": 0.999, "epsilon": epsilon, "weight_decay": weight_decay}


code = Code(
    "juntang-zhuang/Adabelief-Optimizer",
    "2855178eff6776762793f915ce2c615f776a1e4b",
    "pypi_packages/adabelief_pytorch0.2.1/adabelief_pytorch/AdaBelief.py",
)
AdaBelief = code.module.AdaBelief
save(
    "adabelief",
    lambda params: AdaBelief(params, rectify=False, weight_decouple=True, print_change_log=False),
    adam(epsilon=1e-16),
    0.01,
    f"{code.name} AdaBelief (no rectification, decoupled decay)",
)

code = Code("sail-sg/Adan", "2c65beaf400775753b155da4082c3819fea689b9", "adan.py")
Adan = code.module.Adan
save(
    "adan",
    lambda params: Adan(params, weight_decay=0.02, foreach=False),
    {"beta_1": 0.98, "beta_2": 0.92, "beta_3": 0.99, "epsilon": 1e-8, "weight_decay": 0.02},
    0.01,
    f"{code.name} Adan (no_prox=False)",
)

code = Code("apple/ml-ademamix", "c3d73c09f1287e5c33b95189bb0aa7de0a5a7667", "pytorch/ademamix.py")
AdEMAMix = code.module.AdEMAMix
save(
    "ademamix",
    lambda params: AdEMAMix(params, alpha=5.0),
    {"beta_1": 0.9, "beta_2": 0.999, "beta_3": 0.9999, "alpha": 5.0, "epsilon": 1e-8, "weight_decay": 0.0},
    0.005,
    f"{code.name} AdEMAMix (no warm-up of alpha and beta_3)",
)

code = Code("iShohei220/adopt", "6468572b4b3688a2f056b796b071da540568520e", "src/adopt/adopt.py")
ADOPT = code.module.ADOPT
save(
    "adopt",
    lambda params: ADOPT(params, decouple=True),
    {"beta_1": 0.9, "beta_2": 0.9999, "epsilon": 1e-6, "weight_decay": 0.0},
    0.01,
    f"{code.name} ADOPT (decoupled decay, clip step^0.25)",
)

code = Code("yangluo7/CAME", "e77c5c022eaf71f1efb82a1433032cdcd5c52610", "came_pytorch/CAME.py")
CAME = code.module.CAME
save(
    "came",
    lambda params: CAME(params, lr=0.005),
    {
        "beta_1": 0.9,
        "beta_2": 0.999,
        "beta_3": 0.9999,
        "epsilon_1": 1e-30,
        "epsilon_2": 1e-16,
        "clip_threshold": 1.0,
        "weight_decay": 0.0,
    },
    0.005,
    f"{code.name} CAME",
)

C_OPTIM = ("kyleliang919/C-Optim", "2c0517c4db2e50b56d389ba4803eab1f4b3b8ae3")
code = Code(*C_OPTIM, "c_lion.py")
CautiousLion = code.module.Lion
save(
    "cautious_lion",
    lambda params: CautiousLion(params, betas=(0.9, 0.99), weight_decay=0.1),
    {"beta_1": 0.9, "beta_2": 0.99, "weight_decay": 0.1},
    0.003,
    f"{code.name} C-Lion",
)

# The file imports its neighbour by a relative name, and compiles what runs as well uncompiled.
sys.modules["opt_utils"] = Code(*C_OPTIM, "opt_utils.py").module
edits = [("from .opt_utils import", "from opt_utils import"), ("@torch.compile(fullgraph=True)", "")]
code = Code(*C_OPTIM, "c_adamw.py", edits)
CautiousAdamW = code.module.AdamW
save(
    "cautious_adamw",
    lambda params: CautiousAdamW(params, weight_decay=0.01, no_deprecation_warning=True),
    adam(epsilon=1e-6, weight_decay=0.01),
    0.01,
    f"{code.name} C-AdamW (foreach=True, the default)",
)

save(
    "dadapt_adam",
    lambda params: dadaptation.DAdaptAdam(params, d0=1e-3, decouple=True),
    {"beta_1": 0.9, "beta_2": 0.999, "d0": 1e-3, "weight_decay": 0.0, "epsilon": 1e-8},
    1.0,
    f"dadaptation {version('dadaptation')} DAdaptAdam (decoupled decay)",
    steps=(1, 2, 3, 5),
)

code = Code("rka97/dowg", "e4dbe02c7cee8a51880daeb181b2905e81b22cf4", "dowg/dowg.py")
DoWG = code.module.DoWG
save("dowg", lambda params: DoWG(params), {"epsilon": 1e-4}, 1.0, f"{code.name} DoWG", steps=(1, 2, 3, 5, 10))

code = Code("Gunale0926/Grams", "f91a375daaa85c5a4644e3f064ca6693c59f6cdb", "grams/src/grams.py")
Grams = code.module.Grams
save("grams", lambda params: Grams(params), adam(epsilon=1e-6), 0.01, f"{code.name} Grams")

code = Code("Z-T-WANG/LaProp-Optimizer", "a419916505bfb5d6a55f6b7b0ae14eb401b3be12", "laprop.py")
LaProp = code.module.LaProp
save("laprop", lambda params: LaProp(params), adam(epsilon=1e-15), 0.005, f"{code.name} LaProp")

# The last commit that has the file. Vectors are left to momentum, as by our spec `lars`.
code = Code("NVIDIA/apex", "2ec84ebdca59278eaf15e8ddf32476d9d6d8b904", "apex/parallel/LARC.py")
LARC = code.module.LARC


def lars(weight_decay, momentum, nesterov):
    def make(params):
        common = {"lr": 0.1, "momentum": momentum, "nesterov": nesterov}
        scaled = torch.optim.SGD(matrices(params), weight_decay=weight_decay, **common)
        scaled = LARC(scaled, trust_coefficient=1e-3, clip=False)
        return Both(scaled, torch.optim.SGD(vectors(params), **common))

    return make


for index, weight_decay, momentum, nesterov in [(1, 1e-4, 0.9, False), (2, 0.1, 0.8, True)]:
    config = {
        "momentum": momentum,
        "weight_decay": weight_decay,
        "trust_coefficient": 1e-3,
        "nesterov": nesterov,
    }
    name = f"{code.name} LARC around torch.optim.SGD (clip=False)"
    fields = {"index": index}
    save("lars", lars(weight_decay, momentum, nesterov), config, 0.1, name, source="package", fields=fields)

code = Code("google/automl", "6a54c8741e7c3265d4547c4f35f47a0391122dc5", "lion/lion_pytorch.py")
Lion = code.module.Lion
config = {"beta_1": 0.9, "beta_2": 0.99, "weight_decay": 0.1}
save("lion", lambda params: Lion(params, weight_decay=0.1), config, 0.003, f"{code.name} Lion")

code = Code("AGI-Arena/MARS", "4831e28eba863a4e69d7e9474ff8e73bc1b410fe", "MARS/optimizers/mars.py")
MARS = code.module.MARS
save(
    "mars",
    lambda params: MARS(params, optimize_1d=True),
    {"beta_1": 0.95, "beta_2": 0.99, "gamma": 0.025, "epsilon": 1e-8, "weight_decay": 0.0},
    0.003,
    f"{code.name} MARS (mars-adamw, every parameter)",
)

code = Code(
    "KellerJordan/Muon",
    "857d1adc159e098212f828d927460782d3da59e9",
    "muon.py",
    [("X = G.bfloat16()", "X = G")],
)
Muon = code.module.SingleDeviceMuon
save(
    "muon",
    lambda params: Muon(matrices(params)),
    {"momentum": 0.95, "nesterov": True, "ns_steps": 5, "weight_decay": 0.0, "lr_scale": "original"},
    0.02,
    f"{code.name} SingleDeviceMuon, without its rounding to bfloat16; vectors untouched",
)

code = Code("konstmish/prodigy", "3efb213ee8af5a6bf76f28726398433a847b38e9", "prodigyopt/prodigy.py")
Prodigy = code.module.Prodigy
save(
    "prodigy",
    lambda params: Prodigy(params, d0=1e-3),
    {
        "beta_1": 0.9,
        "beta_2": 0.999,
        "d0": 1e-3,
        "d_coef": 1.0,
        "weight_decay": 0.0,
        "epsilon": 1e-8,
        "bias_correction": False,
    },
    1.0,
    f"{code.name} Prodigy",
    steps=(1, 2, 3, 5),
)


def training(optimizer):
    optimizer.train()
    return optimizer


def for_evaluation(optimizer, params):
    # Back and forth would round; the copies are thrown away.
    optimizer, params = copy.deepcopy((optimizer, params))
    optimizer.eval()
    return params


averaged = {"r": 0.0, "weight_lr_power": 2.0, "warmup_steps": 0}
save(
    "schedule_free_adamw",
    lambda params: training(schedulefree.AdamWScheduleFree(params)),
    adam() | averaged,
    0.01,
    f"schedulefree {version('schedulefree')} AdamWScheduleFree",
    evaluate=for_evaluation,
)
save(
    "schedule_free_sgd",
    lambda params: training(schedulefree.SGDScheduleFree(params)),
    {"momentum": 0.9, "weight_decay": 0.0} | averaged,
    0.1,
    f"schedulefree {version('schedulefree')} SGDScheduleFree",
    evaluate=for_evaluation,
)

code = Code("PermiJW/signSGD-with-Majority-Vote", "5bebcd0f6920dc484db61c4637aea46db96d0871", "main/Signum_SGD.py")
SignumSgd = code.module.SGD_distribute
with tempfile.TemporaryDirectory() as folder:
    # The code asks other machines for their signs; here there are none.
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/peers", world_size=1, rank=0)
    arguments = types.SimpleNamespace(
        lr=0.003,
        momentum=0.9,
        weight_decay=0.0,
        compress=False,
        all_reduce=True,
        signum=True,
        larc_enable=False,
        local_rank=0,
        gpus_per_machine=1,
    )
    save(
        "signum",
        lambda params: SignumSgd(params, arguments, None),
        {"beta": 0.9, "weight_decay": 0.0},
        0.003,
        f"{code.name} SGD_distribute (signum, one machine)",
    )
    torch.distributed.destroy_process_group()

# Its base of eigenvectors is computed in 32 bits unless the parameters have 32; here in 64.
code = Code(
    "nikhilvyas/SOAP",
    "a1e553530fde97d0e6b307d7c82ac6d38b072340",
    "soap.py",
    [("!= torch.float:", "!= torch.float64:"), (".float()", ".double()")],
)
SOAP = code.module.SOAP
save(
    "soap",
    lambda params: SOAP(params, betas=(0.95, 0.95), weight_decay=0.01, precondition_frequency=10),
    {
        "beta_1": 0.95,
        "beta_2": 0.95,
        "epsilon": 1e-8,
        "weight_decay": 0.01,
        "precondition_frequency": 10,
        "precondition_1d": False,
    },
    0.003,
    f"{code.name} SOAP, without its casts to 32 bits (the first step fills the preconditioner and moves nothing)",
    "stream-square.json",
)

# The gradients under drawn labels are drawn themselves, since a stream has no model. The curvature is estimated
# before the step, as in algorithm 3 of the paper; the authors' training script does it after.
code = Code("Liuhong99/Sophia", "a7e157229b71d58cf995d32854f1be15c265b350", "sophia.py")
SophiaG = code.module.SophiaG
draw, batch_size = random.Random(20), 16
curvature_gradients = {
    step: [
        [struct.unpack("f", struct.pack("f", draw.gauss(0, 2)))[0] for _ in parameter.initial]
        for parameter in stream.parameters
    ]
    for step in (1, 11, 21)
}


def sophia_step(optimizer, t):
    params = [param for group in optimizer.param_groups for param in group["params"]]
    gradients = [param.grad for param in params]
    if t + 1 in curvature_gradients:
        for parameter, param, gradient in zip(stream.parameters, params, curvature_gradients[t + 1], strict=True):
            param.grad = parameter.to_torch(gradient)
        optimizer.update_hessian()
    for param, gradient in zip(params, gradients, strict=True):
        param.grad = gradient
    optimizer.step(bs=batch_size)


save(
    "sophia_g",
    lambda params: SophiaG(params),
    {
        "beta_1": 0.965,
        "beta_2": 0.99,
        "rho": 0.04,
        "epsilon": 1e-15,
        "weight_decay": 0.1,
        "update_period": 10,
    },
    0.01,
    f"{code.name} SophiaG (curvature before the step)",
    fields={"batch_size": batch_size, "curvature_gradients": curvature_gradients},
    step=sophia_step,
)

# Code of Gupta's that runs the plain algorithm is for TensorFlow 1. Meta's has it as the case without what was
# added later: no means, no grafting, no momentum, no blocks, roots every step.
with authors_package(
    CHECKOUTS, "facebookresearch/optimizers", "f60660661194de26d3ee78bae6d15820ff8e583d", "distributed_shampoo"
) as package:
    preconditioner = package.RootInvShampooPreconditionerConfig(
        factor_matrix_dtype=torch.float64, inv_factor_matrix_dtype=torch.float64
    )
    save(
        "shampoo",
        lambda params: package.DistributedShampoo(
            params,
            betas=(0.0, 1.0),
            epsilon=1e-6,
            max_preconditioner_dim=math.inf,
            use_bias_correction=False,
            distributed_config=package.SingleDeviceDistributedConfig(target_parameter_dimensionality=math.inf),
            preconditioner_config=preconditioner,
        ),
        {"epsilon": 1e-6, "momentum": 0.0},
        0.05,
        "facebookresearch/optimizers f606606 DistributedShampoo (sums, no grafting, roots every step)",
        source="package",
    )
