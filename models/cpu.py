"""What this machine's processor can do."""

from __future__ import annotations

import functools
import platform
from pathlib import Path
from typing import Final

# x86: VNNI in its two forms. Arm: the dot product, which every 64-bit Apple processor has.
_DOT_PRODUCT: Final = frozenset({"avx512_vnni", "avx_vnni", "asimddp"})


def has_dot_product(cpuinfo: str) -> bool:
    """Whether the processor that Linux describes so multiplies signed bytes without overflow and fast."""
    for line in cpuinfo.splitlines():
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return not _DOT_PRODUCT.isdisjoint(flags.split())
    return False


@functools.cache
def dot_product() -> bool:
    """:func:`has_dot_product` of this machine; False where it cannot be found out."""
    try:
        return has_dot_product(Path("/proc/cpuinfo").read_text(errors="replace"))
    except OSError:
        return platform.system() == "Darwin" and platform.machine() == "arm64"
