// One line above everything: news of the account, or a question that waits for an answer.

import { announce, byId, el, reporting, say, whileBusy } from './dom.js';

/** Shows `text` until it is put away. */
export function tellNews(text) {
  show(text, button('Close', 'quiet small', hideNews));
}

/** Shows `text` and a button that runs `work`; a refusal is shown, and the question stays. */
export function askNews(text, words, work, onRefused) {
  const accept = button(words, 'primary small', () => whileBusy(accept, () => reporting(byId('notice-problem'), work)));
  show(text, accept, button('Not now', 'quiet small', () => { hideNews(); onRefused(); }));
}

export function hideNews() {
  byId('notice').hidden = true;
}

function show(text, ...buttons) {
  byId('notice').hidden = false;
  say(byId('notice-problem'));
  byId('notice-text').textContent = text;
  byId('notice-actions').replaceChildren(...buttons);
  announce(text);
}

function button(words, className, press) {
  return el('button', { type: 'button', class: className, on: { click: press } }, words);
}
