"""Train the transformer of the sign world: more pictures and more passes than the classifiers needed, or it stays a beginner."""

import time

from studies.sign_networks import shipped, trained
from tutorial_lib.networks import SignTransformer

PICTURES, EPOCHS, STEP = 20_000, 9, 2e-3


def run(seed: int = 0, device="cpu") -> list[dict]:
    start = time.perf_counter()
    model, history = trained(SignTransformer, seed, device, PICTURES, epochs=EPOCHS, step=STEP)
    return [shipped("signs/transformer", model, seed, PICTURES, history, time.perf_counter() - start)]
