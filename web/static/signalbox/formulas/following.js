// What a reader does with a formula: follows it, pauses, leaves; and how that is shown wherever it is offered.

import { el, reporting, whileBusy } from '../dom.js';

/** Subscribes; somebody who does so already, in another window, has what they wished for. */
export async function subscribe(session, formula) {
  try {
    await session.post('subscriptions/', { formula_id: formula.id });
  } catch (error) {
    if (error.status !== 409 || error.code !== 'already_subscribed') throw error;
  }
}

/**
 * Buttons for a formula by where its reader stands (`subscription` or null); `problem` is the line for refusals,
 * `onChange()` is called after each change.
 */
export function followingButtons({ session, formula, subscription, problem, onChange }) {
  const path = `subscriptions/${formula.id}`;
  const act = (words, className, work) => el('button', {
    type: 'button', class: className, 'data-act': words.toLowerCase(), 'aria-label': `${words}: ${formula.name}`,
    on: { click: (event) => whileBusy(event.currentTarget, () => reporting(problem, async () => { await work(); await onChange(); })) },
  }, words);
  if (!subscription) return formula.is_retired ? [] : [act('Subscribe', 'primary', () => subscribe(session, formula))];
  return [
    subscription.is_active
      ? act('Pause', 'small', () => session.post(`${path}/toggle`))
      : act('Resume', 'small accept', () => session.post(`${path}/toggle`)),
    act('Unsubscribe', 'quiet small', () => session.delete(path)),
  ];
}

/** The box that says whether signals are sent as notifications. */
export function notifyBox({ session, formula, subscription, problem }) {
  const box = el('input', { type: 'checkbox', checked: subscription.notify });
  box.addEventListener('change', async () => {
    const done = await reporting(problem, () => session.patch(`subscriptions/${formula.id}`, { notify: box.checked }));
    if (!done) box.checked = !box.checked;
  });
  return el('label', { class: 'check' }, box, ' Notify me of its signals');
}
