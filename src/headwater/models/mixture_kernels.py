"""Compiled loops of the Gaussian mixture: k-means start, expectation-maximisation, densities and draws.

Every kernel takes the replicates ``first``, ``first + step``, ... so that threads can share them; no replicate reads
what another wrote, so the numbers do not depend on how many threads there are.

Points come as (replicates, d, items): one coordinate of all items lies side by side. The loops run over blocks of items
that stay in the first cache, and their innermost loop is always over the items of a block, which the compiler turns
into vector instructions. That is also why exp and log are written out here: a call of the C library would stop it.
"""

# ruff: noqa: ANN001, ANN201, ANN202

import math
from typing import Any

import numba as nb
import numpy as np
from numba import types
from numba.extending import intrinsic

_BLOCK = 256
# Sums may be reordered into lanes; infinities and NaN keep their meaning. The numpy error model goes with it: Python's
# raises at a division by zero, and that branch keeps a loop scalar.
_REORDER = {"reassoc", "contract", "nsz", "arcp"}
_LOG_2PI = math.log(2 * math.pi)
_LN2 = math.log(2)
_LOG2_E = 1 / _LN2
_LN2_HIGH = 0.6931471803691238  # the leading bits of ln 2: multiples up to 2^11 are exact
_LN2_LOW = 1.9082149292705877e-10
_ROUND = 1.5 * 2.0**52  # adding it leaves the nearest integer in the low bits of a double
_ROUND_BITS = int(np.float64(_ROUND).view(np.int64))
_ONE_BITS = int(np.float64(1.0).view(np.int64))
_ROOT_HALF_BITS = int(np.float64(math.sqrt(0.5)).view(np.int64))
_EXP = tuple(1 / math.factorial(power) for power in range(13))
_ATANH = tuple(2 / (2 * power + 1) for power in range(11))
# scikit-learn adds this to the weight of every component, so that none is divided by zero
_NOTHING = 10 * np.finfo(np.float64).eps
_LLOYD_ITERATIONS = 300  # scikit-learn's KMeans


@intrinsic
def _bits(_: Any, _value: Any) -> Any:
    """Return the bits of a double as an integer."""
    return types.int64(types.float64), lambda context, builder, _, arguments: builder.bitcast(
        arguments[0], context.get_value_type(types.int64)
    )


@intrinsic
def _double(_: Any, _bits_of_it: Any) -> Any:
    """Return the double with these bits."""
    return types.float64(types.int64), lambda context, builder, _, arguments: builder.bitcast(
        arguments[0], context.get_value_type(types.float64)
    )


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def _exp(value):  # type: ignore[no-untyped-def]
    """Return e^value for a value of at most 0, to 2 units in the last place; 0 is replaced by 3e-308."""
    value = max(value, -708.0)
    shifted = value * _LOG2_E + _ROUND
    whole = shifted - _ROUND
    rest = value - whole * _LN2_HIGH - whole * _LN2_LOW
    result = _EXP[12]
    for power in range(11, -1, -1):
        result = result * rest + _EXP[power]
    return result * _double((_bits(shifted) << 52) + _ONE_BITS)


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=True)
def _log(value):  # type: ignore[no-untyped-def]
    """Return ln(value) for a value of at least 1, to an absolute error of 1e-15 times its size or 1."""
    bits = _bits(value)
    exponent = (bits - _ROOT_HALF_BITS) >> 52
    mantissa = _double(bits - (exponent << 52))
    ratio = (mantissa - 1) / (mantissa + 1)
    square = ratio * ratio
    series = _ATANH[10]
    for power in range(9, -1, -1):
        series = series * square + _ATANH[power]
    return (_double(exponent + _ROUND_BITS) - _ROUND) * _LN2 + ratio * series


@nb.njit(cache=True, nogil=True)
def _invert(covariance, factor):  # type: ignore[no-untyped-def]
    """Write the inverse of the lower Cholesky factor and return its log determinant; NaN if there is no factor."""
    d = len(covariance)
    lower = np.zeros((d, d))
    log_determinant = 0.0
    for i in range(d):
        for j in range(i + 1):
            rest = covariance[i, j]
            for k in range(j):
                rest -= lower[i, k] * lower[j, k]
            if i > j:
                lower[i, j] = rest / lower[j, j]
            elif rest > 0:
                lower[i, i] = math.sqrt(rest)
            else:
                return np.nan
        log_determinant -= math.log(lower[i, i])
    for j in range(d):
        factor[j, j] = 1 / lower[j, j]
        for i in range(j + 1, d):
            rest = 0.0
            for k in range(j, i):
                rest -= lower[i, k] * factor[k, j]
            factor[i, j] = rest / lower[i, i]
    return log_determinant


@nb.njit(cache=True, nogil=True)
def _prepare(weights, covariances, factors, offsets):  # type: ignore[no-untyped-def]
    """Write what a density needs of each component; return whether all covariances are positive definite."""
    for k in range(len(weights)):
        log_determinant = _invert(covariances[k], factors[k])
        if math.isnan(log_determinant):
            return False
        offsets[k] = math.log(weights[k]) if weights[k] > 0 else -np.inf
        offsets[k] += log_determinant - 0.5 * covariances.shape[1] * _LOG_2PI
    return True


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _densities(x, first, last, means, factors, offsets, shares, log_density, buffer):  # type: ignore[no-untyped-def]
    """Write each component's share of the density of the items first .. last, and the log of their sum."""
    size = last - first
    for k in range(len(means)):
        share = shares[k]
        for i in range(size):
            share[i] = offsets[k]
        for j in range(len(x)):
            for i in range(size):
                buffer[i] = 0.0
            for l in range(j + 1):
                factor = factors[k, j, l]
                mean = means[k, l]
                column = x[l, first:last]
                for i in range(size):
                    buffer[i] += factor * (column[i] - mean)
            for i in range(size):
                share[i] -= 0.5 * buffer[i] * buffer[i]
    for i in range(size):
        log_density[i] = shares[0, i]
        buffer[i] = 0.0
    for k in range(1, len(means)):
        share = shares[k]
        for i in range(size):
            log_density[i] = max(log_density[i], share[i])
    for k in range(len(means)):
        share = shares[k]
        for i in range(size):
            share[i] = _exp(share[i] - log_density[i])
            buffer[i] += share[i]
    for i in range(size):
        log_density[i] += _log(buffer[i])
        buffer[i] = 1 / buffer[i]
    for k in range(len(means)):
        share = shares[k]
        for i in range(size):
            share[i] *= buffer[i]


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _add_moments(x, first, last, means, shares, counts, sums, squares, buffer):  # type: ignore[no-untyped-def]
    """Add the moments of the items first .. last about the old means, each item weighing its shares.

    About the old means, not about zero: nothing cancels when a component is much narrower than its distance to zero.
    """
    size = last - first
    for k in range(len(means)):
        share = shares[k]
        total = 0.0
        for i in range(size):
            total += share[i]
        counts[k] += total
        for j in range(len(x)):
            column = x[j, first:last]
            mean = means[k, j]
            total = 0.0
            for i in range(size):
                buffer[i] = share[i] * (column[i] - mean)
                total += buffer[i]
            sums[k, j] += total
            for l in range(j + 1):
                other = x[l, first:last]
                mean = means[k, l]
                total = 0.0
                for i in range(size):
                    total += buffer[i] * (other[i] - mean)
                squares[k, j, l] += total


@nb.njit(cache=True, nogil=True)
def _maximise(counts, sums, squares, regularisation, weights, means, covariances):  # type: ignore[no-untyped-def]
    """Write the mixture of largest likelihood given the moments about ``means``, and clear the moments."""
    everything = 0.0
    for k in range(len(counts)):
        counts[k] += _NOTHING
        everything += counts[k]
    for k in range(len(counts)):
        weights[k] = counts[k] / everything
        for i in range(means.shape[1]):
            sums[k, i] /= counts[k]
            means[k, i] += sums[k, i]
            for j in range(i + 1):
                covariances[k, i, j] = squares[k, i, j] / counts[k] - sums[k, i] * sums[k, j]
                covariances[k, j, i] = covariances[k, i, j]
            covariances[k, i, i] += regularisation
    counts[:] = 0
    sums[:] = 0
    squares[:] = 0


@nb.njit(cache=True, nogil=True)
def _weigh(shares, size, item_weights, first):  # type: ignore[no-untyped-def]
    """Multiply the shares of the items by their weights; no weights stand for 1 each."""
    if len(item_weights):
        for k in range(len(shares)):
            for i in range(size):
                shares[k, i] *= item_weights[first + i]


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _weighted_sum(values, weights):  # type: ignore[no-untyped-def]
    total = 0.0
    if len(weights):
        for i in range(len(values)):
            total += weights[i] * values[i]
    else:
        for i in range(len(values)):
            total += values[i]
    return total


@nb.njit(cache=True, nogil=True)
def _pass(x, item_weights, weights, means, covariances, regularisation, work):  # type: ignore[no-untyped-def]
    """Carry out one expectation and one maximisation step in one pass.

    Returns the sum of the log densities before the step; NaN where a covariance is not positive definite.
    """
    shares, log_density, buffer, factors, offsets, counts, sums, squares = work
    if not _prepare(weights, covariances, factors, offsets):
        return np.nan
    log_likelihood = 0.0
    for first in range(0, x.shape[1], _BLOCK):
        last = min(first + _BLOCK, x.shape[1])
        _densities(x, first, last, means, factors, offsets, shares, log_density, buffer)
        _weigh(shares, last - first, item_weights, first)
        _add_moments(x, first, last, means, shares, counts, sums, squares, buffer)
        log_likelihood += _weighted_sum(log_density[: last - first], item_weights[first:last])
    _maximise(counts, sums, squares, regularisation, weights, means, covariances)
    return log_likelihood


@nb.njit(cache=True, nogil=True)
def _workspace(components, d):  # type: ignore[no-untyped-def]
    return (
        np.empty((components, _BLOCK)),
        np.empty(_BLOCK),
        np.empty(_BLOCK),
        np.zeros((components, d, d)),
        np.empty(components),
        np.zeros(components),
        np.zeros((components, d)),
        np.zeros((components, d, d)),
    )


@nb.njit(cache=True, nogil=True)
def climb(x, item_weights, weights, means, covariances, bounds, iterations, settings, first, step):  # type: ignore[no-untyped-def]
    """Run expectation-maximisation on every replicate until its mean log density changes by less than the tolerance.

    ``weights``, ``means`` and ``covariances`` hold the start and receive the result. ``bounds`` receives the mean log
    density before the last step, ``iterations`` their number: 0 where a covariance was not positive definite, and one
    more than allowed where the limit was reached.
    """
    tolerance, max_iterations, regularisation = settings
    total = item_weights.sum() if len(item_weights) else float(x.shape[2])
    work = _workspace(means.shape[1], means.shape[2])
    for r in range(first, len(x), step):
        before = -np.inf
        iterations[r] = max_iterations + 1
        for iteration in range(max_iterations):
            log_likelihood = _pass(x[r], item_weights, weights[r], means[r], covariances[r], regularisation, work)
            bounds[r] = log_likelihood / total
            if math.isnan(log_likelihood):
                iterations[r] = 0
                break
            if abs(bounds[r] - before) < tolerance:
                iterations[r] = iteration + 1
                break
            before = bounds[r]


@nb.njit(cache=True, nogil=True)
def log_densities(x, weights, means, covariances, result, first, step):  # type: ignore[no-untyped-def]
    """Write the log density of every item; NaN in a replicate with a covariance that is not positive definite."""
    shares, _, buffer, factors, offsets, _, _, _ = _workspace(means.shape[1], means.shape[2])
    for r in range(first, len(x), step):
        if not _prepare(weights[r], covariances[r], factors, offsets):
            result[r] = np.nan
            continue
        for begin in range(0, x.shape[2], _BLOCK):
            end = min(begin + _BLOCK, x.shape[2])
            _densities(x[r], begin, end, means[r], factors, offsets, shares, result[r, begin:end], buffer)


@nb.njit(cache=True, nogil=True)
def place(choices, normals, cumulative, means, lower):  # type: ignore[no-untyped-def]
    """Turn uniform choices and standard normal vectors, in place, into draws from each replicate's mixture.

    ``lower`` holds the lower Cholesky factors, ``cumulative`` the running sums of the weights.
    """
    d = means.shape[2]
    for r in range(len(choices)):
        for i in range(choices.shape[1]):
            k = 0
            while k < means.shape[1] - 1 and choices[r, i] >= cumulative[r, k]:
                k += 1
            for j in range(d - 1, -1, -1):
                value = means[r, k, j]
                for l in range(j + 1):
                    value += lower[r, k, j, l] * normals[r, i, l]
                normals[r, i, j] = value


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _squared_distances(x, first, last, centre, result):  # type: ignore[no-untyped-def]
    for i in range(last - first):
        result[i] = 0.0
    for j in range(len(x)):
        column = x[j, first:last]
        at = centre[j]
        for i in range(last - first):
            result[i] += (column[i] - at) * (column[i] - at)


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _potential(nearest, distances, item_weights):  # type: ignore[no-untyped-def]
    """Return the weighted sum of the squared distances to the nearest centre if a candidate joins the centres."""
    total = 0.0
    if len(item_weights):
        for i in range(len(nearest)):
            total += item_weights[i] * min(nearest[i], distances[i])
    else:
        for i in range(len(nearest)):
            total += min(nearest[i], distances[i])
    return total


@nb.njit(cache=True, nogil=True)
def _pick(scores, item_weights, chance):  # type: ignore[no-untyped-def]
    """Return the item at which the running sum of the weighted scores reaches ``chance`` of the total."""
    running = np.empty(len(scores))
    total = 0.0
    for i in range(len(scores)):
        total += scores[i] * item_weights[i] if len(item_weights) else scores[i]
        running[i] = total
    return min(np.searchsorted(running, chance * total), len(scores) - 1)


@nb.njit(cache=True, nogil=True)
def _spread_centres(x, item_weights, chances, centres):  # type: ignore[no-untyped-def]
    """Write centres chosen by greedy k-means++ (Arthur and Vassilvitskii 2007), the best of several candidates each."""
    n = x.shape[1]
    nearest = np.ones(n)
    centres[0] = x[:, _pick(nearest, item_weights, chances[0, 0])]
    _squared_distances(x, 0, n, centres[0], nearest)
    distances = np.empty(n)
    best = np.empty(n)
    for k in range(1, len(centres)):
        lowest = np.inf
        for chance in chances[k]:
            candidate = _pick(nearest, item_weights, chance)
            _squared_distances(x, 0, n, x[:, candidate], distances)
            potential = _potential(nearest, distances, item_weights)
            if potential < lowest:
                lowest = potential
                centres[k] = x[:, candidate]
                best, distances = distances, best
        for i in range(n):
            nearest[i] = min(nearest[i], best[i])


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _assign(x, first, last, centres, labels, distances, shares, buffer):  # type: ignore[no-untyped-def]
    """Write the nearest centre of the items first .. last, the squared distance to it, and shares of 0 and 1."""
    size = last - first
    for i in range(size):
        distances[i] = np.inf
    for k in range(len(centres)):
        _squared_distances(x, first, last, centres[k], buffer)
        for i in range(size):
            closer = buffer[i] < distances[i]
            labels[i] = k if closer else labels[i]
            distances[i] = buffer[i] if closer else distances[i]
    for k in range(len(centres)):
        share = shares[k]
        for i in range(size):
            share[i] = 1.0 if labels[i] == k else 0.0


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _add_means(x, first, last, shares, counts, sums):  # type: ignore[no-untyped-def]
    for k in range(len(counts)):
        share = shares[k]
        total = 0.0
        for i in range(last - first):
            total += share[i]
        counts[k] += total
        for j in range(len(x)):
            column = x[j, first:last]
            total = 0.0
            for i in range(last - first):
                total += share[i] * column[i]
            sums[k, j] += total


@nb.njit(cache=True, nogil=True)
def _fill_empty(x, item_weights, labels, distances, counts, sums):  # type: ignore[no-untyped-def]
    """Give every empty cluster the item that lies farthest from its own centre, as scikit-learn does."""
    for k in range(len(counts)):
        if counts[k] == 0:
            item = np.argmax(distances)
            weight = item_weights[item] if len(item_weights) else 1.0
            distances[item] = -1.0
            counts[labels[item]] -= weight
            counts[k] = weight
            sums[labels[item]] -= weight * x[:, item]
            sums[k] = weight * x[:, item]


@nb.njit(cache=True, nogil=True)
def _lloyd(x, item_weights, centres, labels, tolerance, work):  # type: ignore[no-untyped-def]
    """Write the labels of k-means from the given centres, which move (Lloyd 1982).

    It stops, as scikit-learn's, when no label changes, or when the centres together move by less than the tolerance.
    """
    shares, _, buffer, _, _, counts, sums, _ = work
    n = x.shape[1]
    distances = np.empty(n)
    before = np.full(n, -1)
    still = False
    for iteration in range(_LLOYD_ITERATIONS + 1):
        for first in range(0, n, _BLOCK):
            last = min(first + _BLOCK, n)
            _assign(x, first, last, centres, labels[first:last], distances[first:last], shares, buffer)
            _weigh(shares, last - first, item_weights, first)
            _add_means(x, first, last, shares, counts, sums)
        if still or iteration == _LLOYD_ITERATIONS or np.array_equal(labels, before):
            break
        before[:] = labels
        _fill_empty(x, item_weights, labels, distances, counts, sums)
        moved = 0.0
        for k in range(len(centres)):
            for j in range(len(x)):
                at = sums[k, j] / counts[k] if counts[k] > 0 else centres[k, j]
                moved += (at - centres[k, j]) ** 2
                centres[k, j] = at
        counts[:] = 0
        sums[:] = 0
        still = moved <= tolerance
    counts[:] = 0
    sums[:] = 0


@nb.njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _mean_variance(x, item_weights):  # type: ignore[no-untyped-def]
    """Return the weighted variance of the items, averaged over the coordinates."""
    result = 0.0
    for j in range(len(x)):
        total = 0.0
        centre = 0.0
        square = 0.0
        for i in range(x.shape[1]):
            weight = item_weights[i] if len(item_weights) else 1.0
            total += weight
            # about an item, so that nothing cancels where all lie far from zero
            centre += weight * (x[j, i] - x[j, 0])
            square += weight * (x[j, i] - x[j, 0]) ** 2
        result += square / total - (centre / total) ** 2
    return result / len(x)


@nb.njit(cache=True, nogil=True)
def start(x, item_weights, chances, weights, means, covariances, regularisation, first, step):  # type: ignore[no-untyped-def]
    """Write the mixture of each replicate's k-means clusters, seeded by k-means++ with the given uniform numbers."""
    work = _workspace(means.shape[1], means.shape[2])
    shares, _, buffer, _, _, counts, sums, squares = work
    n = x.shape[2]
    labels = np.zeros(n, np.int64)
    for r in range(first, len(x), step):
        tolerance = 1e-4 * _mean_variance(x[r], item_weights)  # scikit-learn's KMeans
        _spread_centres(x[r], item_weights, chances[r], means[r])
        _lloyd(x[r], item_weights, means[r], labels, tolerance, work)
        for begin in range(0, n, _BLOCK):
            end = min(begin + _BLOCK, n)
            for k in range(len(counts)):
                for i in range(end - begin):
                    shares[k, i] = 1.0 if labels[begin + i] == k else 0.0
            _weigh(shares, end - begin, item_weights, begin)
            _add_moments(x[r], begin, end, means[r], shares, counts, sums, squares, buffer)
        _maximise(counts, sums, squares, regularisation, weights[r], means[r], covariances[r])
