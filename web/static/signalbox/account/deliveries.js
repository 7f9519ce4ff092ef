// What was sent to a channel and what became of it.

import { ApiError } from '../api.js';
import { el, reporting, say } from '../dom.js';
import { stamp } from '../stamp.js';
import { capital } from '../words.js';

const SHOWN = 5;
const TRIES = 12; // a second apart
const STATES = {
  queued: 'waits', sending: 'on its way', sent: 'sent', delivered: 'delivered', failed: 'refused', dead: 'given up',
};
const WAITING = new Set(['queued', 'sending']);
const FAILED = new Set(['failed', 'dead']);

/** The newest deliveries to a channel, read when they are opened. */
export function deliveriesOf(session, channel) {
  const list = el('ul', { class: 'deliveries' });
  const problem = el('p', { class: 'problem', role: 'alert', hidden: true });
  const node = el('details', { class: 'more' }, el('summary', {}, 'Last deliveries'), problem, list);
  node.addEventListener('toggle', () => node.open && reporting(problem, async () => {
    const { results } = await session.get(pathOf(channel), { size: SHOWN });
    list.replaceChildren(...(results.length ? results.map(line) : [el('li', {}, 'Nothing was sent yet.')]));
  }));
  return node;
}

/** The newest delivery to `channel` that `isMeant` once it was tried, or as it stands after a while. */
export async function outcomeOf(session, channel, isMeant = isCode) {
  for (let tries = 0; ; tries += 1) {
    const { results } = await session.get(pathOf(channel), { size: SHOWN });
    const newest = results.find(isMeant);
    const isOpen = newest && WAITING.has(newest.state) && !newest.reason;
    if (!isOpen || tries === TRIES) return newest;
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
  }
}

/** Says in `card` what became of `newest`; `what` is what was sent. Throws an `ApiError` where it did not arrive. */
export function tellOutcome(card, newest, what) {
  const state = newest?.state ?? 'queued';
  say(card.done);
  if (newest?.reason) throw new ApiError(0, { code: 'not_delivered', detail: `${what} did not arrive: ${newest.reason}` });
  say(card.done, WAITING.has(state) ? `${what} is on its way.` : `${what} was ${STATES[state]}.`);
}

const isCode = ({ purpose }) => purpose === 'verification';
const pathOf = ({ id }) => `notifications/channels/${id}/deliveries`;

function line({ purpose, state, reason, created_at: at, due_at: due, attempts }) {
  const isLate = WAITING.has(state) && Date.parse(due) > Date.now() + 1000;
  const words = [STATES[state], isLate ? [' until ', stamp(due)] : null, attempts > 1 ? `, ${attempts} tries` : null].flat();
  return el('li', { class: FAILED.has(state) ? 'failed' : null },
    el('span', {}, `${capital(purpose)}: `, words), stamp(at),
    reason && el('span', { class: 'delivery-reason' }, reason));
}
