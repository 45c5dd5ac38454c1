"""What belongs to one request is brought together, once, whichever part of it comes first."""

from __future__ import annotations

import msgspec

import sampled
from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.pipeline.reading import Reading
from proxy.records import Capture, Case, Compared, Message, Rows


def reading(counter: sampled.Counter | None = None) -> Reading:
    """Give a reading that calls answers apart when they are not equal."""
    counter = counter or sampled.Counter()
    return Reading(
        Decoder(Payload(), Redact()),
        compare=sampled.compared,
        meter=counter,
        keeper=counter,
    )


def taken(one: Reading, *captures: Capture, has_shadow: bool = True) -> list[object]:
    """Give all that monitors would observe."""
    return [value for it in captures for value in one.take(it, has_shadow=has_shadow)]


def test_the_shadows_answer_meets_the_question_of_the_exchange_it_copies() -> None:
    """While traffic is mirrored both models' answers become cases of the same question, once."""
    shadow = msgspec.structs.replace(sampled.capture(8, [0.1], pair_id=7), request=None)
    found = taken(reading(), sampled.capture(7, [0.9]), shadow, shadow)
    cases = [value for value in found if isinstance(value, Case)]
    assert [case.output.exchange_id for case in cases] == [7, 8]
    assert cases[0].input == cases[1].input


def test_a_question_is_kept_only_while_a_shadow_may_answer_it() -> None:
    """Without one, a late copy meets no question; the answer with its own question does."""
    shadow = msgspec.structs.replace(sampled.capture(8, [0.1], pair_id=7), request=None)
    found = taken(reading(), sampled.capture(7, [0.9]), shadow, has_shadow=False)
    assert [case.output.exchange_id for case in found if isinstance(case, Case)] == [7]


def test_a_capture_that_comes_twice_is_read_once() -> None:
    """A relay that is unsure whether it was heard may say it again."""
    counter = sampled.Counter()
    one = reading(counter)
    assert [type(it) for it in taken(one, sampled.capture(1, [0.5]))] == [Rows, Rows, Case]
    assert taken(one, sampled.capture(1, [0.5])) == []
    assert counter.results.count("input/decoded") == 1


def test_how_a_sampled_answer_arrived_is_told_once() -> None:
    """The meter hears of each answer, with its timings when it came in pieces, read or not."""
    counter = sampled.Counter()
    event = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
    stream = Message({"content-type": "text/event-stream"}, event, True, ((1.1, 0),))
    cut = msgspec.structs.replace(
        sampled.capture(2, None), target="/v1/chat/completions", request=None, response=stream
    )
    taken(reading(counter), sampled.capture(1, [0.5]), cut)
    assert [number for number, _ in counter.arrivals] == [1, 2]
    assert counter.arrivals[0][1] == []
    assert "ttft_s" in counter.arrivals[1][1]


def test_the_answers_of_both_models_become_a_pair_in_either_order() -> None:
    """Whichever answer comes first, the pair names candidate and stable rightly."""
    own, copied = sampled.capture(7, [0.9]), sampled.capture(8, [0.1], pair_id=7)
    for captures in ((own, copied), (copied, own)):
        counter = sampled.Counter()
        found = taken(reading(counter), *captures)
        pairs = [value.pair for value in found if isinstance(value, Compared)]
        assert [(pair.candidate.values, pair.stable.values) for pair in pairs] == [
            (([0.9],), ([0.1],))
        ]
        assert counter.results.count("differ") == 1


def test_an_answer_whose_other_half_does_not_come_is_forgotten() -> None:
    """A copy that comes a minute later meets nobody."""
    one = reading()
    taken(one, sampled.capture(7, [0.9]))
    one.expire(100.0)
    found = taken(one, sampled.capture(8, [0.1], pair_id=7))
    assert not [value for value in found if isinstance(value, Compared)]


def test_an_answer_waits_for_a_shadow_only_while_there_is_one() -> None:
    """Else the answers of a minute would be held for nobody; what waited before is still found."""
    one = reading()
    taken(one, sampled.capture(7, [0.9]))
    taken(one, sampled.capture(9, [0.9]), has_shadow=False)
    late = [sampled.capture(8, [0.1], pair_id=7), sampled.capture(10, [0.1], pair_id=9)]
    found = taken(one, *late, has_shadow=False)
    assert [value.pair.pair_id for value in found if isinstance(value, Compared)] == [7]
