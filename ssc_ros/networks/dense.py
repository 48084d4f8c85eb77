"""Parts of a network that a backend may run in its own way: the same work for every input, tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import wraps
from typing import Any, cast

import torch
from torch import Tensor, nn

Compiled = Callable[..., Any]
"""Takes the arguments of a dense method and returns its result."""


def dense(method: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a method of a module: shapes in it depend on the shapes of its arguments alone, which are tensors.

    It may return tensors, or tuples and dataclasses of them. What it returns in a mapping are taps, which a backend
    leaves out.
    """

    @wraps(method)
    def run(module: nn.Module, *tensors: Tensor) -> Any:
        compiled = _compiled(module).get(method.__name__)
        return method(module, *tensors) if compiled is None else compiled(*tensors)

    run.is_dense = True  # type: ignore[attr-defined]
    return run


def _compiled(module: nn.Module) -> dict[str, Compiled]:
    """What is run instead of a module's dense methods, by their names."""
    return cast("dict[str, Compiled]", module.__dict__.setdefault("compiled", {}))


@dataclass(frozen=True)
class DensePart:
    """A dense method of a network, or of a module within it.

    Attributes:
        path: of the module that has it, empty for the network itself, and the method's name: "image.see".
        module: the one that has it.
        method: its name.
    """

    path: str
    module: nn.Module
    method: str

    @property
    def compiled(self) -> Compiled | None:
        """What is run in its place."""
        return _compiled(self.module).get(self.method)

    def replace(self, compiled: Compiled | None) -> None:
        """From now on, run this instead; None: the method itself."""
        _compiled(self.module).pop(self.method, None)
        if compiled is not None:
            _compiled(self.module)[self.method] = compiled

    def call(self, *tensors: Tensor) -> Any:
        """The method itself, replaced or not."""
        return getattr(type(self.module), self.method).__wrapped__(self.module, *tensors)


def dense_parts(network: nn.Module) -> Iterator[DensePart]:
    """All of a network, the inner ones too; those that it never runs as well."""
    for path, module in network.named_modules():
        for name in dir(type(module)):
            if getattr(getattr(type(module), name), "is_dense", False):
                yield DensePart(f"{path}.{name}".lstrip("."), module, name)


def flatten(value: Any) -> list[Tensor]:
    """The tensors in what a dense method returned, in order."""
    return [value] if isinstance(value, Tensor) else [tensor for part in _parts(value) for tensor in flatten(part)]


def rebuild(like: Any, tensors: Iterator[Tensor]) -> Any:
    """The value that `flatten` took apart, with other tensors in it; mappings are empty."""
    if isinstance(like, Tensor):
        return next(tensors)
    if isinstance(like, tuple):
        return tuple(rebuild(part, tensors) for part in like)
    if isinstance(like, Mapping):
        return {}
    if is_dataclass(like) and not isinstance(like, type):
        names = [field.name for field in fields(like)]
        return replace(like, **{name: rebuild(getattr(like, name), tensors) for name in names})
    return like


def _parts(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return list(value)
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    return []


class FlatPart(nn.Module):
    """A dense part as a module of tensors: what exporters take.

    Args:
        part: the part.
    """

    def __init__(self, part: DensePart) -> None:
        super().__init__()
        self.module = part.module
        self._part = part

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The part's arguments -> the tensors in its result."""
        return tuple(flatten(self._part.call(*tensors)))


@dataclass(frozen=True)
class Example:
    """What a dense part was given once, and what it returned.

    Attributes:
        part: the part.
        inputs: its arguments.
        output: its result.
        runs: how often it was run.
    """

    part: DensePart
    inputs: tuple[Tensor, ...]
    output: Any
    runs: int = 1

    def outline(self) -> Example:
        """The same without its numbers, by tensors of torch's meta device: shapes and strides keep no memory."""
        results = iter([tensor.to("meta") for tensor in flatten(self.output)])
        return replace(self, inputs=tuple(x.to("meta") for x in self.inputs), output=rebuild(self.output, results))


@torch.no_grad()
def record(network: nn.Module, run: Callable[[], object]) -> list[Example]:
    """What the dense parts of a network are given while something runs it, those parts in order that are run.

    A part that is run several times is recorded with its last arguments.
    """
    found: dict[str, Example] = {}
    parts = list(dense_parts(network))

    def recorder(part: DensePart) -> Compiled:
        def compiled(*tensors: Tensor) -> Any:
            output = part.call(*tensors)
            runs = found[part.path].runs + 1 if part.path in found else 1
            found[part.path] = Example(part, tensors, output, runs)
            return output

        return compiled

    for part in parts:
        part.replace(recorder(part))
    try:
        run()
    finally:
        for part in parts:
            part.replace(None)
    return list(found.values())
