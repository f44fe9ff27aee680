"""diffusers and torch without what this program does not use of them: half of a job's start.

Only in a process of the command line, within `only_needed`, and undone at once: a notebook that imports
this package sees both whole.
"""

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

# Packages that diffusers imports if they are installed, but that this program does not need from it.
UNUSED = ("scipy", "transformers", "accelerate", "peft", "torchvision")
_active = False


class Deferred(ModuleType):
    """A stand-in for a module, which is imported when it is asked for what the stand-in has not."""

    def __init__(self, name: str, known: dict[str, Any]) -> None:
        """Stand in for the module `name`; `known` is what it has of these names."""
        super().__init__(name)
        vars(self).update(known)

    def __getattr__(self, name: str) -> Any:
        """Import the module, with all stand-ins gone, and return what it has.

        Raises:
            AttributeError: of names such as __file__, which `inspect` asks all modules for.
        """
        if name.startswith("__"):
            raise AttributeError(name)
        for other in STAND_INS:  # the module may need any of them
            if isinstance(sys.modules.get(other), Deferred):
                del sys.modules[other]
        return getattr(import_module(self.__name__), name)


def _same(
    function: Callable[..., Any] | None = None, *_: object, **__: object
) -> Callable[..., Any]:
    """Return the function as it is; without one, what does so: a decorator with arguments."""
    return function or _same


def _nothing(*_: object) -> None:
    pass


STAND_INS: dict[str, dict[str, Any]] = {
    # torch's compiler, where nothing is compiled: what diffusers and optimizers call of it
    "torch._dynamo": {"allow_in_graph": _same, "disable": _same, "graph_break": _nothing},
    # its other half is told to be deterministic when torch is
    "torch._inductor": {},
    "torch._inductor.config": {},
    # what diffusers imports from them, for networks of other kinds than ours, and for several GPUs
    "torch.distributed.fsdp": dict.fromkeys(
        ["CPUOffload", "ShardingStrategy", "FullyShardedDataParallel"], object
    ),
    "torch.distributed.fsdp.wrap": {"transformer_auto_wrap_policy": _nothing},
    "torch.nn.attention.flex_attention": {"BlockMask": object, "create_block_mask": _nothing},
}


@contextmanager
def only_needed() -> Iterator[None]:
    """Make `without_compiler` and `diffusers_import` do what they say: in a process of ours alone."""
    global _active
    before, _active = _active, True
    try:
        yield
    finally:
        _active = before


@contextmanager
def without_compiler() -> Iterator[None]:
    """Within `only_needed`, do not import torch's compiler, which nothing in the block may use."""
    added = {
        name: Deferred(name, known)
        for name, known in STAND_INS.items()
        if _active and name not in sys.modules
    }
    for name, module in added.items():
        parent, _, last = name.rpartition(".")
        if parent in added:
            setattr(added[parent], last, module)
    sys.modules.update(added)
    try:
        yield
    finally:
        for name, module in added.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


@contextmanager
def diffusers_import() -> Iterator[None]:
    """Within `only_needed`, hide packages from diffusers while it is imported for the first time.

    diffusers looks for them once. Then it reads the files of all installed packages too, for names of
    packages that this program does not use.
    """
    first = _active and "diffusers" not in sys.modules
    hidden = [name for name in UNUSED if first and name not in sys.modules]
    read = importlib.metadata.packages_distributions
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # marks a module as missing
    if first:
        importlib.metadata.packages_distributions = dict
    try:
        with without_compiler():
            yield
    finally:
        importlib.metadata.packages_distributions = read
        for name in hidden:
            del sys.modules[name]
