// The marketplace: formulas that others published, narrowed, searched, ordered, and leafed through.

import { byId, el, reporting, say } from '../dom.js';
import { choice, field } from '../forms.js';
import { about, followers, pageOf, rating, scoreChip } from './figures.js';
import { Pager } from './pager.js';

const SIZE = 20;
const SEARCH_AFTER = 300;
const ORDERS = [
  ['', 'Best match'], ['-performance_score', 'Best score'], ['-total_subscribers', 'Most subscribers'],
  ['-average_rating', 'Best rated'], ['-created_at', 'Newest'],
];

export class MarketplaceView {
  node = byId('marketplace');
  #session;
  #me = null;
  #form;
  #problem = el('p', { class: 'problem', role: 'alert', hidden: true });
  #list = el('ul', { class: 'rows listing' });
  #empty = el('p', { class: 'empty', hidden: true }, 'No formula is like that. Take a filter away.');
  #count = el('p', { class: 'aside', role: 'status' });
  #pager = new Pager(() => this.#turned());
  #asked = 0;
  #timer = null;

  constructor({ session }) {
    this.#session = session;
    this.#form = this.#filters();
    this.node.append(
      el('div', { class: 'page-head' }, el('h1', {}, 'Marketplace'), el('a', { href: '#write' }, 'Write a formula')),
      el('section', { class: 'card filters', 'aria-label': 'Filters' }, this.#form),
      el('section', { class: 'card results', 'aria-label': 'Formulas' }, this.#problem, this.#count, this.#list, this.#empty, this.#pager.node));
  }

  async open(me) {
    this.#me = me;
    await Promise.all([this.#readChoices(), this.#read()]);
  }

  close() {
    this.#asked += 1;
    clearTimeout(this.#timer);
    this.#list.replaceChildren();
  }

  #filters() {
    const form = el('form', { role: 'search' },
      field({ id: 'market-search', name: 'search', label: 'Search', type: 'search', maxlength: 200, placeholder: 'Name, tag, description' }),
      choice({ id: 'market-category', name: 'category', label: 'Category', options: [['', 'Every category']] }),
      choice({ id: 'market-tags', name: 'tags', label: 'Tag', options: [['', 'Every tag']] }),
      field({ id: 'market-score', name: 'min_performance_score', label: 'Score from', type: 'number', min: 0, max: 100, step: 'any', inputmode: 'decimal' }),
      field({ id: 'market-author', name: 'author', label: 'Author', autocapitalize: 'none', spellcheck: 'false' }),
      choice({ id: 'market-ordering', name: 'ordering', label: 'Order', options: ORDERS }));
    form.addEventListener('submit', (event) => { event.preventDefault(); this.#again(); });
    form.addEventListener('input', () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#again(), SEARCH_AFTER);
    });
    return form;
  }

  async #readChoices() {
    const [categories, tags] = await Promise.all([
      this.#session.get('formulas/categories').catch(() => []), this.#session.get('formulas/tags').catch(() => []),
    ]);
    offer(byId('market-category'), categories);
    offer(byId('market-tags'), tags);
  }

  #again() {
    this.#pager.page = 1;
    return this.#read();
  }

  async #read() {
    clearTimeout(this.#timer);
    const asked = (this.#asked += 1);
    const wanted = [...new FormData(this.#form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value);
    await reporting(this.#problem, async () => {
      const answer = await this.#session.get('formulas/', { is_public: true, ...Object.fromEntries(wanted), size: SIZE, page: this.#pager.page });
      // Answers may overtake each other; only the newest question counts.
      if (asked === this.#asked) this.#show(answer);
    });
  }

  #show(answer) {
    const { results, total } = answer;
    this.#list.replaceChildren(...results.map((formula) => this.#row(formula)));
    this.#empty.hidden = results.length > 0;
    say(this.#count, total === 1 ? '1 formula' : `${total} formulas`);
    this.#pager.show(answer);
  }

  async #turned() {
    await this.#read();
    this.#list.querySelector('a')?.focus();
  }

  #row(formula) {
    const described = formula.description.slice(0, 200);
    return el('li', { class: 'row listed', 'data-id': formula.id },
      el('div', { class: 'listed-words' },
        el('h2', {}, el('a', { href: pageOf(formula.id) }, formula.name)),
        el('p', { class: 'aside' }, about(formula, this.#me)),
        described && el('p', { class: 'listed-about' }, described)),
      el('div', { class: 'listed-figures' },
        scoreChip(formula.performance_score), rating(formula), el('span', {}, followers(formula.total_subscribers)),
        formula.is_subscribed && el('span', { class: 'chip good' }, 'subscribed')));
  }
}

function offer(select, words) {
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...words.map((word) => el('option', { value: word }, word)));
  select.value = words.includes(chosen) ? chosen : '';
}
