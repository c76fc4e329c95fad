"""The expressions of `-k`: what they select, and the error messages for invalid ones."""

from __future__ import annotations

import itertools

import pytest

from suite.cases.expression import Selection, SelectionError

TEXT = "torch/builtin decades/schedule-momentum float32 torch"


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ("", True),
        ("torch", True),
        ("TORCH/built", True),
        ("decades/schedule", True),
        ("tensorflow", False),
        ("not tensorflow", True),
        ("torch and float64", False),
        ("torch and float32", True),
        ("mxnet or float32", True),
        ("mxnet or torch and float64", False),
        ("(mxnet or torch) and float32", True),
        ("not (mxnet or torch)", False),
        ("not not torch", True),
        ("not mxnet and not float64", True),
        ("notable", False),  # a name, although it begins with an operator
        ("((torch))", True),
    ],
)
def test_an_expression_selects_texts_that_contain_its_names(expression, selected):
    assert Selection.of(expression).matches(TEXT) is selected


def test_every_expression_of_three_names_is_evaluated_as_in_python():
    names = ("a", "b", "c")
    for first, second, negated in itertools.product(("and", "or"), ("and", "or"), ("", "not ")):
        for expression in (f"a {first} {negated}b {second} c", f"a {first} {negated}(b {second} c)"):
            selection = Selection.of(expression)
            for present in itertools.product((True, False), repeat=3):
                text = " ".join(name for name, is_present in zip(names, present, strict=True) if is_present)
                values = dict(zip(names, present, strict=True))
                assert selection.matches(text) is bool(eval(expression, {}, values)), (expression, text)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("torch and", "ends where a name, 'not' or '(' is expected"),
        ("and torch", "has 'and' at column 1, where a name, 'not' or '(' is expected"),
        ("torch mxnet", "has 'mxnet' at column 7, where 'and', 'or' or the end is expected"),
        ("(torch", "ends where 'and', 'or' or ')' is expected"),
        ("torch)", "has ')' at column 6, where 'and', 'or' or the end is expected"),
        ("not", "ends where"),
        ("()", "has ')' at column 2"),
    ],
)
def test_an_invalid_expression_is_refused_with_its_position_in_one_line(expression, message):
    with pytest.raises(SelectionError) as error:
        Selection.of(expression)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
