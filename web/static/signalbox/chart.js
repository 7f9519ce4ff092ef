// A candlestick chart on a canvas: keeps bars, marks and the view, and answers to pointer, wheel and keys.

import { followHands } from './chart-hands.js';
import { layout, paint } from './chart-paint.js';
import { Calendar, extent, placed, withLines } from './chart-scale.js';

const NARROWEST = 1.5;
const WIDEST = 48;
const BLANK_BARS = 3; // empty room kept to the right of the newest bar
const OLDER_WITHIN = 20; // bars from the left end at which more history is asked for
const COLOURS = {
  ink: '--ink', muted: '--muted', line: '--line', grid: '--grid', surface: '--surface',
  up: '--up', down: '--down', onMark: '--on-mark',
  series1: '--series-1', series2: '--series-2', series3: '--series-3', series4: '--series-4',
};

/**
 * `onCursor(index|null, byKeyboard)` follows the crosshair, `onNeedOlder()` asks for bars before the first.
 * Bars are `{time (ms), open, high, low, close, volume}`, ascending; marks are signals `{time (ms), side, …}`.
 */
export class CandleChart {
  #canvas;
  #context;
  #onCursor;
  #onNeedOlder;
  #bars = [];
  #signals = [];
  #marks = new Map();
  #lines = [];
  #decimals = 2;
  #calendar = new Calendar('UTC', '1D');
  #step = 8;
  #ahead = BLANK_BARS; // bars between the newest one and the right edge; below zero when scrolled back
  #cursor = null;
  #cursorY = null;
  #theme = {};
  #frame = 0;
  #showTools;

  constructor(canvas, { onCursor = () => {}, onNeedOlder = () => {} } = {}) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d');
    this.#onCursor = onCursor;
    this.#onNeedOlder = onNeedOlder;
    this.#readTheme();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#readTheme());
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#showTools = followHands(canvas, this);
  }

  get bars() {
    return this.#bars;
  }

  /** Shows another series from its newest bar on. */
  show(bars, { decimals, timezone, resolution }) {
    this.#bars = bars;
    this.#decimals = decimals;
    this.#calendar = new Calendar(timezone, resolution);
    this.#ahead = BLANK_BARS;
    this.#moveCursor(null);
    this.#placeMarks();
    this.#draw();
  }

  /** Takes the newest page of the same series again without moving what is seen. */
  merge(page) {
    if (!page.length) return;
    const newest = this.#bars.at(-1)?.time ?? -Infinity;
    // Away for longer than a page: what lies between is unknown, so nothing older can be kept beside it.
    const kept = newest < page[0].time ? [] : this.#bars.filter((bar) => bar.time < page[0].time);
    const later = this.#bars.filter((bar) => bar.time > page.at(-1).time);
    const added = [...page, ...later].filter((bar) => bar.time > newest).length;
    const under = this.#bars[this.#cursor]?.time;
    this.#bars = [...kept, ...page, ...later];
    if (this.#ahead < 0) this.#ahead -= added;
    const index = under === undefined ? -1 : this.#bars.findIndex(({ time }) => time === under);
    this.#moveCursor(index < 0 ? null : index, this.#cursorY);
    this.#placeMarks();
    this.#draw();
  }

  /** Puts older bars in front without moving what is seen. */
  prepend(older) {
    const first = this.#bars[0]?.time ?? Infinity;
    const fresh = older.filter((bar) => bar.time < first);
    this.#bars = [...fresh, ...this.#bars];
    if (this.#cursor !== null) this.#cursor += fresh.length;
    this.#placeMarks();
    this.#draw();
    return fresh.length;
  }

  /** Takes a live bar: the forming one again, or a new one. */
  update(bar) {
    const last = this.#bars.at(-1);
    if (!last || bar.time > last.time) {
      this.#bars.push(bar);
      if (this.#ahead < 0) this.#ahead -= 1;
      this.#placeMarks();
    } else {
      const index = this.#bars.findLastIndex((known) => known.time === bar.time);
      if (index >= 0) this.#bars[index] = bar;
    }
    this.#onCursor(this.#cursor, false);
    this.#draw();
  }

  setMarks(signals) {
    this.#signals = signals;
    this.#placeMarks();
    this.#draw();
  }

  /**
   * Draws lines `{name, values: Map of bar time (ms) to number or null}`: over the candles what moves where prices do,
   * the rest in a strip below.
   */
  setLines(lines) {
    this.#lines = lines;
    this.#draw();
  }

  /** `{name, value, isBelow}` of each line at the bar with this index; those in the strip below are no prices. */
  linesAt(index) {
    return placed(this.#lines, this.#bars).map(({ name, values, isBelow }) => ({ name, isBelow, value: values[index] ?? null }));
  }

  /** The signals that belong to the bar at `index`. */
  signalsAt(index) {
    return this.#marks.get(index)?.signals ?? [];
  }

  #placeMarks() {
    this.#marks = new Map();
    const indexes = new Map(this.#bars.map((bar, index) => [bar.time, index]));
    for (const signal of this.#signals) {
      const index = indexes.get(signal.time);
      if (index === undefined) continue;
      const mark = this.#marks.get(index) ?? { sides: new Set(), signals: [] };
      mark.sides.add(signal.side);
      mark.signals.push(signal);
      this.#marks.set(index, mark);
    }
  }

  #readTheme() {
    const style = getComputedStyle(this.#canvas);
    for (const [name, property] of Object.entries(COLOURS)) {
      this.#theme[name] = style.getPropertyValue(property).trim();
    }
    this.#draw();
  }

  #resize() {
    const ratio = devicePixelRatio || 1;
    this.#canvas.width = Math.round(this.#canvas.clientWidth * ratio);
    this.#canvas.height = Math.round(this.#canvas.clientHeight * ratio);
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#draw();
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      const scene = this.#scene();
      this.#showTools({ hasBars: Boolean(scene), isAway: scene !== null && scene.last < scene.bars.length - 1 });
      if (scene) paint(this.#context, scene);
      else this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    });
  }

  #scene() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const bars = this.#bars;
    if (!bars.length || width < 60) return null;
    const newest = bars.length - 1;
    const last = Math.min(newest, Math.max(0, Math.ceil(newest + this.#ahead)));
    const lines = placed(this.#lines, bars);
    const plot = layout(this.#context, {
      width, height, widest: extent(bars).high, decimals: this.#decimals, hasStrip: lines.some(({ isBelow }) => isBelow),
    });
    const xOf = (index) => plot.right - (newest - index + this.#ahead + 0.5) * this.#step;
    const first = Math.min(last, Math.max(0, Math.round(newest + this.#ahead - plot.right / this.#step)));
    const range = withLines(extent(bars.slice(first, last + 1)), lines, first, last);
    const perUnit = (plot.bottom - plot.top) / (range.high - range.low);
    const yOf = (given) => plot.top + (range.high - given) * perUnit;
    const priceAt = (y) => range.high - (y - plot.top) / perUnit;
    if (first < OLDER_WITHIN) this.#onNeedOlder();
    return {
      bars, first, last, plot, width, height, extent: range, xOf, yOf, priceAt, step: this.#step,
      decimals: this.#decimals, marks: this.#marks, theme: this.#theme, lines,
      cursor: this.#cursor, cursorY: this.#cursorY, labels: this.#calendar.labels(bars, first, last, xOf),
      cursorText: this.#cursor === null ? '' : this.#calendar.inFull(bars[this.#cursor].time),
    };
  }

  /** Puts the crosshair on the bar at this place of the canvas. */
  pointAt(x, y) {
    const scene = this.#scene();
    if (!scene) return;
    this.#moveCursor(Math.min(scene.last, Math.max(scene.first, Math.round(this.#indexAt(x, scene)))), y);
  }

  /** Takes the crosshair away. */
  leave() {
    this.#moveCursor(null);
  }

  /** Moves the crosshair by whole bars, beginning at the newest, and keeps it in sight. */
  stepBy(bars) {
    const newest = this.#bars.length - 1;
    if (newest < 0) return;
    const at = this.#cursor ?? newest + (bars < 0 ? 1 : 0);
    this.#moveCursor(Math.min(newest, Math.max(0, at + bars)), null, true);
    this.#revealCursor();
  }

  /** Draws the chart along by so many pixels. */
  dragBy(pixels) {
    this.#scrollTo(this.#ahead - pixels / this.#step);
  }

  /** Shows the newest bars again. */
  toNewest() {
    this.#ahead = BLANK_BARS;
    this.#draw();
  }

  /** Makes bars wider or narrower by `factor`; the bar at `x`, else the newest one in sight, stays where it is. */
  zoom(factor, x = null) {
    const scene = this.#scene();
    if (!scene) return;
    const fixed = x ?? scene.xOf(scene.last);
    const index = this.#indexAt(fixed, scene);
    this.#step = Math.min(WIDEST, Math.max(NARROWEST, this.#step * factor));
    this.#scrollTo(index - (this.#bars.length - 1) - 0.5 + (scene.plot.right - fixed) / this.#step);
  }

  /** Shows the bar stamped `time` (ms) with the crosshair on it; false where it is not among the bars. */
  lookAt(time) {
    const index = this.#bars.findIndex((bar) => bar.time === time);
    if (index < 0) return false;
    const { first, last } = this.#scene() ?? { first: 0, last: -1 };
    if (index <= first || index > last) this.#scrollTo(index - (this.#bars.length - 1) + this.#canvas.clientWidth / this.#step / 2);
    this.#moveCursor(index, null, true);
    return true;
  }

  #indexAt(x, { plot }) {
    return this.#bars.length - 1 + this.#ahead + 0.5 - (plot.right - x) / this.#step;
  }

  #revealCursor() {
    const scene = this.#scene();
    if (!scene || this.#cursor === null) return;
    if (this.#cursor < scene.first + 1) this.#scrollTo(this.#ahead - 10);
    else if (this.#cursor > scene.last) this.#scrollTo(this.#ahead + 10);
  }

  #scrollTo(ahead) {
    const room = this.#canvas.clientWidth / this.#step;
    const furthestBack = -(this.#bars.length - Math.min(this.#bars.length, 10));
    this.#ahead = Math.min(room * 0.6, Math.max(furthestBack, ahead));
    this.#draw();
  }

  #moveCursor(index, y = null, byKeyboard = false) {
    this.#cursor = index;
    this.#cursorY = y;
    this.#onCursor(index, byKeyboard);
    this.#draw();
  }
}
