"""Which attacks are also put to the levels below the best one: those that the walls themselves must stop."""

from __future__ import annotations

from enemies import Attack
from enemies.channels import CHANNELS
from enemies.escapes import ENVIRONMENT, FILES, LEGACIES, NETWORK, PROCESSES, legacy
from enemies.exhaustion import CRASHES, DESCRIPTORS, DISK, MEMORY
from enemies.exhaustion import PROCESSES as BOMBS
from enemies.exits import EXITS
from enemies.lies import LIES
from enemies.patches import PEEKS
from enemies.system_calls import CALLS

ESCAPING: list[Attack] = [
    *(enemy for enemy in NETWORK if "PORT" not in enemy.source),
    *FILES,
    *ENVIRONMENT,
    *PROCESSES,
    *CALLS,
    *(enemy for name in LEGACIES for enemy in legacy(name)),
]

# What does not depend on the level is only sampled.
SELECTED: list[Attack] = [
    *(enemy for enemy in EXITS[::5] if "stops" not in enemy.name),
    *LIES[::5],
    *CHANNELS[::5],
    *PEEKS,
    *ESCAPING,
    *BOMBS[:4],
    *DISK,
    *DESCRIPTORS,
    *MEMORY[:3],
    *CRASHES[-4:],
]
