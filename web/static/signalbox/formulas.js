// The formulas panel: what others published, what one is subscribed to, and one's own with where they run.

import { byId, el, reporting, whileBusy } from './dom.js';
import { resolutionName } from './format.js';
import { pageOf } from './formulas/figures.js';

const SHOWN = 20;
const NOTHING = {
  all: 'No formulas have been published yet.',
  subscribed: 'You are not subscribed to a formula. Choose one under All.',
  mine: 'You have not written a formula yet. Begin with New formula.',
};

export class FormulasPanel {
  #session;
  #onFormulas;
  #formulas = new Map();
  #subscribed = new Set();
  #deployments = [];
  #me = null;
  #filter = 'all';
  #target = { symbol: '', resolution: '' };

  /** `onFormulas(list)` is told the formulas that were read. */
  constructor({ session, onFormulas }) {
    this.#session = session;
    this.#onFormulas = onFormulas;
    for (const button of byId('formulas-filter').children) {
      button.addEventListener('click', () => this.show(button.dataset.show));
    }
  }

  async open(me) {
    this.#me = me;
    await reporting(byId('formulas-problem'), () => this.#read());
  }

  close() {
    this.#me = null;
    this.#formulas.clear();
    this.#subscribed.clear();
    this.#deployments = [];
    byId('formulas-list').replaceChildren();
    byId('formulas-empty').hidden = true;
  }

  /** All, subscribed or mine. */
  show(filter) {
    this.#filter = filter;
    for (const button of byId('formulas-filter').children) {
      button.setAttribute('aria-pressed', String(button.dataset.show === filter));
    }
    this.#showAll();
  }

  /** The instrument and resolution a formula would be deployed on: those of the chart. */
  aim(target) {
    this.#target = target;
    this.#showAll();
  }

  /** Takes a formula that was just created. */
  add(formula) {
    this.#formulas = new Map([[formula.id, formula], ...this.#formulas]);
    this.#onFormulas([formula]);
    this.show('mine');
  }

  /** Runs a formula on what the chart shows. */
  async deploy(formula) {
    const deployment = await this.#session.post('deployments/', { formula_id: formula.id, ...this.#target });
    this.#deployments.push(deployment);
    this.#showAll();
    return deployment;
  }

  async #read() {
    const [listed, subscriptions, deployments] = await Promise.all([
      this.#session.get('formulas/', { size: SHOWN }),
      this.#session.get('subscriptions/', { size: 100 }),
      this.#session.get('deployments/', { size: 100 }),
    ]);
    this.#formulas = new Map(listed.results.map((formula) => [formula.id, formula]));
    const active = subscriptions.results.filter(({ is_active: isActive }) => isActive !== false);
    this.#subscribed = new Set(active.map(({ formula_id: id }) => id));
    // A subscribed formula beyond the first page comes with its subscription.
    for (const { formula } of active) if (formula?.id && !this.#formulas.has(formula.id)) this.#formulas.set(formula.id, formula);
    this.#deployments = deployments.results.filter(({ status }) => status !== 'stopped');
    this.#onFormulas([...this.#formulas.values()]);
    this.#showAll();
  }

  #isMine(formula) {
    return this.#me !== null && formula.created_by?.id === this.#me.id;
  }

  #showAll() {
    if (this.#me === null) return;
    const wanted = {
      all: () => true,
      subscribed: ({ id }) => this.#subscribed.has(id),
      mine: (formula) => this.#isMine(formula),
    }[this.#filter];
    const shown = [...this.#formulas.values()].filter(wanted);
    byId('formulas-list').replaceChildren(...shown.map((formula) => this.#row(formula)));
    byId('formulas-empty').hidden = shown.length > 0;
    byId('formulas-empty').textContent = NOTHING[this.#filter];
  }

  #row(formula) {
    const isMine = this.#isMine(formula);
    const isSubscribed = this.#subscribed.has(formula.id);
    return el(
      'li', { class: 'row formula', 'data-id': formula.id },
      el('div', { class: 'formula-words' },
        el('h3', {}, el('a', { href: pageOf(formula.id) }, formula.name)),
        el('p', {}, about(formula, isMine)),
        isMine && this.#running(formula)),
      el('div', { class: 'formula-actions' },
        isMine && this.#button('deploy', `Deploy on ${place(this.#target)}`, 'small', formula,
          () => this.deploy(formula)),
        isSubscribed
          ? this.#button('subscribe', 'Unsubscribe', 'quiet small', formula, () => this.#unsubscribe(formula))
          : this.#button('subscribe', 'Subscribe', 'small accept', formula, () => this.#subscribe(formula))),
    );
  }

  #button(name, words, className, formula, work) {
    const press = async (event) => {
      const button = event.currentTarget;
      const done = await whileBusy(button, () => reporting(byId('formulas-problem'), async () => { await work(); return true; }));
      // The row was drawn anew; the keyboard stays where it was.
      if (done) byId('formulas-list').querySelector(`[data-id="${formula.id}"] [data-act=${name}]`)?.focus();
    };
    return el('button', {
      type: 'button', class: className, 'data-act': name, 'aria-label': `${words}: ${formula.name}`, on: { click: press },
    }, words);
  }

  #running(formula) {
    const own = this.#deployments.filter(({ formula_id: id }) => id === formula.id);
    if (!own.length) return null;
    return el('ul', { class: 'running', 'aria-label': 'Running on' }, own.map((deployment) => el(
      'li', { class: 'chip', title: deployment.detail || null },
      place(deployment), deployment.status === 'running' ? null : ` · ${deployment.status}`,
      deployment.is_warming ? ' · warming up' : null,
      el('button', {
        type: 'button', class: 'chip-stop', 'aria-label': `Stop ${formula.name} on ${deployment.symbol}`, title: 'Stop',
        on: { click: (event) => whileBusy(event.currentTarget, () => this.#stop(deployment)) },
      }, '×'),
    )));
  }

  #stop(deployment) {
    return reporting(byId('formulas-problem'), async () => {
      await this.#session.delete(`deployments/${deployment.id}`);
      this.#deployments = this.#deployments.filter(({ id }) => id !== deployment.id);
      this.#showAll();
    });
  }

  async #subscribe(formula) {
    try {
      await this.#session.post('subscriptions/', { formula_id: formula.id });
    } catch (error) {
      // Subscribed meanwhile, in another window: the wish is fulfilled.
      if (error.status !== 409) throw error;
    }
    this.#subscribed.add(formula.id);
    this.#countSubscriber(formula, 1);
  }

  async #unsubscribe(formula) {
    await this.#session.delete(`subscriptions/${formula.id}`);
    this.#subscribed.delete(formula.id);
    this.#countSubscriber(formula, -1);
  }

  #countSubscriber(formula, change) {
    // An author's own subscription is not counted.
    const total = Math.max(0, (formula.total_subscribers ?? 0) + (this.#isMine(formula) ? 0 : change));
    this.#formulas.set(formula.id, { ...formula, total_subscribers: total });
    this.#showAll();
  }
}

const place = ({ symbol, resolution }) => `${symbol} ${resolutionName(resolution)}`;

function about({ created_by: author, category, total_subscribers: followers = 0, is_public: isPublic }, isMine) {
  const by = isMine ? (isPublic ? 'yours, public' : 'yours, private') : `by ${author?.username ?? 'unknown'}`;
  const count = followers === 1 ? '1 subscriber' : `${followers ?? 0} subscribers`;
  return [by, category, count].filter(Boolean).join(' · ');
}
