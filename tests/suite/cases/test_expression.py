"""-k: what an expression selects, and what is said of one that can't be read."""

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
        ("notable", False),  # a name, though it begins with a word of the grammar
        ("((torch))", True),
    ],
)
def test_a_name_matches_texts_that_contain_it_and_operators_work_as_in_python(expression, selected):
    assert Selection.of(expression).matches(TEXT) is selected


def test_it_agrees_with_python_on_every_expression_of_three_names():
    words = ("a", "b", "c")
    for first, second, negated in itertools.product(("and", "or"), ("and", "or"), ("", "not ")):
        for expression in (f"a {first} {negated}b {second} c", f"a {first} {negated}(b {second} c)"):
            selection = Selection.of(expression)
            for there in itertools.product((True, False), repeat=3):
                text = " ".join(word for word, is_there in zip(words, there, strict=True) if is_there)
                truth = {"a": there[0], "b": there[1], "c": there[2]}
                assert selection.matches(text) is bool(eval(expression, {}, truth)), (expression, text)


@pytest.mark.parametrize(
    ("expression", "words"),
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
def test_an_invalid_expression_is_refused_in_one_line_that_says_where(expression, words):
    with pytest.raises(SelectionError) as error:
        Selection.of(expression)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
