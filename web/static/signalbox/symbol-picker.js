// The instrument field: type to search, arrows to move, Enter to choose (the combobox pattern).

import { byId, el } from './dom.js';

const SEARCH_AFTER = 180;

export class SymbolPicker {
  #input;
  #list;
  #search;
  #onPick;
  #found = [];
  #active = -1;
  #current = '';
  #timer = null;
  #asked = 0;

  /** `search(text)` answers a list of instruments; `onPick(symbol)` is told the choice. The field is `id`, its list `id-list`. */
  constructor({ search, onPick, id = 'symbol' }) {
    this.#input = byId(id);
    this.#list = byId(`${id}-list`);
    this.#search = search;
    this.#onPick = onPick;
    this.#input.addEventListener('focus', () => { this.#input.select(); this.#lookUp(''); });
    this.#input.addEventListener('input', () => this.#lookUpSoon());
    this.#input.addEventListener('keydown', (event) => this.#pressed(event));
    this.#input.addEventListener('blur', () => this.#close());
  }

  /** Writes the chosen symbol into the field, unless somebody is typing there; then once they leave it. */
  set current(symbol) {
    this.#current = symbol;
    if (document.activeElement !== this.#input) this.#input.value = symbol;
  }

  #lookUpSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lookUp(this.#input.value.trim()), SEARCH_AFTER);
  }

  async #lookUp(text) {
    const asked = (this.#asked += 1);
    const found = await this.#search(text).catch(() => []);
    // Answers may overtake each other; only the newest question counts.
    if (asked !== this.#asked || document.activeElement !== this.#input) return;
    this.#found = found;
    this.#show();
  }

  #show() {
    const options = this.#found.map((instrument, index) => this.#option(instrument, index));
    this.#list.replaceChildren(...(options.length ? options : [el('li', { class: 'none' }, 'No instrument found')]));
    this.#list.hidden = false;
    this.#input.setAttribute('aria-expanded', 'true');
    this.#activate(this.#found.findIndex((instrument) => symbolOf(instrument) === this.#current));
  }

  #option(instrument, index) {
    const pick = (event) => { event.preventDefault(); this.#pick(index); };
    return el(
      'li',
      { id: `${this.#input.id}-option-${index}`, role: 'option', 'aria-selected': 'false', on: { mousedown: pick } },
      el('b', {}, instrument.symbol),
      el('span', { class: 'option-name' }, instrument.description ?? ''),
      el('span', { class: 'option-exchange' }, instrument.exchange ?? ''),
    );
  }

  #activate(index) {
    this.#active = index;
    const options = [...this.#list.querySelectorAll('[role=option]')];
    options.forEach((option, at) => option.setAttribute('aria-selected', String(at === index)));
    if (index >= 0) {
      this.#input.setAttribute('aria-activedescendant', options[index].id);
      options[index].scrollIntoView({ block: 'nearest' });
    } else {
      this.#input.removeAttribute('aria-activedescendant');
    }
  }

  #pressed(event) {
    const size = this.#found.length;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (this.#list.hidden) this.#lookUp('');
      else if (size) this.#activate((this.#active + (event.key === 'ArrowDown' ? 1 : size - 1) + size) % size);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (!this.#list.hidden && size) this.#pick(Math.max(0, this.#active));
    } else if (event.key === 'Escape') {
      this.#close();
    }
  }

  #pick(index) {
    this.#current = symbolOf(this.#found[index]);
    this.#close();
    this.#onPick(this.#current);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#list.hidden = true;
    this.#input.setAttribute('aria-expanded', 'false');
    this.#input.removeAttribute('aria-activedescendant');
    this.#input.value = this.#current;
  }
}

/** The key later requests use: the ticker where there is one. */
export const symbolOf = (instrument) => instrument.ticker || instrument.symbol;
