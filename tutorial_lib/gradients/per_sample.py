"""Per-sample gradients with respect to the parameters: themselves, their norms, products and random projections.

Where every use of a parameter has a closed form, one backward pass over the batch gives the exact result for each
sample; all other parameters are computed by :mod:`torch.func`, with the same result. In both cases the squared norms of
the layers add up to the squared norm of the gradient with respect to all parameters.

One call, for example of :func:`per_sample_gradient_norms`, has these steps:

1. :func:`as_objective` turns the argument ``objective`` into an :class:`Objective`, and :func:`parameters_by_layer`
   selects the parameters.
2. :func:`run_passes` checks the model and the samples, fixes the state of autograd until the call ends, and runs
   :meth:`PerSamplePass.of_loss` on some samples at a time.
3. One pass runs the model in :func:`run_model`, which checks the outputs and leaves the model as it was. It also runs
   one sample of the first batch alone. In the backward pass, the statistic, here the norm, is computed from the
   gradient at the output of each operation and from what entered the operation (see
   :mod:`~tutorial_lib.gradients._parameter_rules`).
4. The results of the parameters, name -> (N, …), are combined for each layer.
"""

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import check_choice, check_shapes, convert_arguments, promote_to_float32
from tutorial_lib.gradients._context import detach_for_autograd, run_passes
from tutorial_lib.gradients._parameter_rules import LinearRule, ParameterRule
from tutorial_lib.gradients._parameter_tracker import Statistic
from tutorial_lib.gradients._per_sample_pass import PerSamplePass
from tutorial_lib.gradients.layers import GROUPINGS, Layer, flatten_layers, parameters_by_layer
from tutorial_lib.gradients.objectives import Objective, ObjectiveLike, as_objective
from tutorial_lib.runtime import default_generator


@convert_arguments
def per_sample_gradients(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    layers: Layer | Sequence[Layer] | None = None,
    batch_size: int = 16,
) -> dict[str, Tensor]:
    """Return every sample's own gradient with respect to the parameters, ∂J_n/∂θ.

    The result takes N times the memory of the parameters. For norms alone, :func:`per_sample_gradient_norms` needs none
    of it.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …).
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Parameter name -> gradients (N, …), each shaped like its parameter, signed.

    Raises:
        ValueError: samples that influence each other, a random network, an unknown layer, or outputs or an
            objective of the wrong shape; a parameter that is cut off from the outputs.

    Example:
        >>> model, x = nn.Linear(2, 3), torch.tensor([[1., 2.]])
        >>> per_sample_gradients(model, x, 1)["weight"]
        tensor([[[0., 0.],
                 [1., 2.],
                 [0., 0.]]])
    """

    parameters = flatten_layers(parameters_by_layer(model, layers))
    return _loss_statistics(model, x, objective, parameters, _gradient, batch_size)


@convert_arguments
def per_sample_gradient_norms(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    layers: Layer | Sequence[Layer] | None = None,
    p: float = 2,
    group_by: str = "layer",
    batch_size: int = 64,
) -> Tensor:
    """Return the norms of every sample's own gradient, layer by layer, ‖∂J_n/∂θ_l‖_p.

    One backward pass per batch. No gradient of a parameter is kept, and for p = 2 only few of them are computed. These
    are norms and not squares: for p = 2, ``norms.square().sum(1)`` is the squared norm over all parameters.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …).
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        p: order of the norm, p ≥ 1; ``float("inf")`` is the largest absolute value.
        group_by: "layer" gives one column per layer, "tensor" separates weights from biases.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Norms (N, L), ≥ 0; the columns are ``layer_names(model, layers, group_by)``.

    Raises:
        ValueError: p < 1, an unknown grouping or layer, samples that influence each other, a random network, outputs
            or an objective of the wrong shape.

    References:
        Goodfellow, arXiv:1510.01799; Bu et al., arXiv:2205.10683.

    Example:
        >>> per_sample_gradient_norms(nn.Linear(2, 3), torch.tensor([[3., 4.]]), 1, group_by="tensor")
        tensor([[5., 1.]])
    """
    if p < 1:
        raise ValueError(f"a norm needs p ≥ 1, not {p}")
    check_choice(group_by, GROUPINGS, "grouping")

    def norm(rule, a, G):
        return rule.gram(a, G)[:, 0, 0].clamp(min=0).sqrt() if p == 2 else rule.gradient(a, G).flatten(1).norm(p, 1)

    by_layer = parameters_by_layer(model, layers)
    norms = _loss_statistics(model, x, objective, flatten_layers(by_layer), norm, batch_size)
    if group_by == "tensor":
        return torch.stack(list(norms.values()), 1)
    # ‖(a, b)‖ = ‖(‖a‖, ‖b‖)‖
    return torch.stack([torch.stack([norms[name] for name in names]).norm(p, 0) for names in by_layer.values()], 1)


@convert_arguments
def class_gradient_gram(
    model: nn.Module,
    x: Tensor,
    *,
    layers: Layer | Sequence[Layer] | None = None,
    classes: Sequence[int] | None = None,
    batch_size: int = 8,
) -> Tensor:
    """Return the inner products of each sample's class gradients, layer by layer.

    K_ce = ⟨∂z_c/∂θ_l, ∂z_e/∂θ_l⟩, or K = J Jᵀ with the Jacobian J = ∂z/∂θ_l. It holds the gradient norm of *every*
    loss: ‖∂J/∂θ_l‖² = δᵀKδ with δ = ∂J/∂z, see :func:`gradient_norms_from_gram`. One forward pass and C backward
    passes, taken together.

    Args:
        model: any module that takes x alone and returns logits (N, C); it is left as it was.
        x: samples (N, …).
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        classes: indices of up to 128 classes; None selects all of them.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Gram matrices (N, L, C, C), symmetric and positive semidefinite; the layers are ``layer_names(model, layers)``.

    Raises:
        ValueError: outputs that are not logits (N, C); more than 128 classes and no ``classes``; an unknown class or
            layer; samples that influence each other, a random network.

    Example:
        >>> class_gradient_gram(nn.Linear(2, 2, bias=False), torch.tensor([[3., 4.]]))
        tensor([[[[25.,  0.],
                  [ 0., 25.]]]])
    """

    by_layer = parameters_by_layer(model, layers)
    grams = PerSamplePass(model, flatten_layers(by_layer), lambda rule, a, G: rule.gram(a, G))
    K = run_passes(
        lambda x: grams.of_classes(x, classes),
        model,
        x,
        batch_size=batch_size,
    )
    return torch.stack([reduce(torch.add, [K[name] for name in names]) for names in by_layer.values()], 1)


@convert_arguments
def gradient_norms_from_gram(gram: Tensor, logit_gradients: Tensor) -> Tensor:
    """Return the gradient norms of any loss from its derivative with respect to the logits.

    ‖∂J/∂θ_l‖ = √(δᵀKδ) with K from :func:`class_gradient_gram` and δ = ∂J/∂z. No pass through the network.

    Args:
        gram: Gram matrices K (N, L, C, C).
        logit_gradients: δ (N, C), or (Q, N, C) for Q losses at once.

    Returns:
        Norms (N, L) or (Q, N, L), ≥ 0.

    Raises:
        ValueError: the shapes do not belong together, or a tensor does not hold floats.

    Example:
        >>> gradient_norms_from_gram(25 * torch.eye(2)[None, None], torch.tensor([[0.6, -0.8]]))
        tensor([[5.]])
    """
    check_shapes(gram=(gram, "floats N L C C"))
    if not logit_gradients.is_floating_point() or logit_gradients.shape[-2:] != gram.shape[::3]:
        raise ValueError(
            f"expected logit_gradients of floats (…, N, C) for gram (N, L, C, C), {tuple(gram.shape)}, got "
            f"{logit_gradients.dtype} {tuple(logit_gradients.shape)}"
        )
    K, delta = (t.to(promote_to_float32(gram, logit_gradients)) for t in (gram, logit_gradients))
    norms = torch.einsum("...nc,nlce,...ne->...nl", delta, K, delta).clamp(min=0).sqrt()
    dtype = torch.promote_types(gram.dtype, logit_gradients.dtype)
    return norms.to(torch.float32 if dtype == torch.float16 else dtype)


@convert_arguments
def gradient_products(
    model: nn.Module,
    x: Tensor,
    other: Tensor,
    objective: ObjectiveLike = None,
    other_objective: ObjectiveLike = None,
    *,
    layers: Layer | Sequence[Layer] | None = None,
    batch_size: int = 16,
) -> Tensor:
    """Return the inner products of the parameter gradients of two sets of samples.

    K_nm = ⟨∂J_n/∂θ, ∂J'_m/∂θ⟩ for x_n and x'_m. With losses, it is to first order the decrease of J_n in one step of
    gradient descent on J'_m, divided by the learning rate (one checkpoint of TracInCP). With a logit, it is the
    empirical neural tangent kernel.

    The weight of a linear layer that is applied once to each sample has the gradient δ aᵀ, with the input a of the
    layer and the gradient δ at its output. Its products ⟨δ, δ'⟩⟨a, a'⟩ need no gradient of the weight. All other
    gradients are computed, for ``batch_size`` samples of each set at a time. Those of ``other`` are computed again for
    each batch of x, so that x should be the smaller set.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …).
        other: the samples x' (M, …).
        objective: J of the samples x, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the logit
            of the predicted class.
        other_objective: J' of the other samples; None is the logit of the predicted class.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        batch_size: samples of each set per pass; it bounds the memory and does not change the result.

    Returns:
        K (N, M), signed; positive where a descent step on x'_m decreases J_n, if J and J' are losses.

    Raises:
        ValueError: samples that influence each other, a random network, an unknown layer, or outputs or an
            objective of the wrong shape; a parameter that is cut off from the outputs.

    References:
        Jacot, Gabriel, Hongler, NeurIPS 2018, arXiv:1806.07572 (neural tangent kernel); Pruthi et al., NeurIPS 2020,
        arXiv:2002.08484 (TracInCP).

    Example:
        >>> model, x = nn.Linear(2, 3), torch.tensor([[1., 2.], [0., 1.]])
        >>> gradient_products(model, x, x, 1, 1)  # ⟨a, a'⟩ of the weight, and 1 of the bias
        tensor([[6., 3.],
                [3., 2.]])
    """
    parameters = flatten_layers(parameters_by_layer(model, layers))
    other_bound = as_objective(other_objective, other)

    def gradients(x: Tensor, objective: Objective) -> dict[str, Tensor]:
        return _loss_statistics(model, x, objective, parameters, _gradient_or_factors, batch_size)

    def one_batch(x: Tensor, objective: Objective) -> Tensor:
        A = gradients(x, objective)

        def products(other: Tensor, objective: Objective) -> Tensor:
            B = gradients(other, objective)
            K = reduce(torch.add, [_products(B[name], A[name], p) for name, p in parameters.items()])
            return K.to(reduce(torch.promote_types, [gradient.dtype.to_real() for gradient in A.values()]))

        return run_in_batches(products, other, other_bound, batch_size=batch_size).T

    return run_in_batches(one_batch, x, as_objective(objective, x), batch_size=batch_size)


@convert_arguments
def gradient_sketch(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    sketch_dim: int = 256,
    layers: Layer | Sequence[Layer] | None = None,
    batch_size: int = 16,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return a count sketch of every sample's own gradient, a random projection.

    The gradient g = ∂J_n/∂θ becomes the sketch S g. Each parameter i is given a sign ±1 and a place among
    ``sketch_dim``, and its gradient is added there: (S g)_j = Σ_{i: place(i) = j} sign(i) g_i. The mean of ⟨S a, S b⟩
    over random signs and places is ⟨a, b⟩, and its error is about ‖a‖ ‖b‖ / √sketch_dim, however many parameters there
    are (Johnson and Lindenstrauss). So cosines, distances and norms are preserved approximately; single coordinates
    have no meaning.

    Memory: ``batch_size`` whole gradients at a time, and ``sketch_dim`` numbers per sample in the result.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …).
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        sketch_dim: how many numbers are kept of each gradient.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        batch_size: samples per pass; it bounds the memory and does not change the result.
        generator: source of the signs and places, on the CPU; None is a new one with seed 0. Sketches can be compared
            only if they were made with the same signs and places.

    Returns:
        Sketches (N, sketch_dim), signed.

    Raises:
        ValueError: ``sketch_dim`` below 1; samples that influence each other, a random network, an unknown layer,
            outputs or an objective of the wrong shape.

    References:
        Charikar, Chen, Farach-Colton, 2002; Weinberger et al., ICML 2009, arXiv:0902.2206.

    Example:
        >>> sketch = gradient_sketch(nn.Linear(2, 3), torch.tensor([[3., 4.]]), 1, sketch_dim=1000)
        >>> sketch.shape, round(sketch.norm().item(), 3)  # √(3² + 4² + 1), since no two parameters share a place here
        (torch.Size([1, 1000]), 5.099)
    """
    if sketch_dim < 1:
        raise ValueError(f"a sketch needs a sketch_dim of at least 1, not {sketch_dim}")
    generator = default_generator(generator)
    parameters = flatten_layers(parameters_by_layer(model, layers))
    hashes = {}
    for name, p in parameters.items():
        place = torch.randint(sketch_dim, (p.numel(),), generator=generator, device=generator.device)
        sign = 2 * torch.randint(2, (p.numel(),), generator=generator, device=generator.device) - 1
        hashes[name] = place.to(x.device), sign.to(x.device)
    whole_gradients = PerSamplePass(model, parameters, _gradient)

    def one_pass(x: Tensor, objective: Objective) -> Tensor:
        gradients = whole_gradients.of_loss(x, objective)
        dtype = reduce(torch.promote_types, (gradient.dtype for gradient in gradients.values()))
        sketch = torch.zeros(len(x), sketch_dim, dtype=dtype, device=x.device)
        for name, (place, sign) in hashes.items():
            sketch.index_add_(1, place, (gradients[name].flatten(1) * sign).to(sketch))
        return sketch

    bound = as_objective(objective, x)
    return run_passes(one_pass, model, x, bound, batch_size=batch_size)


@convert_arguments
def last_layer_gradient_factors(
    logits: Tensor, features: Tensor, objective: ObjectiveLike = None
) -> tuple[Tensor, Tensor]:
    """Return the gradient with respect to the last layer as its rank-one factors (δ, h).

    ∂J/∂W = δ hᵀ and ∂J/∂b = δ with δ = ∂J/∂z, hence ‖∂J/∂W‖ = ‖δ‖ ‖h‖. No pass through the network.

    Args:
        logits: z (N, C).
        features: h (N, d), the input of the last layer, see :func:`~tutorial_lib.gradients.penultimate_features`.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.

    Returns:
        δ (N, C), signed, and h (N, d), both without a graph.

    Raises:
        ValueError: logits and features of different batches or shapes, or an objective that does not fit.

    Example:
        >>> delta, h = last_layer_gradient_factors(torch.zeros(1, 2), torch.tensor([[3., 4.]]), lambda z: z[:, 0])
        >>> delta, delta.norm() * h.norm()
        (tensor([[1., 0.]]), tensor(5.))
    """
    check_shapes(logits=(logits, "floats N C"), features=(features, "floats N d"))
    with torch.inference_mode(False), torch.enable_grad():
        z = detach_for_autograd(logits).requires_grad_()
        delta = as_objective(objective).gradient(z, z)
    return delta, detach_for_autograd(features)


def _loss_statistics(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike,
    parameters: dict[str, nn.Parameter],
    statistic: Statistic,
    batch_size: int,
) -> dict[str, Tensor]:
    """Parameter name -> statistic (N, …) of every sample's own gradient of the objective."""
    bound = as_objective(objective, x)
    one_pass = PerSamplePass(model, parameters, statistic).of_loss
    return run_passes(one_pass, model, x, bound, batch_size=batch_size)


def _gradient(rule: ParameterRule, a: Tensor, G: Tensor) -> Tensor:
    """The gradient itself, (n, *parameter)."""
    return rule.gradient(a, G)[:, 0]


def _gradient_or_factors(rule: ParameterRule, a: Tensor, G: Tensor) -> Tensor:
    """The gradient (n, *parameter), or the factors of a gradient δ aᵀ side by side, (n, p + d)."""
    if isinstance(rule, LinearRule) and rule.matmul_sizes(G)[0] == 1:
        return torch.cat([G.flatten(1), a.to(G.dtype).flatten(1)], 1)
    return _gradient(rule, a, G)


def _products(A: Tensor, B: Tensor, parameter: Tensor) -> Tensor:
    """The inner products (n, m) of gradients of one parameter, each set given as gradients or as factors."""
    if parameter.dim() == 2:
        p = len(parameter)
        if A.dim() == B.dim() == 2:
            A, B = A.to(promote_to_float32(A)), B.to(promote_to_float32(B))
            return (A[:, :p] @ B[:, :p].T) * (A[:, p:] @ B[:, p:].T)
        # The rules of one set could not be used.
        A, B = (t if t.dim() > 2 else t[:, :p, None] * t[:, None, p:] for t in (A, B))
    A, B = (torch.view_as_real(t) if t.is_complex() else t.to(promote_to_float32(t)) for t in (A, B))
    return A.reshape(len(A), -1) @ B.reshape(len(B), -1).T
