// A candlestick chart on a canvas: keeps bars, marks and the view, and answers to pointer, wheel and keys.

import { layout, paint } from './chart-paint.js';
import { Calendar, extent, placed } from './chart-scale.js';

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
  #drag = null;
  #theme = {};
  #frame = 0;

  constructor(canvas, { onCursor = () => {}, onNeedOlder = () => {} } = {}) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d');
    this.#onCursor = onCursor;
    this.#onNeedOlder = onNeedOlder;
    this.#readTheme();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#readTheme());
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#listen();
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
    this.#bars = [...kept, ...page, ...later];
    if (this.#ahead < 0) this.#ahead -= added;
    this.#moveCursor(null);
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

  /** `{name, value}` of each line at the bar with this index. */
  linesAt(index) {
    const time = this.#bars[index]?.time;
    return this.#lines.map(({ name, values }) => ({ name, value: values.get(time) ?? null }));
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
      if (scene) paint(this.#context, scene);
      else this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    });
  }

  #scene() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const bars = this.#bars;
    if (!bars.length || width < 60) return null;
    const newest = bars.length - 1;
    const guess = Math.max(0, Math.floor(newest + this.#ahead - width / this.#step));
    const last = Math.min(newest, Math.max(0, Math.ceil(newest + this.#ahead)));
    const range = extent(bars.slice(Math.min(guess, last), last + 1));
    const lines = placed(this.#lines, bars);
    const plot = layout(this.#context, {
      width, height, extent: range, decimals: this.#decimals, hasStrip: lines.some(({ isBelow }) => isBelow),
    });
    const xOf = (index) => plot.right - (newest - index + this.#ahead + 0.5) * this.#step;
    const first = Math.min(last, Math.max(0, Math.floor(newest + this.#ahead - plot.right / this.#step)));
    const perUnit = (plot.bottom - plot.top) / (range.high - range.low);
    const yOf = (given) => plot.top + (range.high - given) * perUnit;
    const priceAt = (y) => range.high - (y - plot.top) / perUnit;
    if (first < OLDER_WITHIN) this.#onNeedOlder();
    return {
      bars, first, last, plot, width, height, extent: range, xOf, yOf, priceAt, step: this.#step,
      decimals: this.#decimals, marks: this.#marks, theme: this.#theme, lines,
      cursor: this.#cursor, cursorY: this.#cursorY, labels: this.#calendar.labels(bars, first, last, xOf),
    };
  }

  #listen() {
    const canvas = this.#canvas;
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#drag = { x: event.clientX, ahead: this.#ahead };
    });
    canvas.addEventListener('pointermove', (event) => this.#pointed(event));
    for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, () => { this.#drag = null; });
    canvas.addEventListener('pointerleave', () => this.#moveCursor(null));
    canvas.addEventListener('blur', () => this.#moveCursor(null));
    canvas.addEventListener('wheel', (event) => this.#wheeled(event), { passive: false });
    canvas.addEventListener('keydown', (event) => this.#pressed(event));
  }

  #pointed(event) {
    if (this.#drag) this.#scrollTo(this.#drag.ahead - (event.clientX - this.#drag.x) / this.#step);
    const scene = this.#scene();
    if (!scene) return;
    const newest = this.#bars.length - 1;
    const index = Math.round(newest + this.#ahead + 0.5 - (scene.plot.right - event.offsetX) / this.#step);
    this.#moveCursor(Math.min(scene.last, Math.max(scene.first, index)), event.offsetY);
  }

  #wheeled(event) {
    // The page scrolls as everywhere else; only a pinch, a modifier or a sideways move is meant for the chart.
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      this.#scrollTo(this.#ahead + event.deltaX / this.#step);
    } else if (event.ctrlKey || event.shiftKey || document.activeElement === this.#canvas) {
      event.preventDefault();
      this.#zoom(Math.exp(-event.deltaY / 500));
    }
  }

  #pressed(event) {
    const newest = this.#bars.length - 1;
    if (newest < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.#cursor ?? newest + (event.key === 'ArrowLeft' ? 1 : 0);
    const actions = {
      ArrowLeft: () => this.#moveCursor(Math.max(0, at - 1), null, true),
      ArrowRight: () => this.#moveCursor(Math.min(newest, at + 1), null, true),
      End: () => { this.#ahead = BLANK_BARS; this.#moveCursor(newest, null, true); },
      '+': () => this.#zoom(1.25), '=': () => this.#zoom(1.25), '-': () => this.#zoom(0.8),
      Escape: () => this.#moveCursor(null),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
    this.#revealCursor();
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

  #zoom(factor) {
    this.#step = Math.min(WIDEST, Math.max(NARROWEST, this.#step * factor));
    this.#draw();
  }

  #moveCursor(index, y = null, byKeyboard = false) {
    this.#cursor = index;
    this.#cursorY = y;
    this.#onCursor(index, byKeyboard);
    this.#draw();
  }
}
