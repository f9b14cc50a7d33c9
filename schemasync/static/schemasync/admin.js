"use strict";

// Shows a run while it is at work, without loading the page again: the status is asked for, and put where it stands. On
// the page of a run that it started, the result takes the place of the progress as soon as its process has ended.
{
  const WHILE_RUNNING = 1000; // milliseconds between two looks
  const STARTED = 500; // on the page of a run that was started there
  const OTHERWISE = 5000;

  const panel = document.getElementById("schemasync-overview");
  const box = document.getElementById("schemasync-run");
  const number = new Intl.NumberFormat(document.documentElement.lang || undefined, { maximumFractionDigits: 0 });

  const field = (name) => box.querySelector(`[data-field="${name}"]`);
  const say = (name, text) => {
    const place = field(name);
    if (place.textContent !== text) {
      place.textContent = text;
    }
  };
  const counted = (name, value) => say(name, value === null ? "" : `${number.format(value)} ${field(name).dataset.words}`);

  const showProgress = (run) => {
    const bar = field("progress");
    if (run.total) {
      bar.max = 100;
      bar.value = Math.round((100 * run.done) / run.total);
    } else {
      bar.removeAttribute("value");
    }
  };

  const show = (status) => {
    box.hidden = status.run === null && !panel.dataset.state;
    if (!panel.dataset.state) {
      document.getElementById("schemasync-moved").hidden = !status.generation || status.generation === panel.dataset.live;
    }
    if (status.run === null) {
      return;
    }
    for (const name of ["actor", "phase", "unit", "note"]) {
      say(name, status.run[name]);
    }
    field("count").hidden = !status.run.total;
    say("done", number.format(status.run.done));
    say("total", number.format(status.run.total));
    counted("rate", status.run.rate);
    counted("left", status.run.seconds_left);
    showProgress(status.run);
    field("progress").hidden = status.waits; // it is ready, and its note says for what it waits
    field("left").hidden = status.waits;
  };

  const hasEnded = async () => {
    const answer = await fetch(panel.dataset.state, { headers: { Accept: "application/json" } });
    return answer.ok && !answer.redirected && !(await answer.json()).at_work;
  };

  const look = async () => {
    let wait = panel.dataset.state ? STARTED : OTHERWISE;
    try {
      if (panel.dataset.state && (await hasEnded())) {
        window.location.replace(window.location.href);
        return;
      }
      const answer = await fetch(panel.dataset.status, { headers: { Accept: "application/json" } });
      if (answer.ok && !answer.redirected) {
        const status = await answer.json();
        show(status);
        wait = status.run === null ? wait : Math.min(wait, WHILE_RUNNING);
      }
    } catch {
      // the server is away for a moment: the next look finds it
    }
    window.setTimeout(look, wait);
  };

  if (panel !== null && box !== null) {
    document.getElementById("schemasync-reload").hidden = true;
    look();
  }
}
