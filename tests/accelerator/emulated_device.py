"""An emulated accelerator: the device "emulated", whose tensors keep their values in the memory of the CPU.

Its tensors are ordinary tensors that report another device and refuse to meet CPU tensors, CPU generators and NumPy, as
CUDA tensors do. Therefore, a machine without a GPU can test that code follows the device of its input. The emulation
says nothing about the speed and the rounding of a GPU, and little about operations that CUDA does not implement. In one
respect it differs: ``model.to`` replaces the parameters by new ones, where CUDA only changes their data.
"""

import copy
import ctypes
from contextlib import contextmanager, nullcontext
from functools import partial

import torch
from torch.utils import backend_registration

NAME = "emulated"
# PyTorch registers backends that are written in Python with this function; older versions do not have it.
AVAILABLE = hasattr(backend_registration, "_setup_privateuseone_for_python_backend")

aten = torch.ops.aten

# DLPack's codes for a CPU and for the device of an extension, and the position of the code in its C structure.
DLPACK_CPU, DLPACK_EXTENSION, DLPACK_CODE_OFFSET = 1, 12, ctypes.sizeof(ctypes.c_void_p)
capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
capsule_pointer.restype, capsule_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]

# CUDA takes a CPU tensor of zero dimensions in element-wise operations and in these ...
TAKE_CPU_SCALARS = {"where", "fill_", "masked_fill", "masked_fill_", "index_fill", "index_fill_", "_index_put_impl_"}
# ... and CPU tensors as the indices of these.
TAKE_CPU_INDICES = {"index", "_unsafe_index", "index_put", "index_put_", "_unsafe_index_put", "_index_put_impl_"}
# CUDA does not multiply matrices of integers.
MATRIX_PRODUCTS = {"mm", "bmm", "addmm", "addmm_", "baddbmm", "baddbmm_", "mv", "addmv", "addmv_", "dot"}
# Autocast computes these in the lower precision.
LOWER_PRECISION = (
    aten.conv1d.default,
    aten.conv2d.default,
    aten.conv2d.padding,
    aten.conv_transpose2d.input,
    aten.linear.default,
    aten.matmul.default,
    aten.mm.default,
    aten.bmm.default,
    aten.addmm.default,
)

tensor_deep_copy = torch.Tensor.__deepcopy__


class EmulatedBackend:
    """What PyTorch asks of the module ``torch.emulated``: a single device with its own random state."""

    def __init__(self):
        self.manual_seed_all(0)

    def is_available(self):
        return True

    def is_initialized(self):
        return True

    def _is_in_bad_fork(self):
        return False

    def device_count(self):
        return 1

    def current_device(self):
        return 0

    def get_amp_supported_dtype(self):
        return [torch.float16, torch.bfloat16]

    def get_rng_state(self, device=0):
        return self.state.clone()

    def set_rng_state(self, state, device=0):
        self.state = state.clone()

    def manual_seed_all(self, seed):
        self.state = torch.Generator().manual_seed(seed).get_state()

    @contextmanager
    def random_state(self):
        """Use the random state of the device inside the block, and restore that of the CPU afterwards."""
        with torch.random.fork_rng([]):
            torch.set_rng_state(self.state)
            yield
            self.state = torch.get_rng_state()


def leaves(values):
    """Yield the values, and the elements of those that are lists."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from leaves(value)
        else:
            yield value


def map_leaves(function, value):
    """Return the result of a function on a value, or the list of its results on the elements of a list."""
    if isinstance(value, (list, tuple)):
        return type(value)(map_leaves(function, element) for element in value)
    return function(value)


def is_emulated(value):
    """Return whether a value is a tensor on the emulated device."""
    return isinstance(value, torch.Tensor) and value.device.type == NAME


def share_memory(t, dlpack_device):
    """Return a tensor on another device with the memory of t: DLPack describes t, and the device is replaced."""
    # DLPack keeps the tensor that it is given, and not its memory, so it is given one that nobody assigns other memory.
    capsule = torch._C._to_dlpack(t.data)
    code = ctypes.c_int32.from_address(capsule_pointer(capsule, b"dltensor") + DLPACK_CODE_OFFSET)
    code.value = dlpack_device
    shared = torch._C._from_dlpack(capsule)
    # A conjugate and a negative share their memory with the original, and are only marked.
    shared = shared.conj() if t.is_conj() else shared
    return torch._neg_view(shared) if t.is_neg() else shared


def to_cpu_tensor(t):
    """Return the CPU tensor that shares the memory of t. If t has no elements, the memory of that tensor can grow."""
    return share_memory(t, DLPACK_CPU) if t.numel() else torch.empty(t.size(), dtype=t.dtype)


def takes_cpu_tensor(op, t, args, kwargs):
    """Return whether CUDA runs an operation on tensors of its own together with this CPU tensor."""
    name, arguments = op.overloadpacket.__name__, op._schema.arguments
    values = [*args, *(kwargs.get(argument.name) for argument in arguments[len(args) :])]
    changed = [v for a, v in zip(arguments, values) if a.alias_info is not None and a.alias_info.is_write]
    if any(value is t for value in leaves(changed)):
        return False
    if name in TAKE_CPU_INDICES and any(index is t for index in args[1]):
        return True
    return t.dim() == 0 and (torch.Tag.pointwise in op.tags or name in TAKE_CPU_SCALARS)


def check_arguments(op, args, kwargs):
    """Raise an error where CUDA does: for a CPU tensor or generator among the arguments, and for some integers."""
    tensors = [a for a in leaves((*args, *kwargs.values())) if isinstance(a, torch.Tensor)]
    on_cpu = [t for t in tensors if not is_emulated(t)]
    if len(on_cpu) < len(tensors) and not all(takes_cpu_tensor(op, t, args, kwargs) for t in on_cpu):
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {NAME}:0 and cpu! ({op})"
        )
    if kwargs.get("generator") is not None:  # the emulated device has no generators of its own
        raise RuntimeError(f"Expected a '{NAME}' device type for generator but found 'cpu' ({op})")
    name = op.overloadpacket.__name__
    if name in MATRIX_PRODUCTS and not (tensors[0].is_floating_point() or tensors[0].is_complex()):
        raise NotImplementedError(f'"{name}" is not implemented on CUDA for {tensors[0].dtype}')


def run_on_cpu(backend, op, *args, **kwargs):
    """Return the result of an operation on emulated tensors, computed on the CPU tensors of its arguments."""
    check_arguments(op, args, kwargs)
    is_random = torch.Tag.nondeterministic_seeded in op.tags
    on_cpu = {id(a): (a, to_cpu_tensor(a)) for a in leaves((*args, *kwargs.values())) if is_emulated(a)}

    def enter(value):
        if isinstance(value, torch.device):
            return torch.device("cpu")
        return on_cpu[id(value)][1] if id(value) in on_cpu else value

    # A number may stand for a tensor here; then another overload of the operation takes it.
    pairs = zip(op._schema.arguments, args)
    if any(str(a.type) == "Tensor" and isinstance(value, (int, float, complex)) for a, value in pairs):
        op = op.overloadpacket
    with backend.random_state() if is_random else nullcontext():
        result = op(*map_leaves(enter, args), **{name: map_leaves(enter, value) for name, value in kwargs.items()})
    for original, tensor_on_cpu in on_cpu.values():  # for example resized, transposed or squeezed in place
        if (original.size(), original.stride()) != (tensor_on_cpu.size(), tensor_on_cpu.stride()):
            original.data = share_memory(tensor_on_cpu, DLPACK_EXTENSION)
    originals = {id(tensor_on_cpu): original for original, tensor_on_cpu in on_cpu.values()}

    def leave(value):
        if not isinstance(value, torch.Tensor):
            return value
        return originals[id(value)] if id(value) in originals else share_memory(value, DLPACK_EXTENSION)

    return map_leaves(leave, result)


def copy_between_devices(source, target, non_blocking=False):
    """Copy values from the CPU to the emulated device, or back."""
    source, target_on_cpu = (to_cpu_tensor(t) if is_emulated(t) else t for t in (source, target))
    target_on_cpu.copy_(source)
    return target


def in_lower_precision(op):
    """Return the form of an operation that autocast runs: its arguments are rounded first, unless they are doubles."""

    def run(*args, **kwargs):
        dtype = torch.get_autocast_dtype(NAME)

        def lower(value):
            rounds = is_emulated(value) and value.is_floating_point() and value.dtype != torch.float64
            return value.to(dtype) if rounds else value

        with torch.autocast(NAME, enabled=False):
            return op(*map_leaves(lower, args), **{name: map_leaves(lower, value) for name, value in kwargs.items()})

    return run


def deep_copy(t, memo):
    """Return a copy of a tensor and of its attributes; PyTorch would copy the memory through an allocator."""
    if not is_emulated(t) or not t.is_leaf or id(t) in memo:
        return tensor_deep_copy(t, memo)
    memo[id(t)] = result = t.detach().clone().requires_grad_(t.requires_grad)
    result.grad = copy.deepcopy(t.grad, memo)
    result.__dict__ = copy.deepcopy(t.__dict__, memo)
    return result


def register():
    """Register the device for this process, once, and before the first backward pass, which counts the devices."""
    backend = EmulatedBackend()
    backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=backend)
    everything, operations = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
    backend.libraries = everything, operations  # PyTorch forgets what a library registers when the library is deleted

    def run(op, *args, **kwargs):
        return run_on_cpu(backend, op, *args, **kwargs)

    # PyTorch asks a backend for convolutions under names of their own; the gradient then omits the size of the bias.
    def convolution(*args):
        return run(aten.convolution.default, *args)

    def convolution_backward(grad_output, x, weight, *options):
        transposed, groups = options[3], options[5]
        bias_size = [weight.shape[1] * groups if transposed else weight.shape[0]]
        return run(aten.convolution_backward.default, grad_output, x, weight, bias_size, *options)

    everything.fallback(run, "PrivateUse1")
    operations.impl("_copy_from", copy_between_devices, "PrivateUse1")
    for key in ("Conjugate", "Negative"):
        operations.impl("_copy_from", torch.library.fallthrough_kernel, key)
    operations.impl("convolution_overrideable", convolution, "PrivateUse1")
    operations.impl("convolution_backward_overrideable", convolution_backward, "PrivateUse1")
    # Inside torch.tensor(…, device=…), a mode of PyTorch finds these operations only under their own names.
    for op in (aten.empty.memory_format, aten.empty_strided.default, aten._local_scalar_dense.default):
        operations.impl(op, partial(run, op), "PrivateUse1")
    operations.impl("_efficientzerotensor", torch.zeros, "PrivateUse1")  # of the forward mode; the values are the same
    everything.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    for op in LOWER_PRECISION:
        operations.impl(op, in_lower_precision(op), "AutocastPrivateUse1")
    torch.Tensor.__deepcopy__ = deep_copy


def find_accelerator():
    """Return the CUDA device, or without one the emulated device, which is registered for this process."""
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    register()
    return torch.device(NAME, 0)
