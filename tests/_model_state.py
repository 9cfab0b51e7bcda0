"""A snapshot of the observable state of a model, to verify that a function leaves it unchanged."""

import weakref

import torch


class ModelState:
    """The observable state of a model: flags, attributes, hooks, parameters with their gradients, buffers."""

    def __init__(self, model):
        tensors = [*model.parameters(), *model.buffers()]
        self.model, self.devices = model, {t.device for t in tensors} - {torch.device("cpu")}
        self.random = self._random()
        self.modules = [(m, m.training, self._attributes(m)) for m in model.modules()]
        self.tensors = [
            (t, t.detach().clone(), t.requires_grad, t.grad, self._copy(t.grad), dict(t.__dict__)) for t in tensors
        ]

    def _random(self):
        return [torch.get_rng_state(), *(torch.get_device_module(d).get_rng_state(d) for d in self.devices)]

    @staticmethod
    def _copy(t):
        return None if t is None else t.clone()

    @staticmethod
    def _attributes(module):
        # Containers (hooks, parameters, buffers, submodules) are compared by their elements, other values by identity.
        def identity(v):
            if isinstance(v, dict):
                return [(i, id(j)) for i, j in v.items()]
            if isinstance(v, list):
                return [id(j() if isinstance(j, weakref.ref) else j) for j in v]
            return id(v)

        return {k: identity(v) for k, v in vars(module).items()}

    def check(self):
        assert [id(m) for m in self.model.modules()] == [id(m) for m, *_ in self.modules]
        for module, training, attributes in self.modules:
            assert module.training == training
            assert self._attributes(module) == attributes
        for t, value, requires_grad, grad, grad_value, extra in self.tensors:
            assert torch.equal(t, value) and t.requires_grad == requires_grad
            assert t.grad is grad and (grad is None or torch.equal(grad, grad_value))
            assert t._backward_hooks is None and t.__dict__ == extra
        assert all(torch.equal(a, b) for a, b in zip(self.random, self._random(), strict=True)), (
            "the global random state moved"
        )
