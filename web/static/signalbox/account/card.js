// What the cards of an account have in common: a title, a line for problems, a line for what was done.

import { el, reporting, say, whileBusy } from '../dom.js';
import { errorLine } from '../forms.js';

/** One card. `problem` and `done` are its lines for `say`. */
export function card(id, title, ...children) {
  const name = `${id}-title`;
  const problem = errorLine();
  const done = el('p', { class: 'done', role: 'status', hidden: true });
  const node = el('section', { class: 'card account-card', id, 'aria-labelledby': name },
    el('h2', { id: name, tabindex: '-1' }, title), problem, done, ...children);
  return { node, problem, done };
}

/** A button that runs `work` once for each press; a refusal is shown in `card`. */
export function actOn(card, words, className, work, label = null) {
  const press = (event) => {
    say(card.done);
    return whileBusy(event.currentTarget, () => reporting(card.problem, work));
  };
  return el('button', { type: 'button', class: className, 'aria-label': label, on: { click: press } }, words);
}

/** A row with something on the left and what one may do with it on the right. */
export function row(title, lines, ...actions) {
  return el('li', { class: 'row item' },
    el('div', { class: 'item-words' }, el('h3', {}, title), lines.filter(Boolean).map((line) => el('p', {}, line))),
    actions.some(Boolean) && el('div', { class: 'item-actions' }, actions));
}

/** Moves the keyboard to the card's title, after what it stood on has gone. */
export function focusTitle({ node }) {
  node.querySelector('h2').focus({ preventScroll: true });
}
