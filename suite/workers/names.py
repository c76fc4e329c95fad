"""Names: of a framework's releases, and of what is asked of whom."""

from __future__ import annotations


def framework_of(name: str) -> str:
    """Whose release a name is of: `mxnet` of `mxnet==2.0.0b1` and of `mxnet`."""
    return name.partition("==")[0]


def words(framework: str, implementation: str, about: str, dtype: str, dialect: str | None) -> str:
    """What an expression selects a row by; a release is found by its framework, and by its own name, which is last."""
    bare = framework_of(framework)
    release = "" if bare == framework else f" {framework}"
    return f"{bare}/{implementation} {about} {dtype} {dialect or ''}{release}"
