"""``python -m studies NAME…`` runs studies and stores their rows; ``weights`` stands for training and the card that follows it."""

import argparse
from importlib import import_module
from pathlib import Path

from tutorial_lib.environment import device as best_device
from tutorial_lib.names import known
from tutorial_lib.networks import WEIGHTS
from tutorial_lib.results import store, stored

STUDIES = sorted(file.stem for file in Path(__file__).parent.glob("*.py") if not file.stem.startswith("_"))
WEIGHTS_JOBS = ["sign_networks", "quality_network", "model_card"]


def write_card() -> None:
    from studies.model_card import card

    (WEIGHTS / "CARD.md").write_text(card(stored("model_card").rows, stored("sign_networks").rows))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m studies", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help=f"weights, or any of: {', '.join(STUDIES)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default=None, help="cpu, cuda, …; the best there is when not given")
    asked = parser.parse_args()
    device = asked.device or best_device()
    for name in [job for name in asked.names for job in (WEIGHTS_JOBS if name == "weights" else [known(name, STUDIES, "study")])]:
        study = import_module(f"studies.{name}")
        rows = study.run(asked.seed, device)
        sources = study.sources() if hasattr(study, "sources") else []
        print(store(name, rows, device=device, data=sources)._repr_markdown_())
        if name == WEIGHTS_JOBS[-1]:
            write_card()


if __name__ == "__main__":
    main()
