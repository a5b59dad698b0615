"""Flips single bits of a proof: each has to be found."""

import copy
import random

from proof import Invalid, check


def places(proof):
    """Paths of all hex values that a signature covers, directly or through a hash. Names of
    organisations are labels and covered by none."""
    found = []

    def walk(value, path):
        if isinstance(value, dict):
            for name in sorted(value):
                if name != "organisation":
                    walk(value[name], path + [name])
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(item, path + [index])
        elif isinstance(value, str) and value.startswith("0x") and len(value) > 2:
            found.append(path)

    walk(proof, [])
    return found


def flipped(proof, path, bit):
    changed = copy.deepcopy(proof)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    digits = list(holder[path[-1]][2:])
    position = len(digits) - 1 - bit // 4
    digits[position] = f"{int(digits[position], 16) ^ (1 << bit % 4):x}"
    holder[path[-1]] = "0x" + "".join(digits)
    return changed


def value_at(proof, path):
    for step in path:
        proof = proof[step]
    return proof


def tamper(proof, anchor, flips, seed):
    """How many flips were found, and the places of those that were not."""
    chance = random.Random(seed)
    all_places = places(proof)
    missed = []
    for round_number in range(flips):
        # each place at least once, then places in proportion to nothing but chance
        path = all_places[round_number] if round_number < len(all_places) else chance.choice(all_places)
        bit = chance.randrange(4 * (len(value_at(proof, path)) - 2))
        try:
            check(flipped(proof, path, bit), copy.deepcopy(anchor))
            missed.append((path, bit))
        except Invalid:
            pass
    return flips - len(missed), missed
