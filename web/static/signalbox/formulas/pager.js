// Leafing through a list that has more than one page.

import { announce, el } from '../dom.js';

/** A bar with the page one is on; `onTurn(page)` shows another. It hides itself where there is only one. */
export class Pager {
  node = el('nav', { class: 'pager', 'aria-label': 'Pages', hidden: true });
  page = 1;
  #onTurn;

  constructor(onTurn) {
    this.#onTurn = onTurn;
  }

  /** What a list's answer says of its pages. */
  show({ page, total_pages: pages }) {
    this.page = page;
    this.node.hidden = pages < 2;
    this.node.replaceChildren(
      this.#turn('Previous', page - 1, page > 1), el('span', {}, `Page ${page} of ${pages}`), this.#turn('Next', page + 1, page < pages));
  }

  #turn(words, page, isThere) {
    const press = async () => {
      this.page = page;
      await this.#onTurn(page);
      announce(`Page ${page}`);
    };
    return el('button', { type: 'button', class: 'small', disabled: !isThere, on: { click: press } }, words);
  }
}
