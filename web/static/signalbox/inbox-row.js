// One notification as a row of the inbox, with what may be done about it.

import { el } from './dom.js';
import { stamp } from './stamp.js';

const LOUD = new Set(['critical', 'high', 'error']);
const ANSWERS = { accept: 'Accepted', reject: 'Rejected', snooze: 'Snoozed' };
const ANSWERABLE = new Set(['trade_signal', 'combined_signal']);

// Every trade signal is of high priority, so that the word would say nothing beside one.
const isLoud = ({ type, priority }) => LOUD.has(priority) && !(type === 'trade_signal' && priority === 'high');

/** The row of `notification`; `act(button, { respond } or {})` answers it or marks it read. */
export function noteRow(notification, { isMuted, act }) {
  const { id, title, message, read, priority, created_at: at } = notification;
  const state = [!read && 'fresh', isMuted && 'muted'].filter(Boolean);
  return el(
    'li', { class: ['row', 'note', ...state].join(' '), 'data-id': id, tabindex: '-1' },
    el('span', { class: 'note-dot', role: 'img', 'aria-label': read ? 'Read' : 'Unread' }),
    el('div', { class: 'note-head' },
      el('h3', {}, title),
      isMuted && el('span', { class: 'chip', title: 'You have muted this type in your preferences.' }, 'Muted'),
      isLoud(notification) && el('span', { class: `chip ${priority}` }, priority),
      stamp(at)),
    el('p', {}, message),
    actions(notification, act),
  );
}

function actions({ type, read, response, title, data }, act) {
  const button = (words, className, what) => el('button', {
    type: 'button', class: className, 'aria-label': `${words}: ${title}`,
    on: { click: (event) => act(event.currentTarget, what) },
  }, words);
  const isAnswerable = ANSWERABLE.has(type) || data?.answerable === true;
  const parts = [];
  if (response) parts.push(el('span', { class: `answer ${response}` }, ANSWERS[response] ?? `Answered: ${response}`));
  else if (isAnswerable) {
    parts.push(button('Accept', 'small accept', { respond: 'accept' }), button('Reject', 'small', { respond: 'reject' }));
  }
  if (!read) parts.push(button('Mark read', 'quiet small', {}));
  return parts.length ? el('div', { class: 'note-actions' }, parts) : null;
}
