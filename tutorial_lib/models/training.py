"""A short training loop: AdamW with a one-cycle schedule, random shifts and a progress bar."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from tqdm.auto import tqdm

from tutorial_lib._validation import convert_arguments
from tutorial_lib.runtime import default_generator, random_permutation


def random_shift(images: Tensor, max_shift: int, generator: torch.Generator) -> Tensor:
    """Return a batch shifted by a random number of pixels and mirrored at its border.

    Args:
        images: images (N, C, H, W).
        max_shift: largest absolute shift in pixels.
        generator: source of the shift, on the CPU; all images have the same shift.

    Returns:
        Images like the input.
    """
    down, right = torch.randint(2 * max_shift + 1, (2,), generator=generator, device=generator.device).tolist()
    height, width = images.shape[-2:]
    return pad(images, (max_shift,) * 4, mode="reflect")[..., down : down + height, right : right + width]


@convert_arguments
@torch.inference_mode(False)  # this also records gradients inside no_grad
def train(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    epochs: int = 10,
    batch_size: int = 64,
    lr: float = 4e-3,
    weight_decay: float = 1e-2,
    max_shift: int = 3,
    generator: torch.Generator | None = None,
    progress: bool = True,
) -> list[float]:
    """Train a network in place, and return the mean loss of each epoch.

    The network is left in eval mode.

    Args:
        model: any network; batches are moved to the device of its first parameter.
        images: images (N, 3, H, W) in [0, 1].
        targets: what ``loss(outputs, targets)`` compares with, labels (N,), or images, which are shifted together with
            the inputs.
        loss: maps the outputs and targets of a batch to their mean loss.
        epochs: passes through the data.
        batch_size: images per step.
        lr: largest learning rate of the cycle.
        weight_decay: weight decay of AdamW.
        max_shift: largest random shift of the images in pixels (data augmentation).
        generator: source of the order and of the shifts, on the CPU; None is a new one with seed 0.
        progress: whether to show a progress bar.

    Returns:
        Mean loss of each epoch.

    Raises:
        ValueError: the images are not (N, C, H, W), fewer than two, or of another number than the targets.
    """
    if len(images) != len(targets) or len(images) < 2 or images.dim() != 4:
        raise ValueError(
            f"expected equally many images (N, C, H, W) and targets, N ≥ 2, got images {tuple(images.shape)} and "
            f"targets {tuple(targets.shape)}"
        )
    device = next(model.parameters()).device
    generator = default_generator(generator)
    n_batches = len(images) // batch_size or 1
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=epochs * n_batches)
    history = []
    model.train()
    for _ in tqdm(range(epochs), desc="epochs", disable=not progress):
        total = 0.0
        for rows in random_permutation(generator, len(images))[: n_batches * batch_size].chunk(n_batches):
            x, y = images[rows], targets[rows]
            if y.ndim == x.ndim:  # images are shifted together with the inputs
                x, y = random_shift(torch.cat([x, y], 1), max_shift, generator).tensor_split([x.shape[1]], 1)
            else:
                x = random_shift(x, max_shift, generator)
            value = loss(model(x.to(device)), y.to(device))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            total += value.item()
        history.append(total / n_batches)
    model.eval()
    return history
