// How many decimals the prices of an instrument are written with; asked once for each symbol.

import { el } from './dom.js';
import { decimalsOf, loosePrice, price } from './format.js';

export class Instruments {
  #session;
  #decimals = new Map();
  #asked = new Map();

  constructor(session) {
    this.#session = session;
  }

  /** Words for a price of `symbol`, as exact as is known by now. */
  words(symbol, value) {
    return this.#decimals.has(symbol) ? price(value, this.#decimals.get(symbol)) : loosePrice(value);
  }

  /** The price as an element, written anew once the instrument is known. */
  price(symbol, value, attributes = {}) {
    const node = el('span', attributes, this.words(symbol, value));
    if (!this.#decimals.has(symbol)) this.#learn(symbol).then(() => { node.textContent = this.words(symbol, value); });
    return node;
  }

  #learn(symbol) {
    if (!this.#asked.has(symbol)) this.#asked.set(symbol, this.#ask(symbol));
    return this.#asked.get(symbol);
  }

  async #ask(symbol) {
    try {
      const { pricescale } = await this.#session.get(`datafeed/resolve/${encodeURIComponent(symbol)}`);
      this.#decimals.set(symbol, decimalsOf(pricescale));
    } catch (error) {
      if (error.status === undefined) throw error;
      this.#asked.delete(symbol); // written as it came; the next one asks again
    }
  }
}
