// Predictions: the answer to a question is stored in this browser, and shown again beside the measured result.
// Without this script the question is text.
(() => {
  "use strict";
  const unsaved = {}; // answers of this page where the browser stores nothing

  function load(key) {
    try {
      return localStorage.getItem(`prediction ${key}`);
    } catch {
      return unsaved[key] ?? null;
    }
  }

  function save(key, answer) {
    try {
      if (answer === null) localStorage.removeItem(`prediction ${key}`);
      else localStorage.setItem(`prediction ${key}`, answer);
    } catch {
      unsaved[key] = answer;
    }
  }

  function show(key, answer) {
    for (const place of document.querySelectorAll("[data-prediction]"))
      if (place.dataset.prediction === key) place.textContent = answer ?? "none yet";
  }

  function activate(form) {
    const { key, unit } = form.dataset;
    const inputs = [...form.querySelectorAll("input")];
    const status = form.querySelector(".status");

    function report(answer) {
      const choose = inputs[0].type === "number" ? "Give a number" : inputs[0].type === "range" ? "Move the slider" : "Choose an answer";
      status.replaceChildren(`${choose} before you read on.`);
      if (answer !== null) {
        const bold = document.createElement("b");
        bold.textContent = answer;
        status.replaceChildren("Your prediction: ", bold, ". It is shown again beside the measured result.");
      }
      form.classList.toggle("answered", answer !== null);
      show(key, answer);
    }

    const stored = load(key);
    for (const input of inputs) {
      if (input.type === "radio") input.checked = input.value === stored;
      // A browser may have restored what stood here before a reload, which can be another answer than the stored one.
      else if (stored !== null) input.value = stored.slice(0, stored.length - unit.length);
      else input.value = input.defaultValue;
    }
    form.querySelector(".controls").hidden = false;
    report(stored);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => {
      const { type, value } = event.target;
      const answer = type === "radio" ? value : value === "" ? null : value + unit;
      save(key, answer);
      report(answer);
    });
  }

  function start() {
    // Answers that were given on another page are shown as well.
    for (const place of document.querySelectorAll("[data-prediction]")) {
      const answer = load(place.dataset.prediction);
      if (answer !== null) place.textContent = answer;
    }
    document.querySelectorAll("form.prediction").forEach(activate);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
