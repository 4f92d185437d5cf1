"""PyTorch's random numbers on the CPU, without PyTorch: what keyed watermarks draw their secret choices from.

``torch.Generator`` on the CPU is the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded with the low 32
bits of its seed; ``torch.randperm`` is a Fisher-Yates shuffle that swaps place i with place i + (word mod (n - i));
``torch.randint(0, 2)`` is the low bit of each word. All three are reproduced here bit for bit, and a watermark is read
several times faster than through PyTorch, because only the places of the tokens in question are followed. Graphics
cards draw other numbers; for text marked on one the same questions go to PyTorch on such a device.
"""

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

LOW_32_BITS = 0xFFFF_FFFF
"""What the generator on the CPU keeps of a seed: seeds that agree in these bits give the same numbers."""


def random_bits(count: int, seed: int, device: str = "cpu") -> NDArray[np.int64]:
    """Return ``torch.randint(0, 2, (count,))`` for a seed.

    Args:
        count: numbers wanted.
        seed: seed of the generator.
        device: kind of device whose generator is used; any other than ``cpu`` needs PyTorch and the device.
    """
    if device == "cpu":
        return (_words(np.uint32(seed & LOW_32_BITS), count) & np.uint32(1)).astype(np.int64)
    torch, generator = _torch_generator(device)
    generator.manual_seed(seed)
    return torch.randint(0, 2, (count,), generator=generator, device=device).cpu().numpy()


def permutation(n: int, seed: int, device: str = "cpu") -> NDArray[np.int64]:
    """Return ``torch.randperm(n)`` for a seed; arguments as in :func:`random_bits`."""
    if device == "cpu":
        return _shuffle(n, np.uint32(seed & LOW_32_BITS))
    torch, generator = _torch_generator(device)
    generator.manual_seed(seed)
    return torch.randperm(n, generator=generator, device=device).cpu().numpy()


def places(
    seeds: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    items: NDArray[np.int64],
    n: int,
    first: int,
    device: str = "cpu",
) -> NDArray[np.int64]:
    """Return where items stand in ``torch.randperm(n)``, each asked of one seed.

    Args:
        seeds: one seed per permutation.
        offsets: where the items of each seed begin, and the number of items: one entry more than there are seeds.
        items: the items, 0 <= item < n.
        n: length of the permutations.
        first: how many places at the beginning are told apart.
        device: as in :func:`random_bits`.

    Returns:
        The place of each item, or ``first`` for every place from there on.
    """
    if device == "cpu":
        return _places((seeds & np.uint64(LOW_32_BITS)).astype(np.uint32), offsets, items, n, first)
    found = np.empty(len(items), dtype=np.int64)
    place = np.empty(n, dtype=np.int64)
    for i, seed in enumerate(seeds.tolist()):
        place[permutation(n, seed, device)] = np.arange(n)
        found[offsets[i] : offsets[i + 1]] = place[items[offsets[i] : offsets[i + 1]]]
    return np.minimum(found, first)


def _torch_generator(device: str) -> tuple[Any, Any]:
    import torch

    return torch, torch.Generator(device=device)


# Numba infers the types of the kernels' arguments, so they carry no annotations. It computes in 64 bits; storing into
# an array of 32 bits cuts off the rest.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _words(seed, count):  # type: ignore[no-untyped-def]
    """Return the first words of MT19937 for a seed, tempered."""
    state = np.empty(624, dtype=np.uint32)
    state[0] = seed
    for i in range(1, 624):
        before = state[i - 1]
        state[i] = np.uint64(1812433253) * (before ^ (before >> np.uint32(30))) + np.uint64(i)
    words = np.empty(count, dtype=np.uint32)
    for begin in range(0, count, 624):
        for i in range(624):
            following = state[i + 1] if i < 623 else state[0]
            y = (state[i] & np.uint32(0x80000000)) | (following & np.uint32(0x7FFFFFFF))
            far = state[i + 397] if i < 227 else state[i - 227]
            state[i] = far ^ (y >> np.uint32(1)) ^ ((y & np.uint32(1)) * np.uint32(0x9908B0DF))
        for i in range(min(624, count - begin)):
            y = state[i]
            y ^= y >> np.uint32(11)
            y ^= (y << np.uint32(7)) & np.uint32(0x9D2C5680)
            y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
            words[begin + i] = y ^ (y >> np.uint32(18))
    return words


@nb.njit(cache=True, nogil=True)
def _shuffle(n, seed):  # type: ignore[no-untyped-def]
    """Return the permutation of ``torch.randperm(n)``."""
    words = _words(seed, max(n - 1, 0))
    order = np.arange(n)
    for i in range(n - 1):
        other = i + np.int64(words[i] % np.uint32(n - i))
        order[i], order[other] = order[other], order[i]
    return order


@nb.njit(cache=True, nogil=True)
def _places(seeds, offsets, items, n, first):  # type: ignore[no-untyped-def]
    """Follow each item through the swaps instead of shuffling everything."""
    found = np.empty(len(items), dtype=np.int64)
    steps = min(first, n - 1)
    others = np.empty(steps, dtype=np.int64)
    for row in range(len(seeds)):
        words = _words(seeds[row], steps)
        for i in range(steps):
            others[i] = i + np.int64(words[i] % np.uint32(n - i))
        for k in range(offsets[row], offsets[row + 1]):
            place = items[k]
            for i in range(steps):
                if place == i:
                    place = others[i]
                    if place == i:
                        break
                elif place == others[i]:
                    place = i
                    break
            found[k] = min(place, first)
    return found
