// The backtest of a saved formula: its terms, how far it is, and what came of it. All of it is simulated.

import { el, say } from '../dom.js';
import { errorLine, field, submitting } from '../forms.js';
import { percent, price, resolutionName } from '../format.js';
import { finished } from './jobs.js';
import { LineChart } from './line-chart.js';

const MOST_TRADES = 200;
const SHARE = (given) => (given === null || given === undefined ? '–' : percent(given));
const PLAIN = (given) => (given === null || given === undefined ? '–' : price(given).replace('-', '−'));
const PART = (given) => (given === null || given === undefined ? '–' : `${(given * 100).toFixed(1)} %`);
const COUNT = (given) => (given === null || given === undefined ? '–' : String(given));
// What each figure is called and how it is written, in the order a reader looks for them.
const FIGURES = [
  ['total_return', 'Total return', SHARE], ['cagr', 'Return a year', SHARE], ['max_drawdown', 'Deepest fall', SHARE],
  ['volatility', 'Volatility a year', PART],
  ['sharpe', 'Sharpe', PLAIN], ['sortino', 'Sortino', PLAIN], ['calmar', 'Calmar', PLAIN],
  ['trades', 'Closed trades', COUNT], ['win_rate', 'Trades won', PART],
  ['profit_factor', 'Profit factor', PLAIN], ['exposure', 'Time in the market', PART],
  ['fees', 'Fees paid', PLAIN],
];

export class BacktestCard {
  node;
  #session;
  #instruments;
  #prepare;
  #form;
  #state = el('p', { class: 'done', role: 'status', hidden: true });
  #outcome = el('div', { class: 'outcome', hidden: true });
  #chart = new LineChart();
  #target = { symbol: '', resolution: '' };
  #run = 0;

  /** `prepare()` answers the formula as it is saved, or undefined where it could not be. */
  constructor({ session, instruments, prepare }) {
    this.#session = session;
    this.#instruments = instruments;
    this.#prepare = prepare;
    this.#form = this.#build();
    this.node = el('section', { class: 'card page-card', id: 'backtest', 'aria-labelledby': 'backtest-title' },
      el('div', { class: 'card-head' }, el('h2', { id: 'backtest-title' }, 'Backtest'), el('span', { class: 'chip simulated' }, 'Simulated')),
      this.#form, this.#state, this.#outcome);
  }

  close() {
    this.#run += 1;
    this.#outcome.hidden = true;
    say(this.#state);
  }

  /** What it is tested on: what the chart of the editor shows. */
  aim(target) {
    this.#target = target;
    this.#form.querySelector('[type=submit]').textContent = `Backtest on ${target.symbol} ${resolutionName(target.resolution)}`;
  }

  #build() {
    const number = (id, name, label, given) => field({
      id, name, label, type: 'number', min: 0, step: 'any', inputmode: 'decimal', value: given,
    });
    const form = el('form', { novalidate: true },
      errorLine(),
      el('div', { class: 'terms' },
        number('backtest-capital', 'initial_capital', 'Initial capital', 10000),
        number('backtest-fee', 'fee_bps', 'Fee, bps a side', 5),
        number('backtest-slippage', 'slippage_bps', 'Slippage, bps', 2),
        field({ id: 'backtest-from', name: 'from', label: 'From', type: 'date' }),
        field({ id: 'backtest-to', name: 'to', label: 'Before', type: 'date' })),
      el('div', { class: 'form-foot' }, el('button', { type: 'submit', class: 'primary' }, 'Backtest')));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      submitting(form, () => this.#test(form.elements));
    });
    return form;
  }

  async #test(fields) {
    const run = (this.#run += 1);
    const isWanted = () => run === this.#run;
    const formula = await this.#prepare();
    if (!formula) return;
    const job = await this.#session.post(`formulas/${formula.id}/backtest`, this.#body(fields));
    const onProgress = ({ progress }) => say(this.#state, `Testing… ${Math.round(progress * 100)} %`);
    const done = await finished(this.#session, job, { onProgress, isWanted });
    if (!done || !isWanted()) return;
    say(this.#state);
    if (done.status !== 'succeeded') { say(this.#state, done.error || 'The backtest was cancelled.'); return; }
    const outcome = await this.#session.get(`backtests/${done.result.backtest_id}`);
    if (isWanted()) this.#show(outcome);
  }

  #body({ initial_capital: capital, fee_bps: fee, slippage_bps: slippage, from, to }) {
    const given = (name, text) => (text ? { [name]: `${text}T00:00:00Z` } : {});
    return {
      ...this.#target, initial_capital: Number(capital.value), fee_bps: Number(fee.value), slippage_bps: Number(slippage.value),
      ...given('from', from.value), ...given('to', to.value),
    };
  }

  #show(test) {
    const { equity_curve: curve, initial_capital: start } = test;
    const times = curve.map(({ bar_time: at }) => Date.parse(at));
    const gained = (name) => curve.map((point) => (point[name] === null ? NaN : point[name] / start - 1));
    const held = gained('buy_and_hold');
    this.#outcome.hidden = false;
    this.#outcome.replaceChildren(
      el('p', { class: 'aside' }, `Version ${test.formula_version} on ${test.symbol} ${resolutionName(test.resolution)}. `
        + 'No order was placed; results of the past promise nothing.'),
      this.#chart.node, figures(test, held.at(-1)), doubts(test), assumptions(test),
      trades(test, (one) => this.#instruments.price(test.symbol, one)));
    const words = `Equity: ${SHARE(test.metrics.total_return)}, buy and hold ${SHARE(held.at(-1))}, simulated`;
    this.#chart.show(times, [{ name: 'Formula', tone: 1, values: gained('equity') }, { name: 'Buy and hold', tone: 2, values: held }],
      { label: words, split: 0.7 });
    this.#outcome.querySelector('table').focus({ preventScroll: true });
    say(this.#state, words);
  }
}

function figures({ metrics, in_sample: first, out_of_sample: last }, held) {
  const head = ['Figure', 'All', 'First 70 %', 'Last 30 %', 'Buy and hold'];
  const rows = FIGURES.filter(([name]) => name in metrics).map(([name, words, write]) => el('tr', {},
    el('th', { scope: 'row' }, words), ...[metrics, first, last].map((of) => el('td', {}, write(of?.[name] ?? null))),
    el('td', {}, name === 'total_return' ? SHARE(held) : '')));
  return el('div', { class: 'table-frame' }, el('table', { class: 'figures-table', tabindex: '-1' },
    el('caption', { class: 'unseen' }, 'Figures of the backtest'),
    el('thead', {}, el('tr', {}, head.map((words) => el('th', { scope: 'col' }, words)))), el('tbody', {}, rows)));
}

// What the result is worth under worse conditions and against luck.
function doubts({ stress, monte_carlo: drawn, trials, deflated_sharpe: skill }) {
  const rows = [
    ['With costs doubled', SHARE(stress?.double_costs?.total_return)], ['Filled a bar later', SHARE(stress?.late_fills?.total_return)],
    ['Trades redrawn, at a loss', drawn ? PART(drawn.loss_probability) : '–', 'Its closed trades are drawn again a thousand times: how often they end below the initial capital.'],
    ['Tries on this series', COUNT(trials), 'Backtests and points of sweeps on this instrument and resolution, this one among them.'],
    ['Better than luck', PART(skill), 'How probable it is that it is better than the best of as many tries without skill.'],
  ];
  return el('section', { 'aria-labelledby': 'doubts-title' }, el('h3', { id: 'doubts-title', class: 'doubts' }, 'How far to believe it'),
    el('dl', { class: 'figures' }, rows.map(([words, figure, title = null]) => el('div', { title }, el('dt', {}, words), el('dd', {}, figure)))));
}

function assumptions({ assumptions: given, refused }) {
  const lines = Object.entries(given ?? {}).filter(([, one]) => one !== null && typeof one !== 'object')
    .map(([name, one]) => el('div', {}, el('dt', {}, name.replaceAll('_', ' ')), el('dd', {}, String(one))));
  return el('details', { class: 'more' }, el('summary', {}, 'What it assumes'), el('dl', { class: 'facts' }, lines),
    refused > 0 && el('p', { class: 'hint' }, `${refused} actions were refused: their size or level was no number.`));
}

function trades({ trades: all, trades_left_out: missing }, priceOf) {
  const shown = all.slice(-MOST_TRADES).reverse();
  const rest = all.length + missing - shown.length;
  const head = ['Side', 'In', 'Out', 'Entry', 'Exit', 'Profit'];
  const rows = shown.map((trade) => el('tr', {},
    el('td', {}, trade.side), el('td', {}, day(trade.entry_time)), el('td', {}, trade.exit_time ? day(trade.exit_time) : 'open'),
    el('td', {}, priceOf(trade.entry_price)), el('td', {}, trade.exit_price === null ? '–' : priceOf(trade.exit_price)),
    el('td', { class: trade.pnl < 0 ? 'down' : 'up' }, PLAIN(trade.pnl))));
  return el('details', { class: 'more', open: all.length > 0 && all.length <= 20 },
    el('summary', {}, `Trades (${all.length + missing})`),
    el('div', { class: 'table-frame trades', tabindex: '0', role: 'group', 'aria-label': 'Trades' }, el('table', { class: 'figures-table' },
      el('thead', {}, el('tr', {}, head.map((words) => el('th', { scope: 'col' }, words)))), el('tbody', {}, rows))),
    rest > 0 && el('p', { class: 'hint' }, `and ${rest} older ones`));
}

const day = (iso) => iso.slice(0, 10) + (iso.slice(11, 16) === '00:00' ? '' : ` ${iso.slice(11, 16)}`);
