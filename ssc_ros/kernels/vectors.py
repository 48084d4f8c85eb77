"""Short vectors for compiled loops: a few dozen small integers that are added and compared at once.

Numba's compiler makes vectors of long loops by itself. Where each step needs the one before, as along a line of pixels,
the loop over the numbers of a step is too short for that; so these are types of their own. `+` and `-` wrap around.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model


class Vector(types.Type):  # type: ignore[misc]
    """So many integers of so many bits, 8 (not negative) or 16."""

    def __init__(self, count: int, bits: int) -> None:
        self.count, self.bits = count, bits
        super().__init__(name=f"Vector({count} x {bits})")


def _llvm(vector: Vector) -> Any:
    return ir.VectorType(ir.IntType(vector.bits), vector.count)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, _llvm(vector))


def _all(builder: Any, number: Any, vector: Vector) -> Any:
    """The vector of one number."""
    kind = _llvm(vector)
    one = builder.trunc(number, kind.element) if number.type.width > vector.bits else number
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), one, ir.Constant(ir.IntType(32), 0))
    indices = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), indices)


def _call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """An operation of LLVM by its name."""
    kind = ir.FunctionType(result, [x.type for x in arguments])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, arguments)


def _place(context: Any, builder: Any, array_type: Any, array: Any, index: Any, vector: Vector) -> Any:
    """Where a vector begins in a contiguous array."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _llvm(vector).as_pointer())


@intrinsic(prefer_literal=True)
def load(typing, array, index, count):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """The vector of `count` (a constant) numbers of a contiguous array (N,), from one on."""
    vector = Vector(count.literal_value, array.dtype.bitwidth)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        place = _place(context, builder, signature.args[0], arguments[0], arguments[1], vector)
        return builder.load(place, align=vector.bits // 8)

    return vector(array, types.intp, count), generate


@intrinsic
def store(typing, array, index, vector):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Write a vector into a contiguous array (N,), from one place on."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001
        place = _place(context, builder, signature.args[0], arguments[0], arguments[1], vector)
        builder.store(arguments[2], place, align=vector.bits // 8)

    return types.none(array, types.intp, vector), generate


def _repeating(bits: int, number_type: Any) -> Any:
    """An intrinsic of a number and a constant count -> the vector of so many times the number."""

    def declare(typing, number, count):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        vector = Vector(count.literal_value, bits)

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return _all(builder, arguments[0], vector)

        return vector(number_type, count), generate

    return intrinsic(prefer_literal=True)(declare)


shorts = _repeating(16, types.int64)
"""A number and how often (a constant) -> a vector of 16 bits."""
bytes_of = _repeating(8, types.uint8)
"""The same of eight bits."""


def _elementwise(generate_one: Any) -> Any:
    """An intrinsic of two equal vectors -> another one."""

    def declare(typing, a, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return generate_one(builder, a, *arguments)

        return a(a, b), generate

    return intrinsic(declare)


def _of_llvm(signed: str, unsigned: str) -> Any:
    def generate(builder, vector, a, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        name = f"llvm.{unsigned if vector.bits == 8 else signed}.v{vector.count}i{vector.bits}"
        return _call(builder, name, a.type, a, b)

    return generate


_add = _elementwise(lambda builder, vector, a, b: builder.add(a, b))
_subtract = _elementwise(lambda builder, vector, a, b: builder.sub(a, b))
least = _elementwise(_of_llvm("smin", "umin"))
most = _elementwise(_of_llvm("smax", "umax"))
beyond = _elementwise(_of_llvm("ssub.sat", "usub.sat"))
"""a - b; of bytes 0 where b is larger."""


def _register(operation: Any, on_vectors: Any) -> None:
    def implement(a, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        both = isinstance(a, Vector) and isinstance(b, Vector)
        return (lambda a, b: on_vectors(a, b)) if both else None  # noqa: PLW0108 (numba wants a function of Python)

    overload(operation)(implement)


_register(operator.add, _add)
_register(operator.sub, _subtract)


@intrinsic(prefer_literal=True)
def widened(typing, vector, bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Bytes as 16 bits, without so many (a constant) of their lowest bits."""
    wide = Vector(vector.count, 16)
    shift = ir.Constant(_llvm(wide), [bits.literal_value] * vector.count)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return builder.lshr(builder.zext(arguments[0], _llvm(wide)), shift)

    return wide(vector, bits), generate


@intrinsic(prefer_literal=True)
def moved(typing, vector, step, filler):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Each number one place higher (step 1) or lower (-1); the place that gets none is filled."""
    count, up = vector.count, step.literal_value == 1
    order = [count, *range(count - 1)] if up else [*range(1, count), count]

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        indices = ir.Constant(ir.VectorType(ir.IntType(32), count), order)
        return builder.shuffle_vector(arguments[0], _all(builder, arguments[2], vector), indices)

    return vector(vector, step, types.int64), generate


@intrinsic
def lowest(typing, vector):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """The smallest of 16-bit numbers."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        name = f"llvm.vector.reduce.smin.v{vector.count}i16"
        return builder.sext(_call(builder, name, ir.IntType(16), arguments[0]), ir.IntType(64))

    return types.int64(vector), generate


@intrinsic
def at_most(typing, vector, limit):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Which of up to 64 numbers are at most a limit: bit i of a uint64 for the i-th."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        below = builder.icmp_signed("<=", arguments[0], _all(builder, arguments[1], vector))
        return builder.zext(builder.bitcast(below, ir.IntType(vector.count)), ir.IntType(64))

    return types.uint64(vector, types.int64), generate


@intrinsic
def last_bit(typing, bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Number of the highest bit of a uint64 that is set; it must not be 0."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        zeros = _call(builder, "llvm.ctlz.i64", ir.IntType(64), arguments[0], ir.Constant(ir.IntType(1), 1))
        return builder.sub(ir.Constant(ir.IntType(64), 63), zeros)

    return types.int64(types.uint64), generate
