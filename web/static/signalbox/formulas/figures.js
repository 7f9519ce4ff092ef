// How a formula's figures are written wherever it is shown: score, followers, rating, author, tags.

import { el } from '../dom.js';

const UNRATED = 'The score comes from the live record alone: 60 days and 30 trades after publication at least.';

/** The score out of 100, or that there is none yet. */
export function scoreChip(score) {
  if (score === null || score === undefined) return el('span', { class: 'chip', title: UNRATED }, 'unrated');
  return el('span', { class: 'chip good', title: 'Out of 100, from the live record' }, `score ${Number(score).toFixed(1)}`);
}

export const followers = (count) => (count === 1 ? '1 subscriber' : `${count ?? 0} subscribers`);

/** `★ 4.5 (12)`, or that nobody has said anything. */
export function rating({ average_rating: average, total_reviews: total }) {
  if (!total) return el('span', {}, 'no reviews');
  const words = `rated ${average.toFixed(1)} of 5 by ${total === 1 ? '1 person' : `${total} people`}`;
  return el('span', { role: 'img', 'aria-label': words }, `★ ${average.toFixed(1)} (${total})`);
}

/** Where a formula's page is. */
export const pageOf = (id) => `#formula/${id}`;

/** One line of what a formula is: author, category, version, tags. */
export function about({ created_by: author, category, version, tags = [] }, me = null) {
  const by = author?.id === me?.id ? 'by you' : `by ${author?.username ?? 'unknown'}`;
  return [by, category, version && `version ${version}`, tags.map((tag) => `#${tag}`).join(' ')].filter(Boolean).join(' · ');
}
