"""Train the sign transformer, which needs more images and more epochs than the convolutional classifiers."""

import time

from experiments.train_sign_networks import save_weights, train_model
from tutorial_lib.models import SignTransformer

N_IMAGES, EPOCHS, LEARNING_RATE = 20_000, 9, 2e-3


def run(seed: int = 0, device="cpu") -> list[dict]:
    """Train the network, write its weights, and return the row of the table."""
    start = time.perf_counter()
    model, history = train_model(SignTransformer, seed, device, N_IMAGES, epochs=EPOCHS, lr=LEARNING_RATE)
    return [save_weights("signs/transformer", model, seed, N_IMAGES, history, time.perf_counter() - start)]
