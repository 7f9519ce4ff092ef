// A formula's page: what it is, its live record, its newest signals, what others say, and the switch to follow it.

import { ApiError } from '../api.js';
import { byId, el, fill, reporting } from '../dom.js';
import { resolutionName } from '../format.js';
import { stamp } from '../stamp.js';
import { about, followers, rating, scoreChip } from './figures.js';
import { followingButtons, notifyBox } from './following.js';
import { RecordCard } from './record.js';
import { ReviewsCard } from './reviews.js';

const SIGNALS = 20;
const GONE = 'There is no such formula, or it is not shown to you.';

export class FormulaView {
  node = byId('formula');
  #session;
  #instruments;
  #me = null;
  #id = null;
  #head = el('section', { class: 'card page-card formula-head', 'aria-labelledby': 'formula-title' });
  #problem = el('p', { class: 'problem', role: 'alert', hidden: true });
  #code = el('section', { class: 'card page-card', 'aria-labelledby': 'code-title', hidden: true });
  #signals = el('ul', { class: 'rows', tabindex: '0', 'aria-labelledby': 'formula-signals-title' });
  #noSignals = el('p', { class: 'empty', hidden: true });
  #columns = el('div', { class: 'page-columns' });
  #record;
  #reviews;

  constructor({ session, socket, instruments }) {
    this.#session = session;
    this.#instruments = instruments;
    this.#record = new RecordCard({ session });
    this.#reviews = new ReviewsCard({ session, onChange: () => this.#read({ isAgain: true }) });
    this.node.append(
      el('div', { class: 'page-head' }, el('a', { href: '#marketplace' }, '← Marketplace')), this.#problem, this.#columns);
    this.#columns.append(
      el('div', { class: 'page-column' }, this.#head, this.#record.node, this.#code),
      el('div', { class: 'page-column' },
        el('section', { class: 'card page-card', 'aria-labelledby': 'formula-signals-title' },
          el('h2', { id: 'formula-signals-title' }, 'Newest signals'), this.#signals, this.#noSignals),
        this.#reviews.node));
    socket.on('signal.created', ({ payload, ts }) => this.#arrived({ created_at: ts, ...payload }));
  }

  async open(me, id) {
    if (Number(id) !== this.#id) this.close();
    this.#me = me;
    this.#id = Number(id);
    this.#columns.hidden = false;
    this.#head.replaceChildren(el('h1', { id: 'formula-title' }, 'Formula'));
    await this.#read();
  }

  /** Nothing stays of what was shown: the next reader may see less, or another formula. */
  close() {
    this.#id = null;
    this.#head.replaceChildren();
    this.#code.hidden = true;
    this.#code.replaceChildren();
    this.#record.close();
    this.#reviews.close();
    this.#signals.replaceChildren();
  }

  #read({ isAgain = false } = {}) {
    return reporting(this.#problem, async () => {
      const [id, me] = [this.#id, this.#me];
      const found = await this.#find(id);
      if (id !== this.#id || me !== this.#me) return;
      const [formula, { subscription }] = found;
      this.#showHead(formula, subscription);
      this.#showCode(formula);
      if (isAgain) return;
      const isMine = formula.created_by.id === this.#me.id;
      await Promise.all([
        this.#record.open(formula), this.#readSignals(formula), this.#reviews.open(formula, this.#me, subscription !== null && !isMine),
      ]);
    });
  }

  /** The formula and how one follows it. */
  async #find(id) {
    const path = encodeURIComponent(id);
    try {
      return await Promise.all([this.#session.get(`formulas/${path}`), this.#session.get(`subscriptions/${path}/status`)]);
    } catch (error) {
      if (error.status !== 404) throw error;
      if (id === this.#id) this.#columns.hidden = true;
      throw new ApiError(404, { code: error.code, detail: GONE });
    }
  }

  #showHead(formula, subscription) {
    const isMine = formula.created_by.id === this.#me.id;
    const parts = { session: this.#session, formula, subscription, problem: this.#problem };
    fill(
      this.#head,
      el('h1', { id: 'formula-title' }, formula.name),
      el('p', { class: 'aside' }, about(formula, this.#me)),
      el('p', { class: 'head-figures' }, scoreChip(formula.performance_score), rating(formula),
        el('span', {}, followers(formula.total_subscribers)),
        !formula.is_public && el('span', { class: 'chip' }, 'private'),
        formula.is_retired && el('span', { class: 'chip high' }, 'retired by its author')),
      formula.description && el('p', { class: 'formula-about' }, formula.description),
      el('div', { class: 'card-actions' },
        followingButtons({ ...parts, onChange: () => this.#followed() }),
        isMine && el('a', { class: 'button', href: `#write/${formula.id}` }, 'Edit'),
        formula.formula_code !== null && !isMine && this.#copyButton(formula)),
      subscription && notifyBox(parts));
  }

  // The buttons are drawn anew; the keyboard stays among them.
  async #followed() {
    await this.#read();
    this.#head.querySelector('.card-actions button')?.focus();
  }

  #copyButton(formula) {
    const copy = () => reporting(this.#problem, async () => {
      const made = await this.#session.post(`formulas/${formula.id}/duplicate`);
      location.hash = `write/${made.id}`;
    });
    return el('button', { type: 'button', class: 'quiet small', on: { click: copy } }, 'Copy to my formulas');
  }

  #showCode({ formula_code: code }) {
    this.#code.hidden = code === null;
    if (code !== null) {
      this.#code.replaceChildren(el('h2', { id: 'code-title' }, 'Code'), el('pre', { class: 'sample', tabindex: '0' }, el('code', {}, code)));
    }
  }

  async #readSignals(formula) {
    const { results } = await this.#session.get(`formulas/${formula.id}/signals`, { size: SIGNALS });
    if (formula.id !== this.#id) return;
    this.#signals.replaceChildren(...results.map((signal) => this.#row(signal)));
    this.#signals.hidden = results.length === 0;
    this.#noSignals.textContent = formula.formula_code === null ? 'Its subscribers see its signals.' : 'No signals yet.';
    this.#noSignals.hidden = results.length > 0;
  }

  #arrived(signal) {
    if (signal.formula_id !== this.#id) return;
    this.#signals.prepend(this.#row(signal, true));
    this.#signals.hidden = false;
    while (this.#signals.children.length > SIGNALS) this.#signals.lastChild.remove();
    this.#noSignals.hidden = true;
  }

  #row({ side, symbol, resolution, price, created_at: at }, isNew = false) {
    return el('li', { class: isNew ? 'row signal-line arriving' : 'row signal-line' },
      el('span', { class: `side ${side}` }, side === 'buy' ? 'Buy' : 'Sell'),
      el('span', {}, el('b', {}, symbol), ` ${resolutionName(resolution)}`),
      this.#instruments.price(symbol, price, { class: 'signal-price' }),
      stamp(at, { class: 'aside' }));
  }
}
