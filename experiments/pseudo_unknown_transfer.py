"""Classes that play the unknown: what a detector learned from them sees, step by step, up to the real unknown and another network."""

from collections.abc import Callable
from statistics import mean

import torch
from torch import Tensor, nn

from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.data import SIGNS, load, render
from tutorial_lib.metrics import accuracy, auroc
from tutorial_lib.models import SignClassifier, train
from tutorial_lib.models import load as network_of

NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
SPLITS, N_PSEUDO_UNKNOWN = 5, 4
PICTURES, EPOCHS = 6_000, 8
N_TRAIN_IMAGES, N_NORMAL, N_NOVEL = 2_100, 700, 450
HIDDEN = (40, 20)
SMALL = {"SPLITS": 2, "PICTURES": 70, "EPOCHS": 1, "N_TRAIN_IMAGES": 56, "N_NORMAL": 28, "N_NOVEL": 18, "HIDDEN": (4,)}


def make_generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def train_on_classes(stay: Tensor, seed: int, device) -> nn.Module:
    """A network that knows the classes that stay, and never saw the others."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = SignClassifier(len(stay)).to(device)
    places = torch.arange(PICTURES) % len(stay)
    images = render(stay[places], generator=make_generator(3_000 + seed), device=device)
    train(model, images, places, epochs=EPOCHS, generator=make_generator(seed), progress=False)
    return model


def feature_sets(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """What a detector may read of each picture, (N, F); of single scores, (N, 1)."""
    z, h = (
        torch.cat(part).cpu().double()
        for part in zip(*[g.penultimate_features(model, p) for p in x.split(256)], strict=True)
    )
    ones, uniform = (
        u.confounding_gradient_norms(model, x, activation=link, group_by="tensor", batch_size=128).cpu().double()
        for link in ("sigmoid", "softmax")
    )
    # The scores get the best we know for them: logarithms, but for the energy, which has a sign.
    answers = [u.msp_score(z), u.entropy_score(z), u.margin_score(z), -u.gradnorm_score(z, h)]
    cheap = torch.stack([*(v.clamp(min=1e-30).log() for v in answers), u.energy_score(z)], 1)
    logged = {"norms, ones": ones.clamp(min=1e-30).log(), "norms, uniform": uniform.clamp(min=1e-30).log()}
    return logged | {"five scores": cheap, "max softmax": cheap[:, :1], "energy": cheap[:, -1:]}


def fit_score(name: str, hidden: tuple, known: Tensor, players: Tensor, seed: int) -> Callable[[Tensor], Tensor]:
    """A score: the detector's, or where there is one number only, that number itself."""
    if known.shape[1] == 1:
        return lambda values: values[:, 0].contiguous()
    return u.PurviewDetector(hidden, log=False).fit(known, players, generator=make_generator(seed)).score


def transfer_steps(
    through_a: dict[str, dict], through_b: dict[str, dict], learns: dict[str, Tensor], which: Tensor, seed: int
) -> list[dict]:
    """AUROC at four steps: players it was shown, a player it was not, novel signs, novel signs through the other network.

    ``through_a``: readings of "known", "players" and "novel"; ``through_b``: of "known" and "novel"; ``learns``: which pictures of
    the known and of the players are for learning, the others for the test; ``which``: the class of each player.
    """
    rows = []
    for name in through_a["known"]:
        known, players, novel = (through_a[part][name] for part in ("known", "players", "novel"))
        a, b = learns["known"], learns["players"]
        for hidden in ((),) if known.shape[1] == 1 or name != "norms, ones" else ((), HIDDEN):
            score = fit_score(name, hidden, known[a], players[b], seed)
            usual = score(known[~a])
            left_out = []
            for c in which.unique().tolist():
                without = fit_score(name, hidden, known[a], players[b & (which != c)], seed)
                left_out.append(auroc(without(known[~a]), without(players[~b & (which == c)])))
            found = {
                "shown players": auroc(usual, score(players[~b])),
                "a player not shown": mean(left_out),
                "novel": auroc(usual, score(novel)),
            }
            found["novel, through B"] = auroc(score(through_b["known"][name]), score(through_b["novel"][name]))
            row = {"reads": name + ", hidden layers" * bool(hidden), "learns": known.shape[1] > 1}
            rows.append(row | {k: round(v, 4) for k, v in found.items()})
    return rows


def parts() -> list[str]:
    return [str(split) for split in range(SPLITS)]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    split = int(part)
    normal, labels = load("signs", "test", limit=N_NORMAL, device=device)
    novel = load("signs", "novel", limit=N_NOVEL, device=device).images
    stay, play = u.split_pseudo_unknown_classes(len(SIGNS), N_PSEUDO_UNKNOWN, generator=make_generator(seed + split))
    A, B = train_on_classes(stay, seed + split, device), network_of(NETWORKS[split % len(NETWORKS)], device)
    asked = torch.arange(N_TRAIN_IMAGES) % len(SIGNS)
    looked = render(asked, generator=make_generator(4_000 + seed + split), device=device)
    inside = torch.isin(asked, stay)
    # Every sign in turn: whole turns are for learning or for the test, so that both have all signs.
    turn = torch.arange(N_TRAIN_IMAGES) // len(SIGNS) % 2 == 0
    of = {"known": looked[inside], "players": looked[~inside], "novel": novel}
    right = accuracy(g.model_outputs(A, of["known"]).cpu(), torch.searchsorted(stay, asked[inside]))
    through_a = {name: feature_sets(A, x) for name, x in of.items()}
    through_b = {"known": feature_sets(B, normal), "novel": feature_sets(B, novel)}
    about = {"split": split, "network B": NETWORKS[split % len(NETWORKS)], "players": ", ".join(SIGNS[c] for c in play)}
    about |= {"right, A": round(right, 4), "right, B": round(accuracy(g.model_outputs(B, normal), labels), 4)}
    return [
        about | row
        for row in transfer_steps(
            through_a, through_b, {"known": turn[inside], "players": turn[~inside]}, asked[~inside], seed + split
        )
    ]


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]
