"""The product: who is texted, why, and what became of the text."""

__version__ = "0.1.0"
