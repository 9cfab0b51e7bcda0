"""Tests of the benchmarks: implementations agree, stored measurements are consistent, the report is current."""

import importlib.util
import json

import pytest
import torch

from benchmarks import (
    attacks,
    attribution,
    busy_machine,
    gradients,
    independence,
    live_exhibits,
    rendering,
    timing,
    uncertainty,
)
from benchmarks.report import RESULTS, format_row, format_rows, merge, table
from benchmarks.timing import ratio, time_interleaved
from tutorial_lib.gradients import skip_independence_check


def test_benchmark_report_is_up_to_date():
    assert (RESULTS / "TABLE.md").read_text() == table()


def test_benchmark_report_marks_missed_targets(tmp_path):
    machine = {"processor": "a machine", "threads": "1", "torch": "2", "python": "3"}
    rows = [
        {"what": "fast", "measured": 5.0, "unit": "×", "target": 4.5, "least": True, "met": True},
        {"what": "slow", "measured": 3.0, "unit": "s", "target": 1 / 3, "least": False, "met": False},
        {"what": "plain", "measured": 0.123456, "unit": "ms"},
    ]
    run = {"subject": "rendering", "machine": machine, "date": "2026-01-01", "rounds": 7, "rows": rows}
    (tmp_path / "rendering-cpu-1-threads.json").write_text(json.dumps(run))
    markdown = table(tmp_path).replace("\u00a0", " ")
    assert "| fast | 5.00 × | ≥ 4.5, met |" in markdown and "| slow | 3 s | ≤ 0.333, **missed** |" in markdown
    assert "| plain | 0.123 ms |  |" in markdown and "a machine, 1 thread;" in markdown


@pytest.mark.parametrize(("measured", "shown"), [(1.0041, "1.004"), (0.996, "1.00"), (1.25, "1.25")])
def test_benchmark_report_shows_that_a_ratio_misses_its_target(measured, shown):
    row = {"what": "a", "measured": measured, "unit": "×", "target": 1, "least": False, "met": measured <= 1}
    assert format_row(row)["measured"] == f"{shown}\u00a0×"


def test_benchmark_report_omits_empty_columns_and_keeps_digits():
    rows = [{"what": "a", "measured": 1.2, "unit": "s"}, {"what": "b", "measured": -0.0078, "unit": "MB"}]
    assert [line.replace("\u00a0", " ") for line in format_rows(rows)] == [
        "| what | measured |",
        "|---|---|",
        "| a | 1.20 s |",
        "| b | −0.0078 MB |",
    ]


def test_benchmark_merge_keeps_median_and_range_of_processes(tmp_path):
    def rows(*measured):
        return [{"what": w, "measured": m, "unit": "×", "target": 2, "least": True, "met": True} for w, m in measured]

    merged = merge([rows(("a", 1.0), ("b", 5.0)), rows(("a", 3.0), ("b", 6.0)), rows(("a", 1.5), ("b", 2.0))])
    assert [(row["measured"], row["low"], row["high"], row["met"]) for row in merged] == [
        (1.5, 1.0, 3.0, False),
        (5.0, 2.0, 6.0, True),
    ]
    assert "low" not in merge([rows(("a", 1.0))])[0], "one process has no range"
    run = {
        "subject": "rendering",
        "machine": {"processor": "p", "threads": "2", "torch": "2", "python": "3"},
        "rows": merged,
    }
    (tmp_path / "world.json").write_text(json.dumps({**run, "date": "2026-01-01", "rounds": 7, "processes": 3}))
    markdown = table(tmp_path).replace("\u00a0", " ")
    assert "| a | 1.50 × | 1.00 to 3.00 | ≥ 2, **missed** |" in markdown
    assert "medians of 7 rounds; processes with a warm allocator: 3." in markdown


def test_fastest_returns_method_with_shortest_median_time(monkeypatch):
    seconds = {"slow": [2.0, 3.0, 2.0], "fast": [1.0, 9.0, 1.0]}
    monkeypatch.setattr(timing, "time_interleaved", lambda ways, rounds, device: {name: seconds[name] for name in ways})
    assert timing.fastest(dict.fromkeys(seconds), torch.device("cpu"), rounds=3) == "fast"


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*.json")), ids=lambda file: file.stem)
def test_benchmark_results_met_flags_follow_from_measurements(file):
    for row in json.loads(file.read_text())["rows"]:
        if "target" in row:
            assert row["met"] == (
                row["measured"] >= row["target"] if row["least"] else row["measured"] <= row["target"]
            )


def test_time_interleaved_alternates_between_methods():
    order = []
    seconds = time_interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3, torch.device("cpu"))
    assert order == ["a", "b"] * 4 and len(seconds["a"]) == 3
    assert ratio({"a": [2.0, 9.0, 4.0], "b": [1.0, 3.0, 2.0]}, "a", "b") == 2


def test_busy_processes_run_inside_the_block_only():
    with pytest.raises(ZeroDivisionError), busy_machine.busy_processes(2) as processes:
        assert len(processes) == 2 and all(process.poll() is None for process in processes)
        raise ZeroDivisionError
    assert all(process.poll() is not None for process in processes)


def test_benchmark_gradient_norm_methods_agree():
    norms = [way() for name, way in gradients.norm_methods(n=2).items() if name != "forward and backward"]
    assert len(norms) == 3, "BackPACK is in the extra `test`"
    for other in norms[1:]:
        assert torch.allclose(other.sort(1).values, norms[0].sort(1).values, rtol=1e-3)


def test_benchmark_independence_methods_return_same_values_with_and_without_check():
    model, shape = independence.networks()["sign classifier, 48×48 pixels"]
    for way in independence.methods(model, torch.rand(4, *shape)).values():
        assert torch.equal(way(), skip_independence_check()(way)())


def test_benchmark_attribution_methods_agree(monkeypatch):
    monkeypatch.setattr(attribution, "SIDE", 64)
    ways = attribution.cams(1)
    for peer in ("captum LayerGradCam", "torch-cam GradCAM"):
        torch.testing.assert_close(ways[peer](), ways["grad_cam"](), rtol=1e-3, atol=1e-5)
    ways = attribution.contrasts(2)
    torch.testing.assert_close(ways["one Jacobian"](), ways["a pass each"](), rtol=1e-2, atol=1e-5)
    ways = attribution.smoothing_methods(1, samples=2)
    maps = {name: way().detach() for name, way in ways.items()}
    torch.testing.assert_close(maps["captum IntegratedGradients"], maps["integrated_gradients"], rtol=1e-2, atol=1e-5)
    assert maps["captum NoiseTunnel"].shape == maps["smoothgrad"].shape
    closed, *passes = (way() for way in attribution.introspection(1).values())
    for features in passes:
        torch.testing.assert_close(closed, features, rtol=1e-3, atol=1e-5)


def test_benchmark_confounding_norm_methods_agree():
    ways = uncertainty.norm_methods(3)
    tensors = ways["confounding_norms"]()
    assert tensors.shape[0] == 3 and tensors.shape[1] == 59
    torch.testing.assert_close(tensors.sum(1), ways["pytorch-ood GradUncertainty"](), rtol=1e-3, atol=1e-4)
    ways = uncertainty.label_methods(2)
    torch.testing.assert_close(ways["label_norms"]()[:10], ways["ten passes"](), rtol=1e-2, atol=1e-4)


def require_torchattacks():
    """Skip the test without torchattacks, whose pin of ``requests`` conflicts with other packages."""
    if importlib.util.find_spec("torchattacks") is None:
        pytest.skip("torchattacks is not installed: pip install --no-deps torchattacks")


def test_benchmark_pgd_implementations_agree():
    require_torchattacks()
    images = {name: way() for name, way in attacks.steps(2).items()}
    assert len(images) == 3
    for other in images.values():
        # The sign of a gradient near zero may depend on the order of additions.
        assert ((other - images["pgd"]).abs() < 1e-6).double().mean() > 0.99


def test_benchmark_minimal_attacks_are_no_worse_than_foolbox():
    require_torchattacks()
    model, x, y = attacks.sign_images(2)
    ways = attacks.minimal_attacks(2, searches=3, tries=20)
    assert len(ways) == 5
    rates = {name: attacks.success_rates(way(), model, x, y) for name, way in ways.items()}
    for ours, other in (("deepfool", "foolbox DeepFool"), ("carlini_wagner", "foolbox Carlini-Wagner")):
        assert rates[ours][0] >= rates[other][0] and rates[ours][1] <= 1.02 * rates[other][1]


def test_benchmark_rendering_measures_every_row(monkeypatch):
    monkeypatch.setattr(rendering, "N_IMAGES", 2)
    rows = rendering.run(torch.device("cpu"), 1)
    assert len(rows) == 15 and all(row["measured"] > 0 for row in rows) and rows[0]["target"] == 2


@pytest.mark.slow
def test_benchmark_live_exhibits_measures_every_row(chromium_path, monkeypatch):
    for name, count in {"N_WARM_UP": 1, "N_UPDATES": 1, "N_EVENTS": 1, "N_BEFORE": 1, "N_MEMORY": 2}.items():
        monkeypatch.setattr(live_exhibits, name, count)
    rows = live_exhibits.run(torch.device("cpu"), 1)
    assert len({row["what"] for row in rows}) == len(rows) == 12
    assert all(row["measured"] > 0 for row in rows if row["unit"] in ("kB", "1/s"))
