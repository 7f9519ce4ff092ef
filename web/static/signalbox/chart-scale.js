// The chart's arithmetic: round price steps, and which bars deserve a label on the time axis.

import { isDaily } from './format.js';

const LABEL_ROOM = 72; // pixels between the middles of two time labels
// Functions whose values are no prices, even where they happen to be as large.
const OWN_SCALES = new Set(('rsi cmo mom roc change tr atr natr stdev bbw macd stoch stoch_d wpr cci mfi dmi adx obv accdist cmf '
  + 'highestbars lowestbars barssince count volume').split(' '));
const [MINUTE, DAY, MONTH, YEAR] = [0, 1, 2, 3];

/** Round values between `low` and `high`, at most about `count` of them. */
export function priceTicks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0)) return [low];
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * magnitude >= rough) * magnitude;
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) ticks.push(tick);
  return ticks;
}

/** Lowest low and highest high of some bars, with a little air above and below; volumes' maximum beside them. */
export function extent(bars, airs = 0.08) {
  let low = Infinity;
  let high = -Infinity;
  let volume = 0;
  for (const bar of bars) {
    low = Math.min(low, bar.low);
    high = Math.max(high, bar.high);
    volume = Math.max(volume, bar.volume ?? 0);
  }
  const air = airs && ((high - low) * airs || Math.abs(high) * 0.01 || 1);
  return { low: low - air, high: high + air, volume };
}

/** `range` so wide that the lines drawn over bars[first..last] are seen; they may double it and no more. */
export function withLines(range, lines, first, last) {
  const room = (range.high - range.low) / 2;
  let { low, high } = range;
  for (const { isBelow, values } of lines) {
    for (const value of isBelow ? [] : values.slice(first, last + 1)) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, Math.max(value, range.low - room));
      high = Math.max(high, Math.min(value, range.high + room));
    }
  }
  return { ...range, low, high };
}

/**
 * Lines with their values by bar, in the colours of their places. Those that are no prices, by name or by size, are
 * `isBelow`; of these, what one function gives (`macd(…).line` and `.signal`) shares a scale `low` to `high`.
 */
export function placed(lines, bars) {
  if (!lines.length) return [];
  const { low, high } = extent(bars, 0);
  const room = high - low;
  const drawn = lines.map(({ name, values }, place) => {
    const known = [...values.values()].filter(Number.isFinite);
    const family = /^\w+/.exec(name)?.[0] ?? name;
    const isBelow = OWN_SCALES.has(family) || known.some((value) => value < low - room || value > high + room);
    return { name, place, isBelow, family, known, values: bars.map(({ time }) => values.get(time) ?? null) };
  });
  for (const line of drawn) {
    const kin = drawn.filter(({ family, isBelow }) => isBelow && family === line.family).flatMap(({ known }) => known);
    Object.assign(line, { low: Math.min(...kin), high: Math.max(...kin) });
  }
  return drawn;
}

/** Splits bar times into calendar parts of the exchange's day, each bar only once. */
export class Calendar {
  #formats;
  #parts = new Map();
  #daily;

  constructor(timezone, resolution) {
    this.#daily = isDaily(resolution);
    this.#formats = new Intl.DateTimeFormat('en-GB', {
      timeZone: this.#daily ? 'UTC' : timezone, hourCycle: 'h23',
      year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit',
    });
  }

  partsOf(time) {
    if (!this.#parts.has(time)) {
      const parts = this.#formats.formatToParts(time).map(({ type, value }) => [type, value]);
      this.#parts.set(time, Object.fromEntries(parts));
    }
    return this.#parts.get(time);
  }

  /** A bar's time in full: `17 Apr 2009`, with the clock where bars are shorter than a day. */
  inFull(time) {
    const { year, month, day, hour, minute } = this.partsOf(time);
    return `${day} ${month} ${year}${this.#daily ? '' : ` ${hour}:${minute}`}`;
  }

  /** Labels `{index, text, isStrong}` for bars[first..last], the largest change of the calendar first. */
  labels(bars, first, last, xOf) {
    const candidates = [];
    for (let index = Math.max(first, 1); index <= last; index += 1) {
      candidates.push({ index, rank: this.#rank(bars[index - 1].time, bars[index].time) });
    }
    candidates.sort((a, b) => b.rank - a.rank || a.index - b.index);
    const placed = [];
    for (const { index, rank } of candidates) {
      const x = xOf(index);
      if (placed.some((label) => Math.abs(label.x - x) < LABEL_ROOM)) continue;
      placed.push({ index, x, text: this.#text(bars[index].time, rank), isStrong: rank >= (this.#daily ? YEAR : DAY) });
    }
    return placed;
  }

  #rank(before, time) {
    const [a, b] = [this.partsOf(before), this.partsOf(time)];
    if (a.year !== b.year) return YEAR;
    if (a.month !== b.month) return MONTH;
    return a.day === b.day ? MINUTE : DAY;
  }

  #text(time, rank) {
    const { year, month, day, hour, minute } = this.partsOf(time);
    if (rank === YEAR) return year;
    if (rank === MONTH) return this.#daily ? month : `${day} ${month}`;
    return rank === DAY ? `${day} ${month}` : `${hour}:${minute}`;
  }
}
