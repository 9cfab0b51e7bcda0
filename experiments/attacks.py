"""Adversarial attacks on signs and photographs: success by budget, confidence, minimal perturbations, transferability,
detectors trained on one attack and tested on others, and adaptive attacks on the detectors.

AutoAttack of the package torchattacks is the reference for our attacks; its rows are computed where the package is
installed (``pip install --no-deps torchattacks==3.5.1``).
"""

from __future__ import annotations

import hashlib
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from experiments._attack_detectors import (
    NOISE,
    adaptive_attack_rows,
    features_of_attacks,
    format_value,
    make_generator,
    margin_pgd,
    transfer_matrix,
)
from tutorial_lib import uncertainty as U
from tutorial_lib.data import is_available, load
from tutorial_lib.gradients import bind_per_sample, input_gradient, model_outputs
from tutorial_lib.gradients import cross_entropy as exact_cross_entropy
from tutorial_lib.metrics import auroc
from tutorial_lib.models import load as network_of
from tutorial_lib.models import load_pretrained

SIGNS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
PHOTOS = ("cifar10/resnet20", "cifar10/resnet56")
ATTACKED = (SIGNS[0], *PHOTOS)  # the other sign networks are used for transferability only
N_IMAGES, N_STRONG, N_SLOW, N_DETECTED, N_ATTEMPTED = 100, 60, 20, 140, 32
SHARE = {PHOTOS[1]: 0.5}  # of the images, because a pass of this network costs almost three times as much
BUDGETS = (0.5, 1, 2, 4, 8, 16)  # of 255
STRONG_BUDGETS, STRONG_STEPS, STRONG_RESTARTS = (1, 2, 4, 8), 40, 3
EXAMPLES_SHOWN = 8 / 255
L2_BUDGET = dict.fromkeys(SIGNS, 1.0) | dict.fromkeys(PHOTOS, 0.5)  # L2 norm
REFERENCE_BUDGETS = {SIGNS[0]: (4, 8), PHOTOS[0]: (2, 4), PHOTOS[1]: (4,)}
ROUNDED = "FGSM, rounded loss"
# Means over fewer images than these are not reported.
MINIMAL_ATTACKS = 10
SMALL = {
    "N_IMAGES": 28,
    "N_STRONG": 14,
    "N_SLOW": 2,
    "N_DETECTED": 42,
    "N_ATTEMPTED": 14,
    "BUDGETS": (2, 16),
    "STRONG_BUDGETS": (8,),
    "STRONG_STEPS": 4,
    "MINIMAL_ATTACKS": 1,
}
SMALL |= {"_attack_detectors.SPLITS": 1, "_attack_detectors.STEPS": 4, "_attack_detectors.MAX_RESTARTS": 2}


def mean(values: Tensor) -> float | None:
    """Return the mean of the values, or None if there are too few."""
    return format_value(values.double().mean()) if len(values) >= MINIMAL_ATTACKS else None


def select_correct(name: str, count: int, device) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a network, the first ``count`` test images that it classifies correctly, and their labels."""
    model = load_pretrained(name, device) if name in PHOTOS else network_of(name, device)
    x, y = load("cifar10" if name in PHOTOS else "signs", "test", limit=2 * count, device=device)[:2]
    correct = (model_outputs(model, x).argmax(1) == y).nonzero()[:count, 0]
    return model, x[correct], y[correct]


def perturbation_norms(adversarial: Tensor, x: Tensor) -> Tensor:
    """Return the L2 norms of the perturbations, (N,)."""
    return (adversarial - x).flatten(1).norm(dim=1)


def rounded_input_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Return the input gradient of PyTorch's cross-entropy, which is masked where the probability rounds to 1."""
    return input_gradient(model, x, bind_per_sample(partial(cross_entropy, reduction="none"), y))


def masking_row(name: str, model: nn.Module, x: Tensor, y: Tensor) -> dict:
    """Return how often the probability of the label rounds to 1, and how the sign of the rounded gradient suffers."""
    saturated = model_outputs(model, x).softmax(1).gather(1, y[:, None])[:, 0] == 1
    exact, rounded = input_gradient(model, x, exact_cross_entropy(y)), rounded_input_gradient(model, x, y)
    agreement = (exact.sign() == rounded.sign()).flatten(1).double().mean(1)
    row = {"kind": "masking", "network": name, "images": len(x), "saturated": format_value(saturated.double().mean())}
    row |= {"agreement, saturated": mean(agreement[saturated]), "agreement, others": mean(agreement[~saturated])}
    exact_attack, rounded_attack = ((x + 2 / 255 * g.sign()).clamp(0, 1) for g in (exact, rounded))
    for title, adversarial in (("exact", exact_attack), ("rounded", rounded_attack)):
        row[f"success, saturated, {title}"] = mean((model_outputs(model, adversarial).argmax(1) != y)[saturated])
    return row


def success_by_budget(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """Return success rates, confidences and the AUROC of maximum softmax by budget, with noise as the control."""
    ways = {
        NOISE: lambda eps: U.random_noise(x, eps=eps, generator=make_generator(seed)),
        "FGSM": lambda eps: U.fgsm(model, x, y, eps=eps),
        ROUNDED: lambda eps: (x + eps * rounded.sign()).clamp(0, 1),
        "PGD": lambda eps: U.pgd(model, x, y, eps=eps, generator=make_generator(seed)),
    }
    rounded = rounded_input_gradient(model, x, y)
    before = model_outputs(model, x)
    rows = []
    for attack, way in ways.items():
        for budget in BUDGETS:
            adversarial = way(budget / 255)
            z = model_outputs(model, adversarial)
            success, confidence = z.argmax(1) != y, z.softmax(1).amax(1)
            # The score distinguishes two probabilities that both round to 1.
            adversarial_scores, normal_scores = U.msp_score(z)[success], U.msp_score(before)
            row = {"kind": "budget", "network": name, "attack": attack, "budget": budget, "images": len(x)}
            row |= {"success": mean(success)}
            row |= {
                "confidence before": mean(before.softmax(1).amax(1)),
                "confidence in the wrong class": mean(confidence[success]),
            }
            row |= {"more confident than before": mean(adversarial_scores < normal_scores[success])}
            area = format_value(auroc(normal_scores, adversarial_scores)) if success.sum() >= MINIMAL_ATTACKS else None
            rows.append({**row, "max softmax": area, "L2": mean(perturbation_norms(adversarial, x))})
    return rows


def strength_rows(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """Return the success rates of attacks of increasing strength on the same images."""
    rows = []
    for budget in STRONG_BUDGETS:
        eps, strong = budget / 255, {"steps": STRONG_STEPS, "restarts": STRONG_RESTARTS}
        ten_steps = U.pgd(model, x, y, eps=eps, generator=make_generator(seed))
        success = {
            "FGSM": model_outputs(model, U.fgsm(model, x, y, eps=eps)).argmax(1) != y,
            "PGD": model_outputs(model, ten_steps).argmax(1) != y,
            "PGD on the margin, with restarts": margin_pgd(
                model, x, y, eps=eps, generator=make_generator(seed), **strong
            ),
        }
        row = {"kind": "strength", "network": name, "budget": budget, "images": len(x)}
        rows += [{**row, "attack": attack, "success": mean(values)} for attack, values in success.items()]
    return rows


def reference_rows(name: str, model: nn.Module, x: Tensor, y: Tensor) -> list[dict]:
    """Return the success rates of AutoAttack on the same images."""
    from torchattacks import AutoAttack

    rows, options = [], {"norm": "Linf", "version": "standard", "n_classes": int(y.max()) + 1, "seed": 0}
    for budget in REFERENCE_BUDGETS[name]:
        attack = AutoAttack(model, eps=budget / 255, **options)
        success = mean(model_outputs(model, attack(x, y)).argmax(1) != y)
        row = {"kind": "strength", "network": name, "budget": budget, "images": len(x), "attack": "AutoAttack"}
        rows.append({**row, "success": success, "package": f"torchattacks {version('torchattacks')}"})
    return rows


def minimal_perturbations(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """Return the L2 norms of the minimal perturbations that attacks find, and the effect of noise of equal norm."""
    search = partial(U.carlini_wagner, binary_search_steps=5, n_steps=60, initial_const=0.1)
    rows = []
    for attack, way in {"DeepFool": U.deepfool, "Carlini-Wagner": search}.items():
        adversarial = way(model, x, y)
        z, size = model_outputs(model, adversarial), perturbation_norms(adversarial, x)
        success = z.argmax(1) != y
        noise = U.random_noise(x, eps=size, norm=2, generator=make_generator(seed))
        row = {"kind": "nearest", "network": name, "attack": attack, "images": len(x), "success": mean(success)}
        row |= {"L2": mean(size[success]), "median": format_value(size[success].median())}
        row |= {"confidence in the wrong class": mean(z.softmax(1).amax(1)[success])}
        rows.append({**row, "noise": mean(model_outputs(model, noise).argmax(1) != y)})
    return rows


def transferability(models: dict[str, nn.Module], x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """Return how often adversarial images of one network succeed on another, if both classify the image correctly."""
    correct = {name: model_outputs(model, x).argmax(1) == y for name, model in models.items()}
    rows = []
    for name, model in models.items():
        attacked = {
            NOISE: U.random_noise(x, eps=EXAMPLES_SHOWN, generator=make_generator(seed)),
            "FGSM": U.fgsm(model, x, y, eps=EXAMPLES_SHOWN),
            "PGD": U.pgd(model, x, y, eps=EXAMPLES_SHOWN, generator=make_generator(seed)),
        }
        for attack, adversarial in attacked.items():
            for other, other_model in models.items():
                both = correct[name] & correct[other]
                success = model_outputs(other_model, adversarial[both]).argmax(1) != y[both]
                row = {
                    "kind": "transfer",
                    "network": name,
                    "to": other,
                    "attack": attack,
                    "images": int(both.sum()),
                }
                rows.append({**row, "success": mean(success)})
    return rows


def detector_rows_by_attack(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> dict[str, Tensor]:
    """Return the adversarial images of each attack, and noise of the largest size."""
    return {
        NOISE: U.random_noise(x, eps=EXAMPLES_SHOWN, generator=make_generator(seed)),
        "FGSM": U.fgsm(model, x, y, eps=EXAMPLES_SHOWN),
        "PGD": U.pgd(model, x, y, eps=EXAMPLES_SHOWN, generator=make_generator(seed)),
        "PGD, L2": U.pgd(model, x, y, eps=L2_BUDGET[name], norm=2, generator=make_generator(seed)),
        "DeepFool": U.deepfool(model, x, y),
    }


def describe_attacks(name: str, model: nn.Module, x: Tensor, y: Tensor, attacked: dict[str, Tensor]) -> list[dict]:
    """Return success rates, perturbation sizes and confidences of the attacks on which detectors are trained."""
    rows = []
    for family, adversarial in attacked.items():
        z, change = model_outputs(model, adversarial), adversarial - x
        success = z.argmax(1) != y
        row = {"kind": "family", "network": name, "family": family, "images": len(x), "success": mean(success)}
        row |= {
            "confidence in the wrong class": mean(z.softmax(1).amax(1)[success]),
            "L2": mean(perturbation_norms(adversarial, x)[success]),
        }
        rows.append({**row, "largest of 255": mean(255 * change.flatten(1).abs().amax(1)[success])})
    return rows


def part_names() -> list[str]:
    """Return the names of the parts: kinds of measurements with a network, and transfer between networks."""
    photos = PHOTOS if is_available("cifar10") else ()
    networks = dict.fromkeys(("budgets", "detectors", "adaptive"), ATTACKED)
    if find_spec("torchattacks"):
        networks["reference"] = REFERENCE_BUDGETS
    parts = [f"{kind}, {name}" for kind in networks for name in networks[kind] if name not in PHOTOS or photos]
    return parts + ["transfer, signs"] + ["transfer, photographs"] * bool(photos)


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    kind, _, name = part.partition(", ")
    if kind == "transfer":
        networks = SIGNS if name == "signs" else PHOTOS
        x, y = load("signs" if name == "signs" else "cifar10", "test", limit=N_IMAGES, device=device)[:2]
        return transferability({name: select_correct(name, 1, device)[0] for name in networks}, x, y, seed)
    share = 1 if kind == "adaptive" else SHARE.get(name, 1)
    model, x, y = select_correct(name, round(N_DETECTED * share), device)
    if kind == "reference":
        return reference_rows(name, model, x[:N_STRONG], y[:N_STRONG])
    if kind == "budgets":
        some = x[: round(N_IMAGES * share)], y[: round(N_IMAGES * share)]
        rows = success_by_budget(name, model, *some, seed) + [masking_row(name, model, *some)]
        rows += strength_rows(name, model, x[:N_STRONG], y[:N_STRONG], seed)
        return rows + minimal_perturbations(name, model, x[:N_SLOW], y[:N_SLOW], seed)
    attacked = detector_rows_by_attack(name, model, x, y, seed)
    inputs = features_of_attacks(model, x, y, attacked)
    if kind == "adaptive":
        return adaptive_attack_rows(name, model, x, y, attacked, inputs, seed, eps=EXAMPLES_SHOWN, count=N_ATTEMPTED)
    return describe_attacks(name, model, x, y, attacked) + transfer_matrix(name, inputs, seed)


def data_sources() -> list[dict]:
    """Return the data sets and the package that the table depends on."""
    sets = [load("cifar10", "test", limit=2 * N_DETECTED)] if is_available("cifar10") else []
    sources = [{"subset": images.description, "sha256": images.sha256} for images in sets]
    spec = find_spec("torchattacks")
    if spec and spec.origin:
        code = b"".join(file.read_bytes() for file in sorted(Path(spec.origin).parent.rglob("*.py")))
        name = f"the code of torchattacks {version('torchattacks')}"
        sources.append({"subset": name, "sha256": hashlib.sha256(code).hexdigest()})
    return sources
