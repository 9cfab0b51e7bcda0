"""A short training loop: AdamW under a one-cycle schedule, random shifts, a progress bar."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from tqdm.auto import tqdm


def random_shift(images: Tensor, max_shift: int, generator: torch.Generator) -> Tensor:
    """The whole batch moved by up to ``reach`` pixels either way, its border mirrored."""
    down, right = torch.randint(2 * max_shift + 1, (2,), generator=generator).tolist()
    height, width = images.shape[-2:]
    return pad(images, (max_shift,) * 4, mode="reflect")[..., down : down + height, right : right + width]


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
    """Train ``model`` in place and leave it in eval mode.

    Args:
        model: any network; batches are moved to the device of its first parameter.
        images: (N, 3, H, W), in [0, 1].
        targets: what ``loss(outputs, targets)`` compares with: labels, (N,), or images, which are shifted along with the inputs.
        loss: mean loss of a batch.
        epochs, batch: passes through the data, pictures a step.
        step: the largest learning rate of the cycle.
        weight_decay: AdamW's.
        shift: augmentation, the largest shift in pixels.
        generator: source of randomness for order and shifts, on the CPU; without one, a fresh one seeded with 0.
        progress: show a bar.

    Returns:
        the mean loss of each epoch.

    Raises:
        ValueError: images and targets are not equally many, or fewer than two.
    """
    if len(images) != len(targets) or len(images) < 2:
        raise ValueError(
            f"{len(images)} images and {len(targets)} targets; training needs equally many, and at least two"
        )
    device = next(model.parameters()).device
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    rounds = len(images) // batch_size or 1
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=epochs * rounds)
    history = []
    model.train()
    for _ in tqdm(range(epochs), desc="epochs", disable=not progress):
        total = 0.0
        for rows in torch.randperm(len(images), generator=generator)[: rounds * batch_size].chunk(rounds):
            state = generator.get_state()
            x = random_shift(images[rows], max_shift, generator).to(device)
            y = targets[rows]
            if y.ndim == images.ndim:
                generator.set_state(state)
                y = random_shift(y, max_shift, generator)
            value = loss(model(x), y.to(device))
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            schedule.step()
            total += value.item()
        history.append(total / rounds)
    model.eval()
    return history
