// The signals panel: the newest signals, each of which opens to show why it was given.

import { announce, byId, el, say } from './dom.js';
import { moment, resolutionName, value } from './format.js';
import { barStamp, stamp } from './stamp.js';

const READ = 100; // as many as the chart may mark
const SHOWN = 30;

export class SignalsPanel {
  #session;
  #instruments;
  #onChange;
  #onLook;
  #signals = [];
  #names = new Map();
  #isOpen = false;

  /** `onChange(signals)` is told all signals known, newest first; `onLook(signal)` which one is to be seen on the chart. */
  constructor({ session, socket, instruments, onChange, onLook }) {
    this.#session = session;
    this.#instruments = instruments;
    this.#onChange = onChange;
    this.#onLook = onLook;
    socket.subscribe('signals.subscribe', {}, {
      // Read once more: what came between the first reading and the subscription is in neither.
      onAnswer: () => this.#isOpen && this.open(),
      onError: (error) => say(byId('signals-problem'), `No live signals: ${error.message}`),
    });
    socket.on('signal.created', ({ payload, ts }) => this.#arrived({ created_at: ts, ...payload }));
  }

  async open() {
    this.#isOpen = true;
    try {
      const { results } = await this.#session.get('signals', { size: READ });
      if (!this.#isOpen) return;
      // One that arrived while the list was on its way must not vanish again.
      const listed = new Set(results.map((signal) => signal.id));
      const newest = Math.max(0, ...results.map((signal) => Date.parse(signal.created_at) || 0));
      const fresh = this.#signals.filter((signal) => !listed.has(signal.id) && Date.parse(signal.created_at) >= newest);
      this.#signals = [...fresh, ...results];
      say(byId('signals-problem'));
      this.#showAll();
    } catch (error) {
      say(byId('signals-problem'), error.message);
    }
  }

  close() {
    this.#isOpen = false;
    this.#signals = [];
    this.#showAll();
  }

  /** Names for signals that carry only a formula's id. */
  nameFormulas(formulas) {
    for (const { id, name } of formulas) this.#names.set(id, name);
    for (const slot of byId('signals-list').querySelectorAll('[data-formula]')) {
      slot.textContent = this.#names.get(Number(slot.dataset.formula)) ?? slot.textContent;
    }
  }

  #arrived(signal) {
    if (!this.#isOpen || this.#signals.some((known) => known.id === signal.id)) return;
    this.#signals.unshift(signal);
    this.#signals.length = Math.min(this.#signals.length, READ);
    const list = byId('signals-list');
    list.prepend(this.#row(signal, true));
    while (list.children.length > SHOWN) list.lastChild.remove();
    this.#changed();
    announce(`${verb(signal)} ${signal.symbol} at ${this.#instruments.words(signal.symbol, signal.price)}, ${this.#nameOf(signal)}`);
  }

  #showAll() {
    byId('signals-list').replaceChildren(...this.#signals.slice(0, SHOWN).map((signal) => this.#row(signal)));
    this.#changed();
  }

  #changed() {
    byId('signals-empty').hidden = this.#signals.length > 0 || !this.#isOpen;
    byId('signals-aside').textContent = this.#signals.length ? `newest at ${moment(this.#signals[0].created_at)}` : '';
    this.#onChange(this.#signals);
  }

  #nameOf(signal) {
    return signal.formula_name ?? this.#names.get(signal.formula_id) ?? `Formula ${signal.formula_id}`;
  }

  #row(signal, isNew = false) {
    const name = signal.formula_name ? {} : { 'data-formula': signal.formula_id };
    return el('li', { class: isNew ? 'row arriving' : 'row' }, el(
      'details', {},
      el(
        'summary', { class: 'signal' },
        el('span', { class: `side ${signal.side}` }, verb(signal)),
        el('span', { class: 'signal-what' }, el('b', {}, signal.symbol), ` ${resolutionName(signal.resolution)}`),
        this.#instruments.price(signal.symbol, signal.price, { class: 'signal-price' }),
        el('span', { class: 'signal-formula', ...name }, this.#nameOf(signal)),
        stamp(signal.created_at),
      ),
      why(signal, () => this.#onLook(signal)),
    ));
  }
}

const verb = ({ side }) => (side === 'buy' ? 'Buy' : 'Sell');

function why(signal, look) {
  const reasons = [signal.reason ?? []].flat();
  const lines = reasons.map((reason) => (typeof reason === 'string'
    ? el('div', {}, el('dt', {}, reason))
    : el('div', {}, el('dt', {}, reason.expression), el('dd', {}, value(reason.value)))));
  return el(
    'div', { class: 'why' },
    lines.length ? el('dl', {}, lines) : el('p', {}, 'No values were kept with this signal.'),
    el('div', { class: 'why-foot' },
      el('p', { class: 'why-bar' }, 'On the bar of ', barStamp(signal.bar_time, signal.resolution)),
      el('button', { type: 'button', class: 'link', on: { click: look } }, 'Show on the chart')),
  );
}
