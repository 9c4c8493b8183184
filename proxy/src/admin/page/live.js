// Looks at stats.json about once a second while somebody can see the page, and keeps the samples of the last minutes.

import { Problem, get } from "./api.js";

const EVERY_MS = 1000;
/** After so many failures in a row the pause between looks has grown to its largest. */
const PAUSES_MS = [1000, 1000, 2000, 4000, 8000];
const KEPT_SAMPLES = 300;

export class Live {
  #timer = 0;
  #looking = false;
  #again = false;
  #asleep = false;
  #failures = 0;
  #uptime = 0;
  #samples = [];
  #told;

  /** `told` has `stats(document, samples)` for what comes and `problem(problem, lastGood)` for what does not. */
  constructor(told) {
    this.#told = told;
    this.lastGood = Date.now();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#rest() : this.look()));
  }

  /** Looks at once. */
  async look() {
    this.#rest();
    this.#again = this.#looking;
    if (this.#looking) return;
    this.#looking = true;
    let stats = null;
    try {
      stats = await this.#take();
      this.#asleep = false;
    } catch (problem) {
      this.#failures += 1;
      // Without another token there is nothing to ask for.
      this.#asleep = problem.status === 401;
      this.#told.problem(problem, this.lastGood);
      if (!(problem instanceof Problem)) throw problem;
    } finally {
      this.#looking = false;
      this.#plan();
    }
    // Outside: a mistake of this page is no silence of the proxy.
    if (stats) this.#told.stats(stats, this.#samples);
  }

  async #take() {
    let stats = await get(this.#path());
    if (stats.uptime_seconds < this.#uptime) {
      // Another process, which numbers its samples from the beginning.
      this.#samples = [];
      stats = await get(this.#path());
    }
    this.#uptime = stats.uptime_seconds ?? 0;
    this.#samples.push(...(stats.history?.samples ?? []));
    this.#samples.splice(0, this.#samples.length - KEPT_SAMPLES);
    this.#failures = 0;
    this.lastGood = Date.now();
    return stats;
  }

  #path() {
    const last = this.#samples.at(-1);
    return last ? `/admin/stats.json?after=${last.n}` : "/admin/stats.json";
  }

  #plan() {
    if (document.hidden || (this.#asleep && !this.#again)) return;
    const pause = this.#failures ? PAUSES_MS[Math.min(this.#failures, PAUSES_MS.length) - 1] : EVERY_MS;
    this.#timer = setTimeout(() => this.look(), this.#again ? 0 : pause);
  }

  #rest() {
    clearTimeout(this.#timer);
  }
}
