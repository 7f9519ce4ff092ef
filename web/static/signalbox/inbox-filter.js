// Which notifications the inbox shows: all or the unread, of every type or of one.

import { byId, el } from './dom.js';
import { typeName } from './words.js';

export class InboxFilter {
  #isUnread = false;
  #type = '';

  /** `onChange()` is called when something else is to be shown. */
  constructor(onChange) {
    byId('inbox-filter').addEventListener('click', ({ target }) => {
      const button = target.closest('[data-unread]');
      if (button) this.#choose({ isUnread: button.dataset.unread === 'true' }, onChange);
    });
    byId('inbox-type').addEventListener('change', ({ target }) => this.#choose({ type: target.value }, onChange));
  }

  /** What a list is asked for. */
  get query() {
    return { unread_only: this.#isUnread || null, type: this.#type || null };
  }

  get isOn() {
    return this.#isUnread || this.#type !== '';
  }

  fits({ read, type }) {
    return !(this.#isUnread && read) && (!this.#type || type === this.#type);
  }

  /** Offers these types beside those that are offered already. */
  offer(types) {
    const select = byId('inbox-type');
    const known = new Set([...select.options].map(({ value }) => value));
    select.append(...types.filter((type) => !known.has(type)).map((type) => el('option', { value: type }, typeName(type))));
  }

  clear() {
    this.#show({ isUnread: false, type: '' });
    byId('inbox-type').replaceChildren(byId('inbox-type').options[0]);
  }

  #choose(wanted, onChange) {
    this.#show(wanted);
    onChange();
  }

  #show({ isUnread = this.#isUnread, type = this.#type }) {
    this.#isUnread = isUnread;
    this.#type = type;
    byId('inbox-type').value = type;
    for (const button of byId('inbox-filter').children) {
      button.setAttribute('aria-pressed', String((button.dataset.unread === 'true') === isUnread));
    }
  }
}
