"""The product as a whole: a real Asterisk, the real daemon, SMSCs that are not ours."""

import pytest

# What all tables share asserts in a module that is no test module.
pytest.register_assert_rewrite("tests.acceptance.played")
