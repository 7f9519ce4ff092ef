// My subscriptions: what one follows, with the switch for each.

import { byId, dotted, el, reporting } from '../dom.js';
import { stamp } from '../stamp.js';
import { followers, pageOf, scoreChip } from './figures.js';
import { followingButtons, notifyBox } from './following.js';

export class SubscriptionsView {
  node = byId('subscriptions');
  #session;
  #problem = el('p', { class: 'problem', role: 'alert', hidden: true });
  #list = el('ul', { class: 'rows listing' });
  #empty = el('p', { class: 'empty', hidden: true }, 'You follow no formula yet. ', el('a', { href: '#marketplace' }, 'Find one in the marketplace.'));

  constructor({ session }) {
    this.#session = session;
    this.node.append(
      el('div', { class: 'page-head' }, el('h1', {}, 'My subscriptions'), el('a', { href: '#marketplace' }, 'Marketplace')),
      el('section', { class: 'card results', 'aria-label': 'Subscriptions' }, this.#problem, this.#list, this.#empty));
  }

  open() {
    return reporting(this.#problem, () => this.#read());
  }

  close() {
    this.#list.replaceChildren();
  }

  async #read() {
    const { results } = await this.#session.get('subscriptions/', { size: 100 });
    this.#list.replaceChildren(...results.map((one) => this.#row(one)));
    this.#empty.hidden = results.length > 0;
  }

  // The rows are drawn anew; the keyboard stays where it was, or goes to the next best place.
  async #changed(id) {
    await this.#read();
    (this.#list.querySelector(`[data-id="${id}"] button`) ?? this.node.querySelector('.results a'))?.focus();
  }

  #row(subscription) {
    const { formula } = subscription;
    const parts = { session: this.#session, formula, subscription, problem: this.#problem };
    return el('li', { class: 'row listed', 'data-id': formula.id },
      el('div', { class: 'listed-words' },
        el('h2', {}, el('a', { href: pageOf(formula.id) }, formula.name)),
        el('p', { class: 'aside' }, dotted([`by ${formula.created_by.username}`, formula.category, el('span', {}, 'since ', stamp(subscription.created_at))])),
        notifyBox(parts)),
      el('div', { class: 'listed-figures' },
        !subscription.is_active && el('span', { class: 'chip' }, 'paused'),
        formula.is_retired && el('span', { class: 'chip high' }, 'retired by its author'),
        scoreChip(formula.performance_score), el('span', {}, followers(formula.total_subscribers))),
      el('div', { class: 'listed-actions' }, followingButtons({ ...parts, onChange: () => this.#changed(formula.id) })));
  }
}
