"""GradCon: not how far an autoencoder would have to change for a picture, but whether it has ever changed that way."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from tutorial_lib._batching import batch_slices
from tutorial_lib._validation import check_choice
from tutorial_lib.gradients import (
    layer_names,
    loss_and_gradients,
    objective_values,
    per_sample_gradients,
    reconstruction_mse,
)
from tutorial_lib.gradients._context import checked_forward

SCORE_KINDS = ("reconstruction", "alignment", "both")


class GradCon:
    """Anomaly detection by the direction of a gradient, learned from normal pictures alone; every score: higher = more abnormal.

    L(x) = mean((x̂ − x)²). In training step k, with φ_i the weight of the decoder's layer i and ḡ_i the running mean of the
    gradients ∂J/∂φ_i of the steps before,

        J = L − α · mean_i cos(ḡ_i, ∂L/∂φ_i)        (without the second term in step 1, and where α = 0).

    So later gradients are asked to point where earlier ones did. At inference the picture's own gradient is held against ḡ:

        reconstruction  L(x) ≥ 0        alignment  −mean_i cos(ḡ_i, ∂L(x)/∂φ_i) in [−1, 1]        both  L(x) + β · alignment

    **What is trained** is a copy: ``fit`` copies the autoencoder, trains all parameters of the copy, beginning from the weights
    it was given, and keeps it as ``network`` beside the directions ḡ as ``directions``; they belong together. The autoencoder
    itself is never changed. Biases are left out of every direction, and a gradient that is zero has cosine 0.

    Args:
        autoencoder: images to reconstructions of the same shape, without statistics of the batch and without dropout.
        decoder: the module whose weights are compared, or its name.
        alpha: the constraint's share in training; 0 trains plainly and still collects the directions.
        beta: the alignment's share in ``both``.
        chunk: pictures scored together; each takes the memory of the decoder's parameters.

    Source: Kwon, Prabhushankar, Temel, AlRegib, ECCV 2020, arXiv 2007.09507; α, β and the step are those of its published code.

    Example:
        >>> from tutorial_lib.models import StridedAutoencoder
        >>> normal = torch.rand(20, 3, 1, 1).expand(-1, -1, 28, 28)
        >>> detector = GradCon(StridedAutoencoder(widths=(4, 4, 8, 8))).fit(normal, epochs=1)
        >>> detector.score(normal[:5]).shape, detector.alignment(normal[:5]).shape
        (torch.Size([5]), torch.Size([5, 4]))
    """

    def __init__(
        self,
        autoencoder: nn.Module,
        *,
        decoder: str | nn.Module = "decoder",
        alpha: float = 0.03,
        beta: float = 0.12,
        batch_size: int = 64,
    ):
        if alpha < 0 or beta < 0:
            raise ValueError(f"alpha and beta are shares, at least 0, not {alpha} and {beta}")
        self.autoencoder, self.alpha, self.beta, self.batch_size = autoencoder, alpha, beta, batch_size
        self.layers = layer_names(autoencoder, decoder)
        self.weights = [
            name for name in layer_names(autoencoder, decoder, group_by="tensor") if name.endswith("weight")
        ]
        self.network: nn.Module | None = None
        self.mean_gradients: dict[str, Tensor] = {}
        self.history: list[tuple[float, float]] = []

    def fit(
        self,
        images: Tensor,
        *,
        epochs: int = 25,
        batch_size: int = 64,
        lr: float = 1e-3,
        generator: torch.Generator | None = None,
    ) -> GradCon:
        """Train a fresh copy by Adam on normal pictures, (N, C, H, W), and collect the directions. Called again, it begins anew.

        ``history`` then holds for each epoch the mean L, and the mean cosine of a step's gradient with the directions before it.

        Args:
            images: normal pictures only; the copy moves to their device and precision.
            epochs, batch, step: passes through the pictures, pictures a step, learning rate.
            generator: source of the order, on the CPU; without one, a fresh one seeded with 0.

        Raises:
            ValueError: no pictures, no step to take, or pictures that are not float.
        """
        if len(images) == 0 or epochs < 1:
            raise ValueError(f"directions need at least one step, not {epochs} epochs of {len(images)} images")
        if not images.is_floating_point():
            raise ValueError(f"images must be float in [0, 1], not {images.dtype}: divide by the largest value first")
        generator = generator if generator is not None else torch.Generator().manual_seed(0)
        self.history = []
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
            images = images.detach().clone()
            network = copy.deepcopy(self.autoencoder).to(images).requires_grad_(True).train()
            optimiser = torch.optim.Adam(network.parameters(), lr=lr)
            weights = {name: network.get_parameter(name) for name in self.weights}
            mean, k = {name: torch.zeros_like(w) for name, w in weights.items()}, 0
            for _ in range(epochs):
                seen = []
                for rows in torch.randperm(len(images), generator=generator).to(images.device).split(batch_size):
                    x, cosine = images[rows], None
                    if self.alpha and k:
                        L, gradient = loss_and_gradients(network, x, reconstruction_mse(x), layers=self.layers)
                        cosine = _cosines(gradient, mean).mean()
                        J = L - self.alpha * cosine
                    else:
                        J = L = reconstruction_mse(x)(checked_forward(network, x)).mean()
                    optimiser.zero_grad()
                    J.backward()
                    total = {name: w.grad for name, w in weights.items()}
                    if cosine is None:
                        cosine = _cosines(total, mean).mean()  # here J is L, so its gradient is at hand
                    k += 1
                    for name in mean:
                        mean[name] += (total[name] - mean[name]) / k
                    optimiser.step()
                    seen.append((L.item(), cosine.item()))
                self.history.append(tuple(sum(column) / len(seen) for column in zip(*seen, strict=True)))
            network.zero_grad()
            self.network, self.mean_gradients = network.eval().requires_grad_(False), mean
        return self

    def gradient_statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The change each picture asks of the decoder, layer by layer: how long it is, and which way it points. (N, L) each.

        ‖∂L(x)/∂φ_i‖ ≥ 0, and the cosine between ∂L(x)/∂φ_i and the directions, in [−1, 1], higher = more usual.

        Raises:
            ValueError: not fitted yet; as :func:`tutorial_lib.gradients.per_sample_gradients` does.
        """
        network, lengths, cosines = self._fitted(), [], []
        for rows in batch_slices(max(1, len(x)), self.batch_size):
            part = x[rows]
            gradients = per_sample_gradients(
                network, part, reconstruction_mse(part), layers=self.layers, batch_size=self.batch_size
            )
            lengths.append(torch.stack([gradients[name].flatten(1).norm(dim=1) for name in self.weights], 1))
            cosines.append(_cosines(gradients, self.mean_gradients))
        return torch.cat(lengths), torch.cat(cosines)

    def alignment(self, x: Tensor) -> Tensor:
        """The cosines of :meth:`change` alone, (N, L)."""
        return self.gradient_statistics(x)[1]

    def score(self, x: Tensor, kind: str = "both") -> Tensor:
        """Abnormality of each picture, (N, C, H, W) -> (N,), higher = more abnormal.

        One forward pass; for the alignment one more, and a backward pass.

        Raises:
            ValueError: an unknown read; as :meth:`change` does.
        """
        check_choice(kind, SCORE_KINDS, "read")
        total = x.new_zeros(len(x))
        if kind != "alignment":
            total = total + objective_values(self._fitted(), x, reconstruction_mse(x), batch_size=self.batch_size)
        if kind != "reconstruction":
            total = total - (self.beta if kind == "both" else 1) * self.alignment(x).mean(1)
        return total

    def _fitted(self) -> nn.Module:
        if self.network is None:
            raise ValueError("nothing has been learned yet: call fit first")
        return self.network


def _cosines(gradients: dict[str, Tensor], directions: dict[str, Tensor]) -> Tensor:
    """Cosines (…, L) of name -> (…, *parameter) with name -> (*parameter)."""
    pairs = [(gradients[name].flatten(-d.dim()), d.flatten()) for name, d in directions.items()]
    return torch.stack([(_unit(g) * _unit(d)).sum(-1) for g, d in pairs], -1)


def _unit(v: Tensor) -> Tensor:
    # The squares of a gradient of 1e-25 would vanish: its largest entry is divided out first.
    largest = v.detach().abs().amax(-1, keepdim=True)
    return normalize(v / torch.where(largest > 0, largest, 1), dim=-1)
