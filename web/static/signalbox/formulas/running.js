// Publishing a formula on a record, running it live, and the history of its versions.

import { dotted, el, reporting, say, whileBusy } from '../dom.js';
import { confirmed } from '../dialogs.js';
import { errorLine, field, onSubmit } from '../forms.js';
import { resolutionName } from '../format.js';
import { barStamp, stamp } from '../stamp.js';
import { pageOf } from './figures.js';
import { Pager } from './pager.js';

const SIZE = 20;
const NEXT = { running: ['Pause', 'paused'], paused: ['Resume', 'running'] };

export class RunningCards {
  node;
  #session;
  #prepare;
  #formula = null;
  #target = { symbol: '', resolution: '' };
  #publish;
  #done = el('p', { class: 'done', role: 'status', hidden: true });
  #problem = errorLine();
  #deployments = el('ul', { class: 'rows' });
  #none = el('p', { class: 'empty' }, 'It runs nowhere.');
  #pager = new Pager(() => this.#turned());
  #deploy;
  #versions = el('ul', { class: 'rows' });
  #history = el('section', { class: 'card page-card', id: 'versions', 'aria-labelledby': 'versions-title', hidden: true },
    el('h2', { id: 'versions-title' }, 'Versions'), this.#versions);

  /** `prepare()` answers the formula as it is saved, or undefined where it could not be. */
  constructor({ session, prepare }) {
    this.#session = session;
    this.#prepare = prepare;
    this.#publish = this.#publishForm();
    this.#deploy = el('button', { type: 'button', on: { click: (event) => this.#start(event.currentTarget) } }, 'Run it');
    this.node = el('div', { class: 'page-column' },
      el('section', { class: 'card page-card', id: 'publish', 'aria-labelledby': 'publish-title' },
        el('h2', { id: 'publish-title' }, 'Publish on a record'),
        el('p', { class: 'hint' }, 'Fixes this version, its instruments and its costs. From then on each day is recorded, and only that record '
          + 'makes the score. Changing the code begins a new record.'),
        this.#publish, this.#done),
      el('section', { class: 'card page-card', id: 'deployments', 'aria-labelledby': 'deployments-title' },
        el('h2', { id: 'deployments-title' }, 'Running live'), this.#problem, this.#deployments, this.#none, this.#pager.node,
        el('div', { class: 'form-foot' }, this.#deploy)),
      this.#history);
  }

  /** Shows another formula, or none that is saved yet. */
  async open(formula) {
    this.#formula = formula;
    say(this.#done);
    this.#versions.replaceChildren();
    this.#history.hidden = true;
    this.#showDeployments({ results: [], page: 1, total_pages: 1 });
    if (formula) await this.refresh(formula);
  }

  async refresh(formula) {
    this.#formula = formula;
    await reporting(this.#problem, async () => {
      const [{ results: versions }, deployments] = await Promise.all([
        this.#session.get(`formulas/${formula.id}/versions`, { size: 50 }), this.#readDeployments(formula),
      ]);
      if (formula.id !== this.#formula?.id) return;
      this.#versions.replaceChildren(...versions.map((version) => versionRow(version)));
      this.#history.hidden = false;
      this.#showDeployments(deployments);
    });
  }

  /** Those that are not stopped, on the page one is on, or on the last where that has emptied. */
  async #readDeployments({ id }) {
    const answer = await this.#session.get('deployments/', { formula_id: id, is_stopped: false, size: SIZE, page: this.#pager.page });
    if (answer.results.length || this.#pager.page === 1) return answer;
    this.#pager.page = Math.max(1, answer.total_pages);
    return this.#readDeployments({ id });
  }

  async #turned() {
    await this.refresh(this.#formula);
    this.#deployments.querySelector('button')?.focus();
  }

  aim(target) {
    this.#target = target;
    this.#publish.elements.symbols.placeholder = target.symbol;
    this.#publish.elements.resolution.value = target.resolution;
    this.#deploy.textContent = `Run it on ${target.symbol} ${resolutionName(target.resolution)}`;
  }

  #publishForm() {
    const number = (id, name, label, given) => field({
      id, name, label, type: 'number', min: 0, step: 'any', inputmode: 'decimal', value: given, errorFor: `${name} costs.${name}`,
    });
    const form = el('form', { novalidate: true },
      errorLine(),
      field({ id: 'publish-symbols', name: 'symbols', label: 'Instruments', hint: 'Symbols with commas between; equal weight over all of them.', autocapitalize: 'characters', spellcheck: 'false' }),
      el('div', { class: 'terms' },
        field({ id: 'publish-resolution', name: 'resolution', label: 'Resolution', autocomplete: 'off' }),
        number('publish-fee', 'fee_bps', 'Fee, bps a side', 5), number('publish-slippage', 'slippage_bps', 'Slippage, bps', 2)),
      el('div', { class: 'form-foot' }, el('button', { type: 'submit', class: 'primary' }, 'Publish')));
    onSubmit(form, (fields) => this.#publishIt(fields));
    return form;
  }

  async #publishIt({ symbols, resolution, fee_bps: fee, slippage_bps: slippage }) {
    const formula = await this.#prepare();
    if (!formula) return;
    const named = (symbols.value.trim() || this.#target.symbol).split(',').map((symbol) => symbol.trim()).filter(Boolean);
    const published = await this.#session.post(`formulas/${formula.id}/publish`, {
      symbols: named, resolution: resolution.value.trim(), costs: { fee_bps: Number(fee.value), slippage_bps: Number(slippage.value) },
    });
    this.#done.replaceChildren(`Version ${published.version} is on record on ${published.symbols.join(', ')}. `, el('a', { href: pageOf(formula.id) }, 'See its page'));
    this.#done.hidden = false;
    await this.refresh(formula);
  }

  #showDeployments(answer) {
    this.#deployments.replaceChildren(...answer.results.map((row) => this.#deployment(row)));
    this.#none.hidden = answer.results.length > 0;
    this.#pager.show(answer);
  }

  #deployment(row) {
    const [words, next] = NEXT[row.status] ?? [];
    return el('li', { class: 'row item', 'data-id': row.id },
      el('div', { class: 'item-words' },
        el('h3', {}, `${row.symbol} ${resolutionName(row.resolution)}`),
        el('p', {}, dotted([`version ${row.version}`, row.status,
          row.last_bar_time && el('span', {}, 'last bar ', barStamp(row.last_bar_time, row.resolution)), row.detail]))),
      el('div', { class: 'item-actions' },
        next && this.#act(row, words, 'small', () => this.#session.patch(`deployments/${row.id}`, { status: next })),
        this.#act(row, 'Stop', 'quiet small', () => this.#stop(row))));
  }

  #act(row, words, className, work) {
    const press = (event) => whileBusy(event.currentTarget, () => reporting(this.#problem, async () => {
      await work();
      await this.refresh(this.#formula);
      this.#deployments.querySelector(`[data-id="${row.id}"] button`)?.focus();
    }));
    return el('button', { type: 'button', class: className, 'aria-label': `${words} ${row.symbol} ${resolutionName(row.resolution)}`, on: { click: press } }, words);
  }

  async #stop(row) {
    const text = 'No more signals come from it. A record that was begun by publishing goes on: it is kept from the bars.';
    if (await confirmed(`Stop it on ${row.symbol}?`, text, 'Stop')) await this.#session.delete(`deployments/${row.id}`);
  }

  #start(button) {
    return whileBusy(button, () => reporting(this.#problem, async () => {
      const formula = await this.#prepare();
      if (!formula) return;
      await this.#session.post('deployments/', { formula_id: formula.id, ...this.#target });
      await this.refresh(formula);
    }));
  }
}

function versionRow({ number, formula_code: code, version_hash: hash, created_at: at }) {
  return el('li', { class: 'row version' }, el('details', {},
    el('summary', {}, el('b', {}, `Version ${number}`), el('span', { class: 'aside' }, ' ', stamp(at), ` · ${hash.slice(0, 12)}`)),
    el('pre', { class: 'sample' }, el('code', {}, code ?? 'Its code is not shown to you.'))));
}
