// Shows secrets this once, to be copied, until the reader says that they are kept.

import { announce, el } from '../dom.js';

/** A block with `lines`, each a secret; `onKept` is told when the reader has put it away. */
export function shownOnce({ title, text, lines, onKept }) {
  const list = el('ul', { class: lines.length > 1 ? 'secret-lines many' : 'secret-lines' },
    lines.map((line) => el('li', {}, el('code', {}, line))));
  const copy = el('button', { type: 'button', class: 'small accept' }, lines.length > 1 ? 'Copy all' : 'Copy');
  copy.addEventListener('click', () => copyOf(lines, list, copy));
  const kept = el('button', { type: 'button', class: 'small' }, lines.length > 1 ? 'I have kept them' : 'I have kept it');
  const node = el('div', { class: 'shown-once', role: 'group', 'aria-label': title, tabindex: '-1' },
    el('h3', {}, title), el('p', {}, text), list, el('div', { class: 'shown-once-foot' }, copy, kept));
  kept.addEventListener('click', () => { node.remove(); onKept?.(); });
  return node;
}

async function copyOf(lines, list, button) {
  try {
    await navigator.clipboard.writeText(lines.join('\n'));
    button.textContent = 'Copied';
    announce('Copied');
  } catch {
    // No clipboard on a page without https, or none allowed: marked, so that the keyboard copies it.
    getSelection().selectAllChildren(list);
    button.textContent = 'Marked: copy it by keyboard';
  }
}
