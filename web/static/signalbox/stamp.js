// Moments as they stand on the page: in the reader's own time, in UTC for whoever points at one.

import { el } from './dom.js';
import { barTime, isDaily, moment, utc } from './format.js';

/** The moment `iso` as an element. */
export const stamp = (iso, attributes = {}) => el('time', { datetime: iso, title: utc(iso), ...attributes }, moment(iso));

/** The time that a bar is stamped with: a day for daily bars and longer ones, else a moment in the reader's own time. */
export function barStamp(iso, resolution) {
  if (!isDaily(resolution)) return stamp(iso);
  return el('time', { datetime: iso, title: utc(iso) }, barTime(Date.parse(iso), { timezone: 'UTC', resolution }));
}
