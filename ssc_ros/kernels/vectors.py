"""SIMD vectors for compiled loops: `+`, `-`, minimum, saturating subtraction and others on all lanes at once.

LLVM vectorises long loops by itself. Where each step needs the step before, as along a line of pixels, the loop over
the lanes of a step is too short for that, so vectors are a numba type here. `+` and `-` wrap around.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model


class Vector(types.Type):  # type: ignore[misc]
    """`count` lanes of `bits` bits each: 8, unsigned, or 16, signed."""

    def __init__(self, count: int, bits: int) -> None:
        self.count, self.bits = count, bits
        super().__init__(name=f"Vector({count} x {bits})")


def _llvm(vector: Vector) -> Any:
    return ir.VectorType(ir.IntType(vector.bits), vector.count)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, _llvm(vector))


def _broadcast(builder: Any, number: Any, vector: Vector) -> Any:
    """Put one number in all lanes."""
    kind = _llvm(vector)
    one = builder.trunc(number, kind.element) if number.type.width > vector.bits else number
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), one, ir.Constant(ir.IntType(32), 0))
    indices = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), indices)


def _call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """Call an intrinsic of LLVM by its name."""
    kind = ir.FunctionType(result, [x.type for x in arguments])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, arguments)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any, vector: Vector) -> Any:
    """Point at the vector that begins at an index of a contiguous array."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _llvm(vector).as_pointer())


@intrinsic(prefer_literal=True)
def load(typing, array, index, count):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Load `count` (a constant) lanes from a contiguous array (N,), from an index on."""
    vector = Vector(count.literal_value, array.dtype.bitwidth)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        pointer = _pointer(context, builder, signature.args[0], arguments[0], arguments[1], vector)
        return builder.load(pointer, align=vector.bits // 8)

    return vector(array, types.intp, count), generate


@intrinsic
def store(typing, array, index, vector):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Store a vector in a contiguous array (N,), from an index on."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001
        pointer = _pointer(context, builder, signature.args[0], arguments[0], arguments[1], vector)
        builder.store(arguments[2], pointer, align=vector.bits // 8)

    return types.none(array, types.intp, vector), generate


def _broadcasting(bits: int, number_type: Any) -> Any:
    """Make the intrinsic (number, constant count) -> vector with the number in all lanes."""

    def declare(typing, number, count):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        vector = Vector(count.literal_value, bits)

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return _broadcast(builder, arguments[0], vector)

        return vector(number_type, count), generate

    return intrinsic(prefer_literal=True)(declare)


broadcast_int16 = _broadcasting(16, types.int64)
"""(number, count) -> `count` (a constant) lanes of int16."""
broadcast_uint8 = _broadcasting(8, types.uint8)
"""(number, count) -> `count` (a constant) lanes of uint8."""


def _elementwise(operation: Any) -> Any:
    """Make the intrinsic of two vectors of one type -> another one."""

    def declare(typing, a, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return operation(builder, a, *arguments)

        return a(a, b), generate

    return intrinsic(declare)


def _llvm_intrinsic(signed: str, unsigned: str) -> Any:
    def generate(builder, vector, a, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        name = f"llvm.{unsigned if vector.bits == 8 else signed}.v{vector.count}i{vector.bits}"
        return _call(builder, name, a.type, a, b)

    return generate


_add = _elementwise(lambda builder, vector, a, b: builder.add(a, b))
_subtract = _elementwise(lambda builder, vector, a, b: builder.sub(a, b))
minimum = _elementwise(_llvm_intrinsic("smin", "umin"))
maximum = _elementwise(_llvm_intrinsic("smax", "umax"))
subtract_saturated = _elementwise(_llvm_intrinsic("ssub.sat", "usub.sat"))
"""a - b, clipped to the range of the type: for uint8, 0 where b is larger."""


def _register(operation: Any, on_vectors: Any) -> None:
    def implement(a, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        both = isinstance(a, Vector) and isinstance(b, Vector)
        return (lambda a, b: on_vectors(a, b)) if both else None  # noqa: PLW0108 (numba wants a function of Python)

    overload(operation)(implement)


_register(operator.add, _add)
_register(operator.sub, _subtract)


@intrinsic(prefer_literal=True)
def widen_shift_right(typing, vector, bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Widen uint8 lanes to 16 bits, then shift each right by `bits` (a constant)."""
    wide = Vector(vector.count, 16)
    shift = ir.Constant(_llvm(wide), [bits.literal_value] * vector.count)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return builder.lshr(builder.zext(arguments[0], _llvm(wide)), shift)

    return wide(vector, bits), generate


@intrinsic(prefer_literal=True)
def shift_lanes(typing, vector, step, fill):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Shift all lanes one place up (step 1) or down (-1); `fill` enters the free lane."""
    count, up = vector.count, step.literal_value == 1
    order = [count, *range(count - 1)] if up else [*range(1, count), count]

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        indices = ir.Constant(ir.VectorType(ir.IntType(32), count), order)
        return builder.shuffle_vector(arguments[0], _broadcast(builder, arguments[2], vector), indices)

    return vector(vector, step, types.int64), generate


@intrinsic
def horizontal_minimum(typing, vector):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the smallest of all int16 lanes."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        name = f"llvm.vector.reduce.smin.v{vector.count}i16"
        return builder.sext(_call(builder, name, ir.IntType(16), arguments[0]), ir.IntType(64))

    return types.int64(vector), generate


@intrinsic
def less_equal_mask(typing, vector, limit):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Compare up to 64 int16 lanes with a limit; bit i of the uint64 is set where lane i <= limit."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        below = builder.icmp_signed("<=", arguments[0], _broadcast(builder, arguments[1], vector))
        return builder.zext(builder.bitcast(below, ir.IntType(vector.count)), ir.IntType(64))

    return types.uint64(vector, types.int64), generate


@intrinsic
def highest_set_bit(typing, bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the index of the highest set bit of a uint64, which must not be 0."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        zeros = _call(builder, "llvm.ctlz.i64", ir.IntType(64), arguments[0], ir.Constant(ir.IntType(1), 1))
        return builder.sub(ir.Constant(ir.IntType(64), 63), zeros)

    return types.int64(types.uint64), generate
