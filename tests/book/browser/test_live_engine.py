"""Tests of the gradients in the browser: they equal those of the library, and mistakes are detected."""

import http.server
import json
import math
import os
import shutil
import subprocess
import threading
from functools import cache
from pathlib import Path

import pytest
import torch

from docs_ext import live_files
from tutorial_lib import attribution, data, gradients, models, uncertainty

ENGINE = (Path(__file__).parents[3] / "live" / "engine.js").read_text(encoding="utf-8")
TOLERANCE = 1e-9  # of the largest entry
Q = 4

# {name: (JavaScript objective, options besides the label, objective of the library)}; the label of an image is P, its
# prediction, except in the contrastive loss.
OBJECTIVES = {
    "loss of P": ("loss", {}, gradients.cross_entropy),
    "loss of Q": ("loss", {"label": Q}, lambda P: gradients.contrast_loss(Q)),
    "contrast": ("difference", {"contrast": Q}, lambda P: gradients.logit_difference(Q, P)),
    "uniform": ("uniform", {}, lambda P: gradients.kl_from_uniform()),
    "confounding label": ("confounding", {}, lambda P: gradients.confounding_label_loss()),
    "log-odds": ("logOdds", {}, lambda P: gradients.Objective(log_odds_loss, P)),
}
RUN_SCRIPT = """input => {
  const [images, cases] = JSON.parse(input);
  const network = new Live.Network(Live.parseWeights(LIVE_WEIGHTS)), results = {};
  for (const [name, objective, options] of cases)
    results[name] = images.map(image => {
      const z = network.forward(image), chosen = { label: Live.argmax(z), ...options };
      const { value, delta } = Live.OBJECTIVES[objective], d = delta(z, chosen);
      const { input, parameters } = network.backward(d);
      const squares = Live.squaredNorms(parameters);
      return { z: [...z], J: value(z, chosen), input: [...input], cam: [...network.gradCam(d)], squares };
    });
  return JSON.stringify(results);
}"""


def log_odds_loss(z, P):
    """The logsumexp of the other logits, minus the logit of P."""
    others = z.masked_fill(torch.nn.functional.one_hot(P, z.shape[1]).bool(), -math.inf)
    return others.logsumexp(1) - z.gather(1, P[:, None])[:, 0]


@cache
def images():
    """Signs, one of them with another hue and one corrupted, an unknown class, noise, and black."""
    scene = live_files.scene()
    generator = torch.Generator().manual_seed(0)
    return torch.cat(
        [
            data.render(["speed 50"], scene=scene),
            data.render("stop", scene=scene.replace(hue_shift=torch.tensor([1.0]))),
            data.corrupt(data.render("yield", scene=scene), "rain", 4),
            data.render("roundabout", scene=scene),
            torch.rand(1, 3, 48, 48, generator=generator),
            torch.zeros(1, 3, 48, 48),
        ]
    ).double()


def model():
    return models.load("signs/classifier").double()


def evaluate(tab, script, x, *arguments):
    """Return the result of a script that takes images and arguments as JSON, and returns JSON."""
    return json.loads(tab.evaluate(script, json.dumps([x.flatten(1).tolist(), *arguments])))


def run(tab, names=tuple(OBJECTIVES), select=slice(None)):
    """Return the results of the engine: {objective: [{quantity: values} of each image]}."""
    return evaluate(tab, RUN_SCRIPT, images()[select], [[name, *OBJECTIVES[name][:2]] for name in names])


@cache
def expected(name):
    """Return the results of the library for an objective, {quantity: tensor}."""
    network, x = model(), images()
    z = network(x).detach()
    J = OBJECTIVES[name][2](z.argmax(1))
    return {
        "z": z,
        "J": gradients.as_objective(J)(z),
        "input": gradients.input_gradient(network, x, J).flatten(1),
        "squares": gradients.per_sample_gradient_norms(network, x, J).square(),
        "cam": attribution.grad_cam(network, x, "block3", J).flatten(1),
    }


def largest_error(name, results, select=slice(None)):
    """Return the largest difference from the library, relative to the largest entry of the quantity of an image."""
    layers = gradients.layer_names(model())
    errors = []
    for i, result in zip(range(len(images()))[select], results, strict=True):
        assert set(result["squares"]) == set(layers)
        result = result | {"squares": [result["squares"][layer] for layer in layers]}
        for quantity, values in expected(name).items():
            values, ours = values[i], torch.tensor(result[quantity], dtype=torch.float64)
            # NaN, too, is an error.
            errors.append(((ours - values).abs().max() / values.abs().max().clamp(min=1e-30)).nan_to_num(math.inf))
    return max(errors).item()


def write_page(tmp_path):
    """Write a page that loads the engine and the weights from its own folder."""
    (tmp_path / "engine.js").write_text(ENGINE, encoding="utf-8")
    (tmp_path / "weights.js").write_text(live_files.weights_script(), encoding="utf-8")
    scripts = '<script src="engine.js"></script><script src="weights.js"></script>'
    (tmp_path / "page.html").write_text(f"<!doctype html>{scripts}", encoding="utf-8")


def open_page(tab, tmp_path):
    """Open such a page from the folder, without a server."""
    write_page(tmp_path)
    tab.goto((tmp_path / "page.html").as_uri())
    return tab


def assert_equals_library(results):
    errors = {name: largest_error(name, results[name]) for name in OBJECTIVES}
    assert max(errors.values()) < TOLERANCE, errors


def test_engine_equals_library_in_chromium(new_tab, tmp_path):
    assert_equals_library(run(open_page(new_tab(), tmp_path)))


@pytest.mark.slow
def test_engine_equals_library_in_firefox(tmp_path):
    """Firefox opens a page that sends its results to a server of the test, so that no driver is needed."""
    firefox = os.environ.get("FIREFOX") or shutil.which("firefox") or shutil.which("firefox-esr")
    if firefox is None:
        pytest.skip("no Firefox is installed to test the engine; FIREFOX=… names one")
    received, arrived = [], threading.Event()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *args):
            pass

    write_page(tmp_path)
    with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        argument = json.dumps([images().flatten(1).tolist(), [[name, *OBJECTIVES[name][:2]] for name in OBJECTIVES]])
        send = f'fetch("http://127.0.0.1:{server.server_port}/", {{ method: "POST", mode: "no-cors", body: results }});'
        script = f"const results = ({RUN_SCRIPT})({json.dumps(argument)});\n{send}"
        with (tmp_path / "page.html").open("a", encoding="utf-8") as page:
            page.write(f"<script>{script}</script>")
        options = [
            "--headless",
            "--no-remote",
            "--profile",
            str(tmp_path / "profile"),
            (tmp_path / "page.html").as_uri(),
        ]
        (tmp_path / "profile").mkdir()
        process = subprocess.Popen([firefox, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert arrived.wait(300), "Firefox has sent no results"
        finally:
            process.terminate()
            process.wait()
            server.shutdown()
    assert_equals_library(json.loads(received[0]))


def test_engine_takes_same_gradient_steps_as_torch_sgd(new_tab, tmp_path):
    network = model()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    for _ in range(5):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images()[1:2]), torch.tensor([Q])).backward()
        optimizer.step()
    script = """input => {
      const [images, Q] = JSON.parse(input);
      const network = new Live.Network(Live.parseWeights(LIVE_WEIGHTS));
      for (let step = 0; step < 5; step++) {
        const delta = Live.OBJECTIVES.loss.delta(network.forward(images[1]), { label: Q });
        network.step(network.backward(delta).parameters, 1e-3);
      }
      return JSON.stringify(images.map(image => [...network.forward(image)]));
    }"""
    logits = evaluate(open_page(new_tab(), tmp_path), script, images(), Q)
    before, after = model()(images()).detach(), network(images()).detach()
    assert (after - before).abs().max() > 0.1
    assert (torch.tensor(logits, dtype=torch.float64) - after).abs().max() < 1e-11


@pytest.mark.parametrize(("steps", "alpha"), [(1, 1.0), (10, 0.25)])
def test_engine_attacks_equal_library(new_tab, tmp_path, steps, alpha):
    x, eps = images()[1:3], 4 / 255
    adversarial = uncertainty.pgd(model(), x, eps=eps, alpha=alpha * eps, n_steps=steps, random_start=False)
    script = """input => {
      const [images, eps, alpha, steps] = JSON.parse(input);
      const network = new Live.Network(Live.parseWeights(LIVE_WEIGHTS));
      return JSON.stringify(images.map(image => {
        const label = Live.argmax(network.forward(image));
        return [...Live.attack(network, image, { label, eps, alpha, steps }).at(-1)];
      }));
    }"""
    ours = evaluate(open_page(new_tab(), tmp_path), script, x, eps, alpha * eps, steps)
    assert (torch.tensor(ours, dtype=torch.float64) - adversarial.flatten(1)).abs().max() < TOLERANCE


# {mistake: (text of the engine, text with the mistake)}
MISTAKES = {
    "kernels are not rotated": ("* area + area - 1 - k]", "* area + k]"),
    "inputs and outputs are not exchanged": ("[(c * outputs + o) * area", "[(o * inputs + c) * area"),
    "the ReLU has no mask": ("if (!(maps.data[i] > 0)) g.data[i] = 0;", ";"),
    "the mask of the hidden layer is missing": ("maskByRelu(this.gHidden, this.hidden);", ""),
    "the mask includes zero": ("!(maps.data[i] > 0)", "!(maps.data[i] >= 0)"),
    "the mean is not folded": ("beta - this.scale[o] * this.mean[o]", "beta"),
    "the scale is not folded": ("w * this.scale[Math.floor(i / perOutput)]", "w"),
    "weights are folded in single precision": ("this.folded = W.map", "this.folded = Float32Array.from(W).map"),
    "epsilon is wrong": ("EPS = 1e-5", "EPS = 1e-4"),
    "the image is not centered": ("image[p] - 0.5", "image[p]"),
    "pooling passes on the whole gradient": ("g.data[i] / 4", "g.data[i]"),
    "the convolution of the shortcut is missing": ("this.shortcut.backward(this.gy, this.gx);", ""),
    "the identity of the shortcut is missing": ("else this.gx.data.set(this.gy.data);", "else this.gx.data.fill(0);"),
    "gradient of the weight without its scale": ("D[i] *= this.scale[o];", ""),
    "gradient of gamma without the mean": ("(inner - beta[o] * this.mean[o])", "inner"),
    "gradient of gamma without the standard deviation": (
        ") * this.inverseStd[o];\n      }\n      return",
        ");\n      }\n      return",
    ),
    "Grad-CAM is a sum over positions": ("(alpha[k] / this.positions)", "alpha[k]"),
    "the loss keeps its target": ("softmax(z).map((p, c) => p - Number(c === label))", "softmax(z)"),
    "the head has no bias": ("parameters.head = { W, b: Float64Array.from(delta) };", "parameters.head = { W };"),
}


@pytest.mark.slow
def test_planted_mistakes_are_detected(new_tab, tmp_path):
    names, select = ("loss of P",), slice(2, 3)
    undetected = []
    tab = open_page(new_tab(), tmp_path)
    for mistake, (text, wrong) in {"no mistake": ("", ""), **MISTAKES}.items():
        assert text in ENGINE, mistake
        tab.evaluate("source => { (0, eval)(source); }", ENGINE.replace(text, wrong))
        results = run(tab, names, select)
        if max(largest_error(name, results[name], select) for name in names) < TOLERANCE:
            undetected.append(mistake)
    assert undetected == ["no mistake"]
