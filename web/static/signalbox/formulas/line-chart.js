// A plain picture of a few lines over time, for an account's equity: drawn once, read by pointer, told in words.

import { el } from '../dom.js';
import { priceTicks } from '../chart-scale.js';
import { percent } from '../format.js';

const FONT = '11px system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif';
const ROOM = { right: 60, bottom: 22, top: 8 };

export class LineChart {
  node;
  #canvas = el('canvas', { class: 'line-chart', role: 'img', tabindex: '-1' });
  #readout = el('p', { class: 'readout' });
  #points = [];
  #lines = [];
  #split = null;
  #cursor = null;

  constructor() {
    this.node = el('div', { class: 'line-chart-frame' }, this.#readout, this.#canvas);
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
    this.#canvas.addEventListener('pointermove', (event) => this.#pointed(event.offsetX));
    this.#canvas.addEventListener('pointerleave', () => this.#pointed(null));
  }

  /**
   * `lines` are `{name, tone, values}` with a value (a share of the beginning, 0 for none gained) for each of `times` (ms);
   * `split` is the share of the times before which a dashed line stands.
   */
  show(times, lines, { label, split = null }) {
    this.#points = times;
    this.#lines = lines;
    this.#split = split;
    this.#canvas.setAttribute('aria-label', label);
    this.#pointed(null);
  }

  #pointed(x) {
    const room = this.#canvas.clientWidth - ROOM.right;
    const newest = this.#points.length - 1;
    this.#cursor = x === null || newest < 0 ? null : Math.min(newest, Math.max(0, Math.round((x / room) * newest)));
    const at = this.#cursor ?? newest;
    this.#readout.replaceChildren(
      el('span', { class: 'readout-time' }, newest < 0 ? '' : day(this.#points[at])),
      ...this.#lines.map(({ name, tone, values }) => el('span', {},
        el('i', { class: `swatch series-${tone}` }), el('i', {}, name), el('b', {}, shown(values[at])))));
    this.#draw();
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    const context = this.#canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const known = this.#lines.flatMap(({ values }) => values).filter(Number.isFinite);
    if (known.length < 2 || width < 80) return;
    const plot = this.#plot(width, height, known);
    this.#drawAxes(context, plot);
    for (const line of this.#lines) this.#drawLine(context, plot, line);
  }

  #plot(width, height, known) {
    const [lowest, highest] = known.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [0, 0]);
    const air = (highest - lowest) * 0.06 || 0.01;
    const [low, high] = [lowest - air, highest + air];
    const [right, bottom] = [width - ROOM.right, height - ROOM.bottom];
    const newest = Math.max(1, this.#points.length - 1);
    return {
      low, high, right, bottom, width, style: getComputedStyle(this.#canvas),
      xOf: (index) => (index / newest) * right,
      yOf: (value) => ROOM.top + ((high - value) / (high - low)) * (bottom - ROOM.top),
    };
  }

  #drawAxes(context, { low, high, right, bottom, style, xOf, yOf }) {
    context.font = FONT;
    context.textBaseline = 'middle';
    context.lineWidth = 1;
    context.fillStyle = style.getPropertyValue('--muted');
    for (const tick of priceTicks(low, high, (bottom - ROOM.top) / 40)) {
      context.strokeStyle = style.getPropertyValue(Math.abs(tick) < 1e-12 ? '--field' : '--grid');
      stroke(context, [[0, yOf(tick)], [right, yOf(tick)]]);
      context.fillText(shown(tick, 0), right + 8, yOf(tick));
    }
    context.strokeStyle = style.getPropertyValue('--muted');
    const newest = this.#points.length - 1;
    for (const [share, align] of [[0, 'left'], [0.5, 'center'], [1, 'right']]) {
      context.textAlign = align;
      context.fillText(day(this.#points[Math.round(newest * share)]), xOf(Math.round(newest * share)), bottom + 12);
    }
    context.textAlign = 'left';
    context.setLineDash([4, 4]);
    for (const index of [this.#cursor, this.#split === null ? null : Math.round(newest * this.#split)]) {
      if (index !== null) stroke(context, [[xOf(index), 0], [xOf(index), bottom]]);
    }
    context.setLineDash([]);
  }

  #drawLine(context, { style, xOf, yOf }, { tone, values }) {
    context.strokeStyle = style.getPropertyValue(`--series-${tone}`);
    context.lineWidth = 1.8;
    stroke(context, values.flatMap((value, index) => (Number.isFinite(value) ? [[xOf(index), yOf(value)]] : [])));
  }
}

function stroke(context, points) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}

const day = (time) => (time === undefined ? '' : new Date(time).toISOString().slice(0, 10));

function shown(share, digits = 1) {
  if (!Number.isFinite(share)) return '–';
  return digits ? percent(share) : `${Math.round(share * 100)} %`;
}
