"""What a fold says is put into words when somebody looks; a day is its zone's."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from schemas.checks import ReleaseStale
from schemas.envelope import Output
from schemas.fold import Said, later
from schemas.regimes import ZONES, day_in


def test_what_is_said_is_put_into_words_once_and_only_for_who_looks() -> None:
    spoken: list[str] = []

    @later
    def say(name: str) -> Output:
        spoken.append(name)
        event = ReleaseStale(order_source="s", order_id=name, decision_id="d")
        return Output("t", name, name, event)

    said = Said([say("a"), say("b")])
    assert len(said) == 2
    assert spoken == []

    assert [each.id for each in said] == ["a", "b"]
    assert said[1].key == "b"
    assert spoken == ["a", "b"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(ZONES)),
            st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        ),
        max_size=8,
    )
)
def test_a_day_does_not_depend_on_what_was_asked_before(
    asked: list[tuple[str, datetime]],
) -> None:
    for regime, moment in asked:
        assert day_in(regime, moment) == moment.astimezone(ZONES[regime]).date()
