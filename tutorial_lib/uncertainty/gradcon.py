"""GradCon: anomaly detection by the directions of an autoencoder's gradients, learned from normal images only."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import check_choice, check_nonnegative, convert_arguments
from tutorial_lib.gradients import (
    Layer,
    layer_names,
    loss_and_gradients,
    objective_values,
    per_sample_gradients,
    reconstruction_mse,
)
from tutorial_lib.gradients._model_state import copy_model
from tutorial_lib.runtime import default_generator, random_permutation

SCORE_KINDS = ("reconstruction", "alignment", "both")


class GradCon:
    """Anomaly detector that compares the gradient of an image with those of the training.

    L(x) = mean((x̂ − x)²) is the reconstruction error. In training step k, with the weight φ_i of layer i of the
    decoder and the mean ḡ_i of the gradients ∂J/∂φ_i of all earlier steps,

        J = L − α · mean_i cos(ḡ_i, ∂L/∂φ_i)        (without the second term in step 1, and where α = 0).

    The second term trains later gradients to point in the direction of earlier ones. At inference, the gradient of an
    image is compared with ḡ. The scores are

        reconstruction  L(x) ≥ 0
        alignment       −mean_i cos(ḡ_i, ∂L(x)/∂φ_i) in [−1, 1]
        both            L(x) + β · alignment

    and for each of them higher means more abnormal. Biases do not take part, and a gradient of zero has cosine 0.

    :meth:`fit` trains a copy of the autoencoder, all of its parameters, starting from the weights it was given; the
    autoencoder itself never changes. The trained copy is ``network``, and ``mean_gradients`` maps the names of the
    decoder's weights to the ḡ_i that belong to it. ``history`` holds two numbers per epoch: the mean of L, and the mean
    cosine between the gradient of a step and the mean gradient before it.

    Args:
        autoencoder: images (N, C, H, W) to reconstructions of the same shape, without batch statistics and dropout.
        decoder: the module whose weights are compared, or its dotted name.
        alpha: α ≥ 0, the weight of the alignment in training; with 0, the mean gradients are collected all the same.
        beta: β ≥ 0, the weight of the alignment in the score "both".
        batch_size: images scored per pass, each of which needs the memory of the decoder's parameters; it does not
            change the result.

    References:
        Kwon, Prabhushankar, Temel, AlRegib, ECCV 2020, arXiv:2007.09507. α, β and the learning rate are those of its
        published code.

    Example:
        >>> from tutorial_lib.models import StridedAutoencoder
        >>> normal = torch.rand(20, 3, 1, 1).expand(-1, -1, 28, 28)
        >>> detector = GradCon(StridedAutoencoder(widths=(4, 4, 8, 8))).fit(normal, epochs=1)
        >>> detector.score(normal[:5]).shape, detector.gradient_statistics(normal[:5])[1].shape
        (torch.Size([5]), torch.Size([5, 4]))
    """

    @convert_arguments
    def __init__(
        self,
        autoencoder: nn.Module,
        *,
        decoder: Layer = "decoder",
        alpha: float = 0.03,
        beta: float = 0.12,
        batch_size: int = 64,
    ):
        check_nonnegative(alpha=alpha, beta=beta)
        self.autoencoder, self.alpha, self.beta, self.batch_size = autoencoder, alpha, beta, batch_size
        self.layers = layer_names(autoencoder, decoder)
        self.weights = without_biases(layer_names(autoencoder, decoder, group_by="tensor"))
        self.network: nn.Module | None = None
        self.mean_gradients: dict[str, Tensor] = {}
        self.history: list[tuple[float, float]] = []

    @convert_arguments
    def fit(
        self,
        images: Tensor,
        *,
        epochs: int = 25,
        batch_size: int = 64,
        lr: float = 1e-3,
        generator: torch.Generator | None = None,
    ) -> GradCon:
        """Train a new copy of the autoencoder and return the fitted detector.

        Adam minimizes J, and the gradients of all steps are averaged. A second call starts from scratch, with the
        weights of the autoencoder.

        Args:
            images: normal images (N, C, H, W) in [0, 1]; the copy takes their device and dtype.
            epochs: passes over the images, ≥ 1.
            batch_size: images per training step.
            lr: learning rate of Adam.
            generator: source of the order of the images, on the CPU; None is a new one with seed 0.

        Returns:
            The fitted detector, ``self``.

        Raises:
            ValueError: no images, epochs < 1, or images that are not floats.
        """
        if len(images) == 0 or epochs < 1 or not images.is_floating_point():
            raise ValueError(
                "GradCon needs at least one step of training on float images in [0, 1], "
                f"not {epochs} epochs of {len(images)} images of {images.dtype}"
            )
        generator = default_generator(generator)
        self.history = []
        with torch.inference_mode(False), torch.enable_grad():
            images = images.detach().clone()
            network = copy_model(self.autoencoder).to(images).requires_grad_(True).train()
            optimizer = torch.optim.Adam(network.parameters(), lr=lr)
            weights = {name: network.get_parameter(name) for name in self.weights}
            mean_gradients, k = {name: torch.zeros_like(w) for name, w in weights.items()}, 0
            for _ in range(epochs):
                step_values = []
                for rows in random_permutation(generator, len(images)).to(images.device).split(batch_size):
                    x = images[rows]
                    L, loss_gradients = loss_and_gradients(network, x, reconstruction_mse(x), layers=self.layers)
                    # In the first step the mean gradient is zero, and therefore the cosine and its gradient are zero.
                    cosine = _cosines(loss_gradients, mean_gradients).mean()
                    optimizer.zero_grad()
                    (L - self.alpha * cosine).backward()
                    k += 1
                    for name, mean in mean_gradients.items():
                        gradient = weights[name].grad
                        mean += ((0 if gradient is None else gradient) - mean) / k
                    optimizer.step()
                    step_values.append((L.item(), cosine.item()))
                self.history.append(tuple(sum(column) / len(column) for column in zip(*step_values, strict=True)))
            network.zero_grad()
            self.network, self.mean_gradients = network.eval().requires_grad_(False), mean_gradients
        return self

    @convert_arguments
    def gradient_statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the norms of each image's gradient and its cosines with the mean gradient.

        Args:
            x: images (N, C, H, W).

        Returns:
            ‖∂L(x)/∂φ_i‖ (N, L), ≥ 0, and cos(ḡ_i, ∂L(x)/∂φ_i) (N, L) in [−1, 1], where higher means more normal. The
            columns are the weights of the decoder, ``weights``.

        Raises:
            ValueError: the detector is not fitted, an empty batch, or reconstructions that are not finite or not of the
                shape of x.
        """
        network = self._fitted()

        def one_batch(x: Tensor) -> tuple[Tensor, Tensor]:
            gradients = per_sample_gradients(
                network, x, reconstruction_mse(x), layers=self.layers, batch_size=self.batch_size
            )
            norms = torch.stack([gradients[name].flatten(1).norm(dim=1) for name in self.weights], 1)
            return norms, _cosines(gradients, self.mean_gradients)

        return run_in_batches(one_batch, x, batch_size=self.batch_size)

    @convert_arguments
    def score(self, x: Tensor, kind: str = "both") -> Tensor:
        """Return the abnormality score of each image.

        "reconstruction" takes one forward pass, "alignment" one forward and one backward pass, and "both" takes all of
        them.

        Args:
            x: images (N, C, H, W).
            kind: "reconstruction" for L(x), "alignment" for −mean_i cos(ḡ_i, ∂L(x)/∂φ_i), "both" for their sum with the
                weight β of the alignment.

        Returns:
            Scores (N,); higher means more abnormal.

        Raises:
            ValueError: an unknown kind, the detector is not fitted, an empty batch, or reconstructions that are not
                finite or not of the shape of x.
        """
        check_choice(kind, SCORE_KINDS, "kind of score")
        scores = x.new_zeros(len(x))
        if kind != "alignment":
            scores = scores + objective_values(self._fitted(), x, reconstruction_mse(x), batch_size=self.batch_size)
        if kind != "reconstruction":
            scores = scores - (self.beta if kind == "both" else 1) * self.gradient_statistics(x)[1].mean(1)
        return scores

    def _fitted(self) -> nn.Module:
        """The trained copy of the autoencoder, or an error if there is none yet."""
        if self.network is None:
            raise ValueError("the detector is not fitted: call fit first")
        return self.network


def without_biases(names: Iterable[str]) -> list[str]:
    """Return the names of the parameters that are not biases.

    Args:
        names: dotted names of parameters. A parametrized weight has other names than "weight".

    Returns:
        The names of the weights.

    Raises:
        ValueError: there are none.

    Example:
        >>> without_biases(["0.parametrizations.weight.original0", "0.bias"])
        ['0.parametrizations.weight.original0']
    """
    weights = [name for name in names if "bias" not in name]
    if not weights:
        raise ValueError("the layer has no weights, so their gradient does not exist; choose another layer")
    return weights


def _cosines(gradients: dict[str, Tensor], directions: dict[str, Tensor]) -> Tensor:
    """Cosines (…, L) between name -> (…, *parameter) and name -> (*parameter)."""
    pairs = [(gradients[name].flatten(-d.dim()), d.flatten()) for name, d in directions.items()]
    return torch.stack([(_unit(g) * _unit(d)).sum(-1) for g, d in pairs], -1)


def _unit(v: Tensor) -> Tensor:
    """Vectors (…, d) of length 1 in the same direction; zero remains zero."""
    # The squares of a gradient of 1e-25 would underflow, so the vector is divided by its largest entry first.
    largest = v.detach().abs().amax(-1, keepdim=True)
    return normalize(v / torch.where(largest > 0, largest, 1), dim=-1)
