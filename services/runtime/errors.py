"""Errors, by what the loop may do about them."""


class RuntimeFault(Exception):  # noqa: N818 - a family, not an error of its own
    """Base of what the runtime raises on purpose."""


class Unavailable(RuntimeFault):
    """A dependency does not answer: keep the place, wait, try again."""


class Conflict(RuntimeFault):
    """Somebody else remembered another state of this partition: load it again."""


class Fatal(RuntimeFault):
    """Go no further: the process ends, and a supervisor starts it again."""


class Unusable(Fatal):
    """The brokers, Redis or a pack are not as they must be (exit code 3)."""
