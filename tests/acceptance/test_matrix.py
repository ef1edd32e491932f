"""Every row of the call matrix on a real Asterisk, through the real daemon, to SMSCs not ours.

The table is `tests/lab/matrix.py`; what must hold of its rows is in `tests/acceptance/played.py`.
Each version of Asterisk and each SMSC is met; not each with each, as neither knows of the other.
"""

from __future__ import annotations

import pytest

from tests.acceptance.played import Matrix, played
from tests.lab.matrix import ROWS

__all__ = ["played"]  # the fixture of the classes
pytestmark = [pytest.mark.asterisk, pytest.mark.smsc, pytest.mark.timeout(300)]


class TestMatrixWithNodeSmpp(Matrix):
    """npm's `smpp`: ids in hex, receipts with the same number in decimal."""

    table = ROWS
    version = "22"
    peer = "node"


class TestMatrixWithPerlNetSmpp(Matrix):
    """Debian's Net::SMPP: receipts of text only."""

    table = ROWS
    version = "22"
    peer = "perl"


class TestMatrixOnAsterisk16(Matrix):
    """The oldest Asterisk the product is for; its event filters are of the old kind."""

    table = ROWS
    version = "16"
    peer = "node"
