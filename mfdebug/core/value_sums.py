"""The sum that made one entry of a node's value, in symbols and numbers, op by op.

Where an op sums, each product or entry is a term; where it does not, its formula with this
entry's names and numbers is the one term.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mfdebug.core.debugger import Debugger
from mfdebug.core.entries import (
    MOVES,
    Index,
    Product,
    matched,
    moved_from,
    place_in,
    same_place,
    summed,
)
from mfdebug.core.spots import (
    Bundle,
    Site,
    Sums,
    Told,
    bracketed,
    changed_note,
    led_to,
    named,
    one_term,
    single,
)
from mfdebug.core.working import PAIR_COSTS, locals_of
from miniflow.graph import follows_rules
from miniflow.ops.activation import Softmax
from miniflow.ops.arithmetic import Add, Max, Min, Mul, Sub
from miniflow.ops.base import Array, Elementwise, Op
from miniflow.ops.cost import MAE, MSE, SoftmaxCrossEntropy
from miniflow.ops.dropout import Dropout
from miniflow.ops.linear import Linear, MatMul
from miniflow.ops.reduce import Mean, Sum
from miniflow.ops.shape import Reshape

# Of a softmax's row: terms written out in its denominator, and entries that one can go on to.
_ROW_SHOWN, _ROW_LED_TO = 4, 100


def value_sums(debugger: Debugger, node: int, index: Index) -> Sums:
    """Return how an op, or a node in the lesson's style, made one entry of its value.

    When an input has changed since, the rule is the one term: it leads on, and claims nothing.
    """
    site = Site(debugger, node)
    written = debugger.written_at(node) or 0
    sums = _made(site, index, debugger.timeline.sgd_step(written))
    if changed := changed_note(debugger, site.sources, written):
        number = float(site.value[index])
        note = f"{changed}: today's numbers do not make this value; see it made: goto {written}"
        bundle = one_term(number, sums.rule, bracketed(number), led_to(sums))
        return Sums(sums.rule, (bundle,), (*sums.notes, note))
    return sums


def _made(site: Site, index: Index, sgd_step: int) -> Sums:
    op = site.op
    if not isinstance(op, Op) or not follows_rules(op):
        return _of_unknown(site, index)
    if isinstance(op, Elementwise):
        return _of_elementwise(site, op, index, sgd_step)
    if isinstance(op, Linear | MatMul):
        return _of_products(site, index)
    if isinstance(op, Sum | Mean):
        return _of_sum(site, op, index)
    if isinstance(op, MOVES):
        shapes = [x.shape for x in site.inputs]
        slot, entry = moved_from(op, index, site.value.shape, shapes)
        name = site.entry(slot, entry)
        bundle = one_term(
            float(site.value[index]), name, site.number(slot, entry), [site.spot(slot, entry)]
        )
        rule = op.formula(*site.labels)
        return Sums(rule if isinstance(op, Reshape) else named(rule, index), (bundle,))
    if isinstance(op, Softmax):
        return _of_softmax(site, op, index)
    if isinstance(op, PAIR_COSTS):
        return _of_pair_cost(site, op)
    if isinstance(op, SoftmaxCrossEntropy):
        return _of_cross_entropy(site, op)
    return _of_unknown(site, index)


def _of_unknown(site: Site, index: Index) -> Sums:
    """Tell what made the entry as far as it is known: the inputs, not the rule."""
    kind = type(site.op).__name__
    own = isinstance(site.op, Op) and follows_rules(site.op)
    symbols = f"{kind}({', '.join(site.labels)})"
    number = float(site.value[index])
    leads_to = site.alike(range(len(site.inputs)), index)
    notes = (
        f"{kind} has {'rules of its own' if own else 'its own forward()'}: "
        "how it makes this number of its inputs is not known",
    )
    return Sums(symbols, (one_term(number, symbols, bracketed(number), leads_to),), notes)


# Entry by entry -------------------------------------------------------------------------------


def _of_elementwise(site: Site, op: Elementwise, index: Index, sgd_step: int) -> Sums:
    entries = site.broadcast(index)
    slots = range(len(entries))
    names = [site.entry(slot, entry) for slot, entry in enumerate(entries)]
    numbers = [site.number(slot, entry) for slot, entry in enumerate(entries)]
    spots = [site.spot(slot, entry) for slot, entry in enumerate(entries)]
    amounts = [float(x[entry]) for x, entry in zip(site.inputs, entries, strict=True)]
    number = float(site.value[index])
    rule = op.formula(*names)
    if isinstance(op, Add | Sub):
        bundles = []
        for slot in slots:
            minus = "-" if isinstance(op, Sub) and slot else ""
            amount = -amounts[slot] if minus else amounts[slot]
            bundles.append(
                one_term(amount, minus + names[slot], minus + numbers[slot], [spots[slot]])
            )
        return Sums(rule, tuple(bundles))
    if isinstance(op, Mul):
        product = "·".join(names)
        return Sums(product, (one_term(number, product, "·".join(numbers), spots),))
    if isinstance(op, Max | Min):
        winner = next((slot for slot in slots if amounts[slot] == number), None)
        if winner is not None:
            tie = amounts.count(number) > 1
            note = f"{names[winner]} won" + (": on a tie the first one does" if tie else "")
            bundle = one_term(number, names[winner], numbers[winner], [spots[winner]])
            return Sums(rule, (bundle,), (note,))
        # Nothing equals NaN: what is NaN among the inputs made it so, and is to be followed.
        spots = [spots[slot] for slot in sorted(slots, key=lambda i: not np.isnan(amounts[i]))]
    if isinstance(op, Dropout):
        found = locals_of(op, 0, index, site.value, site.inputs, sgd_step)
        mask = bracketed(float(found.numbers.reshape(-1)[0])) if found else "mask"
        symbols = f"mask{names[0][len(site.labels[0]) :]}·{names[0]}"
        note = f"the mask is 0, or 1/(1-rate), at random; rate {op.attrs['rate']:g}"
        return Sums(symbols, (one_term(number, symbols, f"{mask}·{numbers[0]}", spots),), (note,))
    return Sums(rule, (one_term(number, rule, single(op.formula(*numbers)), spots),))


# Products -------------------------------------------------------------------------------------


def _of_products(site: Site, index: Index) -> Sums:
    pairs = len(site.inputs) // 2
    bundles, rules = [], []
    for pair in range(pairs):
        bundle, rule = _of_product(site, pair, pair + pairs, index)
        bundles.append(bundle)
        rules.append(rule)
    if len(site.inputs) % 2:
        slot = 2 * pairs
        entry = matched(index, site.inputs[slot].shape)
        amount, name = float(site.inputs[slot][entry]), site.entry(slot, entry)
        bundles.append(one_term(amount, name, site.number(slot, entry), [site.spot(slot, entry)]))
        rules.append(name)
    return Sums(" + ".join(rules), tuple(bundles))


def _of_product(site: Site, left: int, right: int, index: Index) -> tuple[Bundle, str]:
    x, w = site.inputs[left], site.inputs[right]
    product = Product(x.shape, w.shape)
    lead = len(index) - len(product.shape)
    place = tuple(0 if n == 1 else i for i, n in zip(index[lead:], product.shape, strict=True))
    every: tuple[Any, ...] = place
    of_x, of_w = product.factors(every, slice(None))
    amounts = np.atleast_1d(x[of_x].astype(np.float64) * w[of_w])

    def tell(k: int) -> Told:
        of_x, of_w = product.factors(place, k)
        return Told(
            f"{site.entry(left, of_x)}·{site.entry(right, of_w)}",
            f"{site.number(left, of_x)}·{site.number(right, of_w)}",
            (site.spot(left, of_x), site.spot(right, of_w)),
        )

    letters: tuple[int | str, ...] = place
    of_x_named, of_w_named = product.factors(letters, "k")
    rule = f"{site.entry(left, of_x_named)}·{site.entry(right, of_w_named)}"
    return Bundle(amounts, tell), rule if product.length is None else f"Σₖ {rule}"


# Sums -----------------------------------------------------------------------------------------


def _of_sum(site: Site, op: Sum | Mean, index: Index) -> Sums:
    region = summed(op, index, site.inputs[0].shape)
    taken = np.asarray(site.inputs[0][region], np.float64).reshape(-1)
    count = max(taken.size, 1)
    mean = isinstance(op, Mean)

    def tell(k: int) -> Told:
        entry = place_in(region, k)
        name, number = site.entry(0, entry), site.number(0, entry)
        if mean:
            name, number = f"{name}/m", f"{number}/{count}"
        return Told(name, number, (site.spot(0, entry),))

    amounts = taken / count if mean else taken
    notes = (op.legend(site.inputs[0].shape),) if mean else ()
    return Sums(op.formula(*site.labels), (Bundle(amounts, tell),), notes)


def _of_softmax(site: Site, op: Softmax, index: Index) -> Sums:
    axis = op.attrs["axis"] % len(index)
    width = site.value.shape[axis]

    def entry(j: int) -> Index:
        return (*index[:axis], j, *index[axis + 1 :])

    name, number = site.entry(0, index), site.number(0, index)
    general = site.entry(0, (*index[:axis], "j", *index[axis + 1 :]))
    rule = f"e^{name} / Σⱼ e^{general}"
    below = [f"e^{site.number(0, entry(j))}" for j in range(min(width, _ROW_SHOWN))]
    if width > _ROW_SHOWN:
        below.append("…")
    numbers = f"e^{number} / ({' + '.join(below)})"
    others = [site.spot(0, entry(j)) for j in range(min(width, _ROW_LED_TO))]
    spots = [site.spot(0, index), *others]
    return Sums(rule, (one_term(float(site.value[index]), rule, numbers, spots),))


# Costs ----------------------------------------------------------------------------------------


def _of_pair_cost(site: Site, op: Op) -> Sums:
    y, a = (x.reshape(-1).astype(np.float64) for x in site.inputs)
    shapes = [x.shape for x in site.inputs]
    with np.errstate(all="ignore"):
        if isinstance(op, MSE):
            amounts, form = (y - a) ** 2 / y.size, "({0} - {1})²/{2}"
        elif isinstance(op, MAE):
            amounts, form = np.abs(y - a) / y.size, "|{0} - {1}|/{2}"
        else:
            amounts = -(_xlogy(y, a) + _xlogy(1 - y, 1 - a)) / y.size
            form = "-({0} log {1} + (1-{0}) log(1-{1}))/{2}"

    def tell(k: int) -> Told:
        of_y, of_a = (same_place((k,), (y.size,), shape) for shape in shapes)
        return Told(
            form.format(site.entry(0, of_y), site.entry(1, of_a), "m"),
            form.format(site.number(0, of_y), site.number(1, of_a), y.size),
            # The prediction first: the way to the weights.
            (site.spot(1, of_a), site.spot(0, of_y)),
        )

    return Sums(op.formula(*site.labels), (Bundle(amounts, tell),), (op.legend(*shapes),))


def _of_cross_entropy(site: Site, op: Op) -> Sums:
    logits, labels = (x.astype(np.float64) for x in site.inputs)
    shape = logits.shape
    rows = max(logits.size // max(shape[-1], 1), 1)
    with np.errstate(all="ignore"):
        logs = logits - logits.max(-1, keepdims=True)
        logs -= np.log(np.exp(logs).sum(-1, keepdims=True))
        if by_class := labels.ndim < logits.ndim:
            picked = np.take_along_axis(logs, labels.astype(np.intp)[..., None], -1)
            amounts = -picked.reshape(-1) / rows
            where: Array = np.arange(rows)
        else:
            every = np.where(labels == 0, 0.0, -labels * logs).reshape(-1) / rows
            where = np.flatnonzero(labels.reshape(-1))
            where = where if where.size else np.arange(labels.size)
            amounts = every[where]

    def tell(k: int) -> Told:
        of_label = same_place((int(where[k]),), (labels.size,), labels.shape)
        entry = (*of_label, int(labels[of_label])) if by_class else of_label
        share = bracketed(float(np.exp(logs[entry])))
        front = (
            ("", "")
            if by_class
            else (f"{site.entry(1, of_label)} ", f"{site.number(1, of_label)} ")
        )
        return Told(
            f"-{front[0]}log {named_softmax(site, entry)}/m",
            f"-{front[1]}log {share}/{rows}",
            (site.spot(0, entry), site.spot(1, of_label)),
        )

    notes = (op.legend(shape, labels.shape),)
    return Sums(op.formula(*site.labels), (Bundle(amounts, tell),), notes)


def named_softmax(site: Site, entry: Index) -> str:
    """Name an entry of the softmax of the first input."""
    return f"softmax({site.labels[0]})[{','.join(map(str, entry))}]"


def _xlogy(x: Array, y: Array) -> Array:
    product: Any = np.where(x == 0, 0.0, x * np.log(y))
    return np.asarray(product)
