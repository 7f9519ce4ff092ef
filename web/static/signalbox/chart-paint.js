// Draws one picture of the chart on a canvas: grid, volume, candles, marks, last price, crosshair.

import { priceTicks } from './chart-scale.js';
import { price, shortNumber } from './format.js';

const FONT = '11px system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif';
const VOLUME_SHARE = 0.16;
const STRIP_SHARE = 0.24; // of the height, for lines that have scales of their own
export const TONES = 4;

/** Room for the axes, in CSS pixels, given the widest price label; prices end at `bottom`, the strip below at `base`. */
export function layout(context, { width, height, widest, decimals, hasStrip }) {
  context.font = FONT;
  const label = context.measureText(price(widest, decimals)).width;
  const base = height - 24;
  const bottom = hasStrip ? Math.round(base * (1 - STRIP_SHARE)) : base;
  return { right: width - Math.ceil(label) - 18, bottom, base, top: 8 };
}

/** Paints a whole scene; see `CandleChart` for its fields. */
export function paint(context, scene) {
  context.clearRect(0, 0, scene.width, scene.height);
  context.font = FONT;
  context.textBaseline = 'middle';
  paintGrid(context, scene);
  context.save();
  context.beginPath();
  context.rect(0, 0, scene.plot.right, scene.plot.bottom);
  context.clip();
  paintVolume(context, scene);
  paintCandles(context, scene);
  paintLines(context, scene, scene.lines.filter(({ isBelow }) => !isBelow), () => scene.yOf);
  paintMarks(context, scene);
  context.restore();
  paintStrip(context, scene);
  paintLastPrice(context, scene);
  if (scene.cursor !== null) paintCursor(context, scene);
}

const crisp = (position) => Math.round(position) + 0.5;

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

function paintGrid(context, { bars, plot, extent, decimals, labels, yOf, theme, width, height }) {
  context.strokeStyle = theme.grid;
  context.lineWidth = 1;
  context.textAlign = 'left';
  context.fillStyle = theme.muted;
  const lastY = yOf(bars.at(-1).close);
  for (const tick of priceTicks(extent.low, extent.high, (plot.bottom - plot.top) / 52)) {
    const y = crisp(yOf(tick));
    line(context, 0, y, plot.right, y);
    if (Math.abs(y - lastY) > 15) context.fillText(price(tick, decimals), plot.right + 9, y);
  }
  context.textAlign = 'center';
  for (const { x, text, isStrong } of labels) {
    line(context, crisp(x), 0, crisp(x), plot.base);
    context.fillStyle = isStrong ? theme.ink : theme.muted;
    const half = context.measureText(text).width / 2;
    if (x > half && x < plot.right - half) context.fillText(text, x, plot.base + 13);
  }
  context.strokeStyle = theme.line;
  line(context, 0, crisp(plot.bottom), width, crisp(plot.bottom));
  line(context, 0, crisp(plot.base), width, crisp(plot.base));
  line(context, crisp(plot.right), 0, crisp(plot.right), height);
}

function paintVolume(context, { bars, first, last, plot, extent, step, xOf, theme }) {
  if (!extent.volume) return;
  const tallest = (plot.bottom - plot.top) * VOLUME_SHARE;
  const width = Math.max(1, Math.floor(step * 0.72));
  context.globalAlpha = 0.26;
  for (let index = first; index <= last; index += 1) {
    const bar = bars[index];
    const tall = ((bar.volume ?? 0) / extent.volume) * tallest;
    context.fillStyle = bar.close >= bar.open ? theme.up : theme.down;
    context.fillRect(Math.round(xOf(index) - width / 2), plot.bottom - tall, width, tall);
  }
  context.globalAlpha = 1;
}

function paintCandles(context, { bars, first, last, step, xOf, yOf, theme }) {
  // An odd width keeps the wick in the middle of its body.
  const width = Math.max(1, Math.floor(step * 0.72) | 1);
  for (let index = first; index <= last; index += 1) {
    const bar = bars[index];
    const x = Math.round(xOf(index));
    const [top, bottom] = [yOf(Math.max(bar.open, bar.close)), yOf(Math.min(bar.open, bar.close))];
    context.fillStyle = bar.close >= bar.open ? theme.up : theme.down;
    context.fillRect(x, yOf(bar.high), 1, Math.max(1, yOf(bar.low) - yOf(bar.high)));
    if (step > 2.5) context.fillRect(x - (width - 1) / 2, top, width, Math.max(1, bottom - top));
  }
}

function paintStrip(context, scene) {
  const { plot } = scene;
  const below = scene.lines.filter(({ isBelow }) => isBelow);
  const tall = plot.base - plot.bottom - 12;
  paintLines(context, scene, below, ({ low, high }) => (
    (value) => plot.base - 6 - (high > low ? (value - low) / (high - low) : 0.5) * tall));
  if (!below.length) return;
  // Lines of one function share a scale; of several functions the first has its ends written.
  context.fillStyle = scene.theme.muted;
  context.textAlign = 'left';
  context.fillText(shortNumber(below[0].high), plot.right + 9, plot.base - 6 - tall);
  context.fillText(shortNumber(below[0].low), plot.right + 9, plot.base - 8);
}

function paintLines(context, { first, last, plot, xOf, theme }, lines, scaleOf) {
  context.save();
  context.beginPath();
  context.rect(0, 0, plot.right, plot.base);
  context.clip();
  context.lineWidth = 1.5;
  for (const one of lines) {
    const yOf = scaleOf(one);
    context.strokeStyle = theme[`series${(one.place % TONES) + 1}`];
    context.setLineDash(one.place < TONES ? [] : [5, 3]);
    context.beginPath();
    let isDown = false;
    for (let index = Math.max(0, first - 1); index <= last; index += 1) {
      const value = one.values[index];
      if (value === null) { isDown = false; continue; }
      if (isDown) context.lineTo(xOf(index), yOf(value));
      else context.moveTo(xOf(index), yOf(value));
      isDown = true;
    }
    context.stroke();
  }
  context.restore();
}

function paintMarks(context, { marks, bars, first, last, step, xOf, yOf, theme }) {
  const size = Math.min(7, Math.max(4, step * 0.6));
  for (let index = first; index <= last; index += 1) {
    for (const side of marks.get(index)?.sides ?? []) {
      const isBuy = side === 'buy';
      const tip = isBuy ? yOf(bars[index].low) + 6 : yOf(bars[index].high) - 6;
      paintArrow(context, crisp(xOf(index)), tip, isBuy ? 1 : -1, size, isBuy ? theme.up : theme.down, theme);
    }
  }
}

function paintArrow(context, x, tip, down, size, colour, theme) {
  context.beginPath();
  context.moveTo(x, tip);
  context.lineTo(x + size, tip + down * size * 1.3);
  context.lineTo(x + size * 0.4, tip + down * size * 1.3);
  context.lineTo(x + size * 0.4, tip + down * size * 2.4);
  context.lineTo(x - size * 0.4, tip + down * size * 2.4);
  context.lineTo(x - size * 0.4, tip + down * size * 1.3);
  context.lineTo(x - size, tip + down * size * 1.3);
  context.closePath();
  context.lineWidth = 3;
  context.strokeStyle = theme.surface;
  context.stroke();
  context.fillStyle = colour;
  context.fill();
}

function tag(context, text, y, { plot, width }, fill, ink) {
  context.fillStyle = fill;
  context.fillRect(plot.right + 1, Math.round(y) - 9, width - plot.right - 1, 18);
  context.fillStyle = ink;
  context.textAlign = 'left';
  context.fillText(text, plot.right + 9, Math.round(y) + 0.5);
}

function tagTime(context, text, x, { plot, theme }) {
  const width = context.measureText(text).width + 16;
  const left = Math.min(plot.right - width, Math.max(0, x - width / 2));
  context.fillStyle = theme.ink;
  context.fillRect(left, plot.base + 2, width, 20);
  context.fillStyle = theme.surface;
  context.textAlign = 'center';
  context.fillText(text, left + width / 2, plot.base + 13);
}

function paintLastPrice(context, scene) {
  const bar = scene.bars.at(-1);
  const { plot, theme } = scene;
  const y = scene.yOf(bar.close);
  if (y < 0 || y > plot.bottom) return;
  const colour = bar.close >= bar.open ? theme.up : theme.down;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.setLineDash([2, 3]);
  line(context, 0, crisp(y), plot.right, crisp(y));
  context.setLineDash([]);
  tag(context, price(bar.close, scene.decimals), y, scene, colour, theme.onMark);
}

function paintCursor(context, scene) {
  const { plot, theme, cursor, cursorY, xOf } = scene;
  const x = crisp(xOf(cursor));
  context.strokeStyle = theme.muted;
  context.lineWidth = 1;
  context.setLineDash([4, 4]);
  line(context, x, 0, x, plot.base);
  const y = cursorY ?? scene.yOf(scene.bars[cursor].close);
  if (y <= plot.bottom) {
    line(context, 0, crisp(y), plot.right, crisp(y));
    tag(context, price(scene.priceAt(y), scene.decimals), y, scene, theme.ink, theme.surface);
  }
  context.setLineDash([]);
  tagTime(context, scene.cursorText, x, scene);
}
