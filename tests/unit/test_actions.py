import pytest

from adaptation.action_uses import ActionUse
from adaptation.actions import adapt_task, builtin_actions, load_actions
from adaptation.rules import builtin_rules
from schemas.errors import InputError
from schemas.plan import Task, TaskVariant, TaskVariants
from support.adapting import task

ACTIONS = builtin_actions()
PLENTY = 1440


def adapted(one: Task, action: str, *, minutes_free: int = PLENTY) -> Task | None:
    return adapt_task(one, ActionUse(name=action), ACTIONS, minutes_free=minutes_free)


def what(one: Task | None) -> tuple[int, str, str] | None:
    return None if one is None else (one.duration_minutes, one.intensity, one.category)


def test_every_action_that_a_rule_names_exists() -> None:
    for rule in builtin_rules().rules:
        assert ACTIONS.used(rule.action).direction == ("easier" if rule.kind == "protective" else "harder")


@pytest.mark.parametrize(
    ("minutes", "intensity", "action", "expected"),
    [
        pytest.param(40, "high", "reduce_intensity", (20, "easy", "movement"), id="reduction-halves"),
        pytest.param(45, "high", "reduce_intensity", (22, "easy", "movement"), id="reduction-rounds-down"),
        pytest.param(11, "high", "reduce_intensity", (5, "easy", "movement"), id="reduction-at-the-floor"),
        pytest.param(9, "high", "reduce_intensity", (5, "easy", "movement"), id="reduction-below-the-floor"),
        pytest.param(5, "high", "reduce_intensity", (5, "easy", "movement"), id="five-minutes-stay-five"),
        pytest.param(3, "high", "reduce_intensity", (3, "easy", "movement"), id="three-minutes-stay-three"),
        pytest.param(3, "easy", "reduce_intensity", None, id="nothing-left-to-reduce"),
        pytest.param(90, "high", "switch_to_recovery", (30, "easy", "recovery"), id="recovery-is-short"),
        pytest.param(
            20, "easy", "switch_to_recovery", (20, "easy", "recovery"), id="recovery-is-never-longer"
        ),
        pytest.param(20, "easy", "prioritize_recovery", None, id="easy-tasks-may-stay"),
        pytest.param(20, "moderate", "prioritize_recovery", (20, "easy", "recovery"), id="moderate-recovers"),
        pytest.param(10, "easy", "upgrade", (13, "moderate", "movement"), id="upgrade-of-ten-minutes"),
        pytest.param(45, "moderate", "upgrade", (58, "high", "movement"), id="upgrade-below-the-cap"),
        pytest.param(46, "moderate", "upgrade", (59, "high", "movement"), id="upgrade-just-below-the-cap"),
        pytest.param(47, "moderate", "upgrade", (60, "high", "movement"), id="upgrade-at-the-cap"),
        pytest.param(90, "moderate", "upgrade", (90, "high", "movement"), id="ninety-minutes-stay-ninety"),
        pytest.param(60, "high", "upgrade", None, id="nothing-left-to-upgrade"),
    ],
)
def test_an_action_changes_duration_and_intensity(
    minutes: int, intensity: str, action: str, expected: tuple[int, str, str] | None
) -> None:
    assert what(adapted(task("a", minutes=minutes, intensity=intensity), action)) == expected


@pytest.mark.parametrize(("free", "expected"), [(40, 40), (51, 51), (52, 52), (53, 52)])
def test_an_upgrade_grows_only_into_free_minutes(free: int, expected: int) -> None:
    grown = adapted(task("a", minutes=40), "upgrade", minutes_free=free)
    assert grown is not None
    assert grown.duration_minutes == expected


def test_a_rule_s_parameters_stand_instead_of_the_file_s() -> None:
    one = task("a", minutes=40, intensity="high")
    use = ActionUse(name="reduce_intensity", duration_factor=0.75)
    assert what(adapt_task(one, use, ACTIONS, minutes_free=PLENTY)) == (30, "easy", "movement")
    only = ActionUse(name="reduce_intensity", only_intensities=frozenset({"moderate"}))
    assert adapt_task(one, only, ACTIONS, minutes_free=PLENTY) is None


def test_a_parameter_never_turns_an_action_around() -> None:
    longer = ActionUse(name="reduce_intensity", duration_factor=3.0)
    assert what(adapt_task(task("a"), longer, ACTIONS, minutes_free=PLENTY)) == (40, "easy", "movement")
    shorter = ActionUse(name="upgrade", duration_factor=0.5, intensity_steps=0)
    assert adapt_task(task("a"), shorter, ACTIONS, minutes_free=PLENTY) is None


@pytest.mark.parametrize("name", ["title", "description", "duration_minutes", "intensity"])
def test_a_field_that_the_person_set_stays_as_it_is(name: str) -> None:
    variant = TaskVariant(title="Other", description="Other", duration_minutes=5, intensity="easy")
    variants = TaskVariants(low_energy=variant)
    one = task("a", minutes=40, intensity="high", variants=variants, edited=(name,))
    eased = adapted(one, "reduce_intensity")
    assert eased is not None
    for field in ("title", "description", "duration_minutes", "intensity"):
        assert getattr(eased, field) == getattr(one if field == name else variant, field)


def test_a_variant_of_the_planner_is_taken_and_completed_by_the_action() -> None:
    variants = TaskVariants(low_energy=TaskVariant(title="Walk instead", duration_minutes=15))
    walk = adapted(task("a", minutes=40, intensity="high", variants=variants), "reduce_intensity")
    assert walk is not None
    assert (walk.title, walk.description) == ("Walk instead", "Description of a")
    assert (walk.duration_minutes, walk.intensity, walk.energy_requirement) == (15, "easy", "low")


def test_a_variant_never_turns_an_action_around() -> None:
    longer = TaskVariant(duration_minutes=200, intensity="high")
    shorter = TaskVariant(duration_minutes=5, intensity="easy", title="Other")
    variants = TaskVariants(low_energy=longer, recovery=longer, high_energy=shorter)
    one = task("a", minutes=40, intensity="moderate", variants=variants)
    for action in ("reduce_intensity", "switch_to_recovery", "prioritize_recovery"):
        eased = adapted(one, action)
        assert eased is None or (eased.duration_minutes, eased.intensity) == (40, "moderate")
    assert what(adapted(one, "upgrade")) == (40, "moderate", "movement")


@pytest.mark.parametrize("category", sorted(ACTIONS.kept_categories))
@pytest.mark.parametrize("action", sorted(ACTIONS.actions))
def test_what_the_body_needs_is_kept_unless_its_planner_foresaw_another_version(
    category: str, action: str
) -> None:
    variant = TaskVariant(title="Soup")
    foreseen = TaskVariants(low_energy=variant, high_energy=variant, recovery=variant)
    assert adapted(task("a", category=category), action) is None
    changed = adapted(task("a", category=category, variants=foreseen), action)
    assert changed is not None
    assert changed.title == "Soup"


def test_a_generic_recovery_has_words_for_the_category() -> None:
    by_category = ACTIONS.wordings["recovery"]
    for category in ("work", "movement", "gardening"):
        recovered = adapted(task("a", category=category), "switch_to_recovery")
        assert recovered is not None
        assert recovered.title == by_category.get(category, by_category["default"]).title


def one_action(*lines: str) -> str:
    return "\n".join(
        [
            "version = 1",
            "kept_categories = []",
            "[actions.rest]",
            'variant = "recovery"',
            'tasks = "all"',
            *lines,
        ]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = ", "not TOML"),
        ("version = 2\nkept_categories = []\nactions = {}", "version"),
        (one_action('direction = "sideways"'), "actions.rest.direction"),
        (one_action('direction = "easier"', 'wording = "poem"'), "[wordings.poem.default]"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_actions(text, where="my.toml")
    assert "my.toml" in str(caught.value)
    assert message in str(caught.value)


def test_an_unknown_action_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="prioritize_recovery, reduce_intensity"):
        ACTIONS.named("reduce_intensty")
