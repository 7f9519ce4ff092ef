// Writes prices, volumes and times the one way they are written everywhere on the page.

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayAndClock = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit',
});
const yearDayAndClock = new Intl.DateTimeFormat('en-GB', {
  year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit',
});
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });
const axis = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const plain = new Intl.NumberFormat('en', { maximumSignificantDigits: 8 });
const prices = new Map();

/** A price with a fixed number of decimals. */
export function price(value, decimals = 2) {
  if (!prices.has(decimals)) {
    prices.set(decimals, new Intl.NumberFormat('en', {
      minimumFractionDigits: decimals, maximumFractionDigits: decimals,
    }));
  }
  return Number.isFinite(Number(value)) ? prices.get(decimals).format(value) : '–';
}

/** A price whose instrument is not at hand: at least two decimals, no more than it has. */
export function loosePrice(value) {
  const digits = String(value).split('.')[1]?.length ?? 0;
  return price(value, Math.min(8, Math.max(2, digits)));
}

/** Decimals that a `pricescale` of 10^n stands for. */
export const decimalsOf = (pricescale) => Math.max(0, Math.round(Math.log10(pricescale || 100)));

export const volume = (value) => compact.format(value ?? 0);

/** Any number in three figures or so, for the end of an axis. */
export const shortNumber = (value) => (Number.isFinite(value) ? axis.format(value) : '');

/** A signed percentage, `+1.24 %`. */
export function percent(share) {
  const text = Math.abs(share * 100).toFixed(2);
  return `${share < 0 ? '−' : '+'}${text} %`;
}

/** Any value an explanation may hold: numbers shortened, nothing hidden. */
export function value(given) {
  if (given === null || given === undefined) return 'na';
  return typeof given === 'number' ? plain.format(given) : String(given);
}

/** When something happened, in the reader's own time: the clock today, else the day, and the year where it is another. */
export function moment(iso) {
  const then = new Date(iso);
  if (Number.isNaN(then.getTime())) return '';
  const now = new Date();
  if (then.toDateString() === now.toDateString()) return clock.format(then);
  return (then.getFullYear() === now.getFullYear() ? dayAndClock : yearDayAndClock).format(then);
}

/** The same moment in UTC, to the second: `2026-12-01 00:35:26 UTC`. */
export function utc(iso) {
  const then = new Date(iso);
  return Number.isNaN(then.getTime()) ? '' : `${then.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** True for resolutions whose bars are stamped with a date rather than a time of day. */
export const isDaily = (resolution) => /[DWM]$/i.test(resolution);

/** How long one bar lasts, in seconds; months count 30 days. */
export function secondsOf(resolution) {
  const [, count, unit] = /^(\d*)([TSDWM]?)$/i.exec(resolution) ?? [];
  const size = { D: 86_400, W: 604_800, M: 2_592_000, S: 1, T: 1, '': 60 }[(unit ?? '').toUpperCase()];
  return (Number(count) || 1) * size;
}

/** The name people use for a resolution: `5` is `5m`, `60` is `1h`. */
export function resolutionName(resolution) {
  if (!/^\d+$/.test(resolution)) return resolution;
  const minutes = Number(resolution);
  return minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`;
}

const stamps = new Map();

function stampFormat(timezone, withClock) {
  const key = `${timezone}|${withClock}`;
  if (!stamps.has(key)) {
    const time = withClock ? { hour: '2-digit', minute: '2-digit' } : {};
    stamps.set(key, new Intl.DateTimeFormat('en-GB', {
      timeZone: timezone, weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', ...time,
    }));
  }
  return stamps.get(key);
}

/** A bar's time in full, in the exchange's time zone (whole days are always UTC dates). */
export function barTime(milliseconds, { timezone, resolution }) {
  const daily = isDaily(resolution);
  return stampFormat(daily ? 'UTC' : timezone, !daily).format(milliseconds);
}
