// The live record of a formula: what it earned since publication, beside the market, and what was published before.

import { el, fill } from '../dom.js';
import { percent, resolutionName } from '../format.js';
import { stamp } from '../stamp.js';
import { LineChart } from './line-chart.js';

export class RecordCard {
  node;
  #session;
  #id = null;
  #body = el('div', {});
  #chart = new LineChart();

  constructor({ session }) {
    this.#session = session;
    this.node = el('section', { class: 'card page-card', 'aria-labelledby': 'record-title' },
      el('h2', { id: 'record-title' }, 'Live record'), this.#body);
  }

  async open(formula) {
    this.#id = formula.id;
    try {
      const record = await this.#session.get(`formulas/${formula.id}/performance`);
      if (formula.id === this.#id) this.#show(record);
    } catch (error) {
      if (error.status === undefined) throw error;
      if (formula.id === this.#id) this.#body.replaceChildren(el('p', { class: 'empty' }, error.message));
    }
  }

  close() {
    this.#id = null;
    this.#body.replaceChildren();
  }

  #show(record) {
    const { publication, days, summary, earlier = [] } = record;
    if (!publication) return this.#body.replaceChildren(el('p', { class: 'empty' }, 'Not published on a record yet, so there is nothing to verify.'));
    const lines = [
      { name: 'Formula', tone: 1, values: days.map(({ equity }) => equity - 1) },
      { name: 'Market', tone: 2, values: days.map(({ market }) => market - 1) },
    ];
    fill(
      this.#body,
      el('p', { class: 'aside' }, terms(publication)),
      figures(record),
      days.length > 1 ? this.#chart.node : el('p', { class: 'empty' }, 'The first days of the record are still to come.'),
      !publication.verified && el('p', { class: 'hint' }, 'Kept on replayed or simulated bars, so it counts towards no verified score.'),
      earlier.length > 0 && el('details', { class: 'more' }, el('summary', {}, `Published before (${earlier.length})`),
        el('ul', {}, earlier.map((one) => el('li', {}, terms(one.publication), ` · ${worth(one.summary)}`)))));
    const words = `Account since publication: ${worth(summary)}`;
    this.#chart.show(days.map(({ day }) => Date.parse(day)), lines, { label: words });
    return undefined;
  }
}

function terms({ version, symbols, resolution, published_at: since, ended_at: until, costs }) {
  const when = until ? [stamp(since), ' to ', stamp(until)] : ['since ', stamp(since)];
  return [`Version ${version} on ${symbols.join(', ')} ${resolutionName(resolution)}, `, ...when,
    `; costs of ${Number(costs.fee_bps)} + ${Number(costs.slippage_bps)} bps a side`];
}

const share = (value) => (value === null || value === undefined ? '–' : percent(value));
const worth = ({ total_return: gained, days }) => `${share(gained)} in ${days === 1 ? '1 day' : `${days} days`}`;

function figures({ summary, score, trials, publication }) {
  const rows = [
    ['Score', score === null ? 'unrated' : Number(score).toFixed(1)], ['Return', share(summary.total_return)],
    ['Market', share(summary.market_return)], ['Deepest fall', share(summary.max_drawdown)],
    ['Days', summary.days], ['Trades', summary.trades], ['Versions tried', trials],
  ];
  if (publication.clone_of) rows.push(['Same as', `a formula by ${publication.clone_of.author}, who was first`]);
  return el('dl', { class: 'figures' }, rows.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, String(value)))));
}
