"""What an optimizer is, found out by asking."""

from __future__ import annotations

import pytest
from identified import Evaluated

from reference import dialects
from suite.identification.identify import identify
from suite.identification.naming import Name


@pytest.mark.parametrize("name", ["torch", "keras3", "mxnet1"])
def test_a_named_dialect_is_named(name):
    found = identify(Evaluated(dialects[name]))
    assert found.miss is None
    assert found.names == [Name(name, {})]
    assert found.survivors.values("epsilon") == [dialects[name].epsilon]
