"""The laboratory's second configuration: a PBX whose dialplan has the shape of FreePBX 17's."""

from tests.lab.freepbx.generate import configuration

__all__ = ["configuration"]
