"""Which detector sees which attack, in splits by picture; and what is left of it once the attacker has read its code."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib import uncertainty as U
from tutorial_lib.gradients import (
    confounding_label_loss,
    cross_entropy,
    input_gradient_of_norms,
    last_linear_layer,
    model_outputs,
    outputs_and_input_gradient,
    penultimate_features,
)
from tutorial_lib.metrics import auroc, fpr_at_tpr
from tutorial_lib.uncertainty.perturbations import normalized_gradient, project

SPLITS = 3
NORMAL, NOISE = "normal", "noise"
FITTED_FREE_SCORES = {"max softmax": U.msp_score, "energy": U.energy_score}
LOGIT_SCORES, FEATURES, GRADIENTS = "cheap scores", "features", "gradients"
STEPS = 30  # of the attacker who knows


def make_generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def format_value(value: float) -> float:
    return round(float(value), 4)


class DetectorInputs(NamedTuple):
    """Normal pictures and every family's, one below the other: readings (M, F) by name; family and picture of each row (M,)."""

    readings: dict[str, Tensor]
    family: Tensor
    image_ids: Tensor
    names: list[str]

    def of(self, name: str) -> Tensor:
        return self.family == self.names.index(name)


def detector_features(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """What is known of a picture without a label: scores as they are, (N,); and what a detector may be trained on, (N, F)."""
    z, h = penultimate_features(model, x)
    cheap = [U.msp_score(z), U.entropy_score(z), U.energy_score(z), U.margin_score(z), h.norm(dim=1), z.amax(1)]
    found = {name: score(z) for name, score in FITTED_FREE_SCORES.items()}
    found |= {
        LOGIT_SCORES: torch.stack(cheap, 1),
        FEATURES: h,
        GRADIENTS: U.confounding_gradient_norms(model, x, group_by="tensor"),
    }
    return {name: value.cpu() for name, value in found.items()}


def features_of_attacks(model: nn.Module, x: Tensor, y: Tensor, made: dict[str, Tensor]) -> DetectorInputs:
    """Of an attack, only what fooled the network counts; noise is no attack, and all of it does."""
    parts, family, image = (
        [detector_features(model, x)],
        [torch.zeros(len(x), dtype=torch.long)],
        [torch.arange(len(x))],
    )
    for i, (attack, found) in enumerate(made.items(), 1):
        fell = (model_outputs(model, found).argmax(1) != y) | (attack == NOISE)
        parts.append(detector_features(model, found[fell]))
        family.append(torch.full((int(fell.sum()),), i))
        image.append(fell.nonzero()[:, 0].cpu())
    together = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return DetectorInputs(together, torch.cat(family), torch.cat(image), [NORMAL, *made])


def fit_detector(reading: str) -> U.PurviewDetector:
    """A small network with the widths of the lab's code; a linear one would be unfair to the features."""
    return U.PurviewDetector((40, 20), log=reading == GRADIENTS)


def transfer_matrix(name: str, found: DetectorInputs, seed: int) -> list[dict]:
    """AUROC of detectors taught one family, or all but one, and tested on each; and of scores that were taught nothing."""
    cells: dict[tuple[str, str, str], list[float]] = {}
    families = found.names[1:]
    attacks = [family for family in families if family != NOISE]
    lessons = {family: [family] for family in families}
    lessons |= {f"all but {family}": [other for other in attacks if other != family] for family in attacks}
    for split in range(SPLITS):
        learn = U.group_train_mask(found.image_ids, generator=make_generator(100 * seed + split))
        normal = found.of(NORMAL)
        scores = {(reading, "nothing"): found.readings[reading] for reading in FITTED_FREE_SCORES}
        for reading in (LOGIT_SCORES, FEATURES, GRADIENTS):
            values = found.readings[reading]
            for taught, shown in lessons.items():
                rows = torch.stack([found.of(family) for family in shown]).any(0)
                learned = fit_detector(reading).fit(values[normal & learn], values[rows & learn])
                scores[reading, taught] = learned.score(values)
        for (reading, taught), score in scores.items():
            for family in families if not taught.startswith("all but ") else [taught.removeprefix("all but ")]:
                value = auroc(score[normal & ~learn], score[found.of(family) & ~learn])
                cells.setdefault((reading, taught, family), []).append(value)
    base = {"kind": "detector", "network": name}
    spread = lambda v: {
        "auroc": format_value(sum(v) / len(v)),
        "low": format_value(min(v)),
        "high": format_value(max(v)),
        "splits": len(v),
    }
    return [
        {**base, "reading": r, "taught": t, "tested": on, "pictures": int(found.of(on).sum()), **spread(v)}
        for (r, t, on), v in cells.items()
    ]


# The attacker who has read the code.


class ClassifierWithDetector(nn.Module):
    """A network that says its features with its logits, (N, C + d), so that an objective may ask for either."""

    def __init__(self, model: nn.Module, head: nn.Linear):
        super().__init__()
        self.model, self.head = model, head

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        handle = self.head.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
        try:
            return torch.cat([self.model(x), kept[0]], 1)
        finally:
            handle.remove()


def log_odds(learned: U.PurviewDetector, reading: Tensor) -> Tensor:
    """What the detector scores, with its graph: (n, F) -> (n,)."""
    found = reading.clamp(min=torch.finfo(torch.float32).tiny).log() if learned.log else reading
    found = (found - learned.mean.to(found)) / learned.spread.to(found)
    for i, (weight, bias) in enumerate(learned.layers):
        found = (found.relu() if i else found) @ weight.to(found) + bias.to(found)
    return found[:, 0]


Slope = Callable[
    [Tensor], tuple[Tensor, Tensor]
]  # pictures -> a detector's score of each, and the gradient of that score


def detector_input_gradients(model: nn.Module, x: Tensor, learned: dict[str, U.PurviewDetector]) -> dict[str, Slope]:
    """The untrained energy, the two detectors, and the sum of the two."""
    head = last_linear_layer(model, x)
    both, classes = ClassifierWithDetector(model, head), head.out_features

    def at_outputs(network: nn.Module, score: Callable[[Tensor], Tensor]) -> Slope:
        def slope(x: Tensor) -> tuple[Tensor, Tensor]:
            said, gradient = outputs_and_input_gradient(network, x, score)
            return score(said), gradient

        return slope

    def at_norms(x: Tensor) -> tuple[Tensor, Tensor]:
        read = partial(log_odds, learned[GRADIENTS])
        norms, gradient = input_gradient_of_norms(model, x, confounding_label_loss(), read, group_by="tensor")
        return read(norms), gradient

    at_features = at_outputs(both, lambda out: log_odds(learned[FEATURES], out[:, classes:]))

    def at_either(x: Tensor) -> tuple[Tensor, Tensor]:
        (a, rise), (b, other) = at_features(x), at_norms(x)
        return a + b, rise + other

    return {"energy": at_outputs(model, U.energy_score), FEATURES: at_features, GRADIENTS: at_norms, "both": at_either}


def adaptive_attack(
    model: nn.Module, x: Tensor, y: Tensor, slope: Slope, *, eps: float, steps: int = STEPS, lead: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Climb the loss until the network is fooled by a clear lead, then descend the detector's score, whichever is needed.

    Of each picture, the point that fools and has the lowest score is kept: (pictures, whether there was one).
    """
    at, best, lowest = x.clone(), x.clone(), torch.full((len(x),), torch.inf, device=x.device)
    for t in range(steps + 1):
        z, loss = outputs_and_input_gradient(model, at, cross_entropy(y))
        score, rise = slope(at)
        lower = (z.argmax(1) != y) & (score < lowest)
        best[lower], lowest[lower] = at[lower], score[lower].to(lowest)
        ahead = z.scatter(1, y[:, None], -torch.inf).amax(1) - z.gather(1, y[:, None])[:, 0]
        way = torch.where(
            (ahead < lead).view(-1, *(1,) * (x.dim() - 1)),
            normalized_gradient(loss, "inf"),
            -normalized_gradient(rise, "inf"),
        )
        # Long steps first, to arrive; short ones last, to settle.
        at = project(at + eps / 2 * (1 - t / (steps + 1)) * way, x, eps, "inf")
    return best, lowest.isfinite()


def adaptive_attack_rows(
    name: str,
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    made: dict[str, Tensor],
    found: DetectorInputs,
    seed: int,
    *,
    eps: float,
    count: int,
) -> list[dict]:
    """Detectors taught FGSM and PGD, before attackers who do not know them and attackers who do: success, and what is seen."""
    learn = U.group_train_mask(found.image_ids, generator=make_generator(100 * seed))
    shown = found.of("FGSM") | found.of("PGD")

    def taught(side: Tensor, begun: int) -> dict[str, U.PurviewDetector]:
        normal, abnormal = found.of(NORMAL) & side, shown & side
        lesson = lambda values, reading: fit_detector(reading).fit(
            values[normal], values[abnormal], generator=make_generator(begun)
        )
        return {reading: lesson(found.readings[reading], reading) for reading in (FEATURES, GRADIENTS)}

    # Who cannot look at the detector builds one: the same network and kinds of attack, and none of the pictures it learned from.
    copied = detector_input_gradients(model, x[:1], taught(~learn, seed + 1))
    rest = (~learn[: len(x)]).nonzero()[:count, 0].to(x.device)
    x, y, known = x[rest], y[rest], detector_input_gradients(model, x[:1], taught(learn, seed))
    judges = {judge: slope for judge, slope in known.items() if judge != "both"}
    parts = lambda slope, x: torch.cat([slope(part)[0] for part in x.split(32)])
    normal = {judge: parts(slope, x) for judge, slope in judges.items()}
    attempts = {attack: (made[attack][rest], None) for attack in ("FGSM", "PGD")}
    attempts |= {f"evading {judge}": adaptive_attack(model, x, y, slope, eps=eps) for judge, slope in known.items()}
    attempts |= {
        f"evading a copy of {judge}": adaptive_attack(model, x, y, copied[judge], eps=eps)
        for judge in (FEATURES, GRADIENTS)
    }
    rows = []
    for attack, (images, fell) in attempts.items():
        fell = model_outputs(model, images).argmax(1) != y if fell is None else fell
        row = {
            "kind": "knowing",
            "network": name,
            "attack": attack,
            "pictures": len(x),
            "success": format_value(fell.double().mean()),
        }
        for judge, slope in judges.items():
            score = parts(slope, images[fell])
            # Of a hundred normal pictures, five are stopped as well.
            caught = 1 - fpr_at_tpr(-score, -normal[judge], 0.95)
            rows.append(
                {
                    **row,
                    "judge": judge,
                    "auroc": format_value(auroc(normal[judge], score)),
                    "caught": format_value(caught),
                }
            )
    return rows
