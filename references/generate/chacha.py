"""The random numbers of `optlab_core::random`: ChaCha with 8 rounds, and Box and Muller's normal numbers."""

import math
import struct


def words(key):
    """Yields the 32-bit words of ChaCha8 (Bernstein, 2008) for a key of 32 bytes, from block 0 on."""
    constants = struct.unpack("<4I", b"expand 32-byte k")
    key = struct.unpack("<8I", key)
    block = 0
    while True:
        start = [*constants, *key, block & 0xFFFFFFFF, block >> 32, 0, 0]
        state = list(start)

        def quarter(a, b, c, d):
            for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                state[x] = (state[x] + state[y]) & 0xFFFFFFFF
                mixed = state[z] ^ state[x]
                state[z] = ((mixed << turn) | (mixed >> (32 - turn))) & 0xFFFFFFFF

        for _ in range(4):
            for column in range(4):
                quarter(column, 4 + column, 8 + column, 12 + column)
            for diagonal in range(4):
                quarter(diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4)
        for word, first in zip(state, start):
            yield (word + first) & 0xFFFFFFFF
        block += 1


class Random:
    """The stream of `random::stream(seed, purpose, index)`."""

    def __init__(self, seed, purpose, index):
        self.words = words(struct.pack("<4Q", seed, purpose, index, 0))

    def unit(self):
        low, high = next(self.words), next(self.words)
        return ((high << 32 | low) >> 11) / 2**53

    def normal(self):
        radius = math.sqrt(-2.0 * math.log(1.0 - self.unit()))
        return radius * math.cos(math.tau * self.unit())
