"""Train the transformer of the sign world: more pictures and more passes than the classifiers needed, or it stays a beginner."""

import time

from experiments.train_sign_networks import save_weights, train_model
from tutorial_lib.models import SignTransformer

PICTURES, EPOCHS, STEP = 20_000, 9, 2e-3


def run(seed: int = 0, device="cpu") -> list[dict]:
    start = time.perf_counter()
    model, history = train_model(SignTransformer, seed, device, PICTURES, epochs=EPOCHS, step=STEP)
    return [save_weights("signs/transformer", model, seed, PICTURES, history, time.perf_counter() - start)]
