// The author's place: write a formula, see it on the chart, test it, publish it, run it.

import { byId, el, reporting, say, whileBusy } from '../dom.js';
import { confirmed } from '../dialogs.js';
import { clearErrors } from '../form-errors.js';
import { errorLine, field } from '../forms.js';
import { BacktestCard } from './backtest.js';
import { CodeField, codeParts, refused } from './code-field.js';
import { about, pageOf, scoreChip } from './figures.js';
import { LanguageHelp } from './language.js';
import { RunningCards } from './running.js';
import { StudioChart } from './studio-chart.js';

const SAMPLE = 'fast = ema(close, 12)\nslow = ema(close, 26)\nif crossover(fast, slow):\n    buy()\nif crossunder(fast, slow):\n    sell()\n';
const EMPTY = { name: '', description: '', category: '', tags: [], is_public: false, formula_code: SAMPLE };

export class StudioView {
  node = byId('write');
  #session;
  #onSaved;
  #me = null;
  #formula = null; // as it is saved; null while it is new
  #shown = undefined; // the id in the address that the form was filled for
  #title = el('h1', {}, 'Write a formula');
  #problem = errorLine();
  #list = el('ul', { class: 'rows own-formulas' });
  #form;
  #save;
  #delete;
  #done = el('p', { class: 'done', role: 'status', hidden: true });
  #code;
  #chart;
  #backtest;
  #running;

  /** `onSaved(formula)` is told of a formula that was created or changed. */
  constructor({ session, instruments, onSaved }) {
    this.#session = session;
    this.#onSaved = onSaved;
    const prepare = () => this.#saved();
    this.#backtest = new BacktestCard({ session, instruments, prepare });
    this.#running = new RunningCards({ session, prepare });
    this.#chart = new StudioChart({ session, onAim: (target) => { this.#backtest.aim(target); this.#running.aim(target); } });
    this.#form = this.#build();
    this.node.append(
      el('div', { class: 'page-head' }, this.#title, el('a', { href: '#write', 'data-new': true }, 'Begin a new one')),
      el('div', { class: 'page-columns studio' },
        el('div', { class: 'page-column' },
          el('section', { class: 'card page-card', 'aria-label': 'Editor' }, this.#form, this.#done),
          el('section', { class: 'card page-card', 'aria-labelledby': 'own-title' }, el('h2', { id: 'own-title' }, 'Your formulas'), this.#problem, this.#list)),
        el('div', { class: 'page-column wide' }, this.#chart.node, this.#backtest.node, this.#running.node)));
    this.#code = new CodeField({
      session, field: byId('write-code').closest('.field'), onVerdict: (verdict) => verdict?.valid && this.#chart.draw(this.#code.value),
    });
    const code = byId('write-code');
    code.closest('.field').after(new LanguageHelp(code).node);
    this.#chart.start();
    this.#fill(EMPTY);
    addEventListener('beforeunload', (event) => this.#me && this.#isChanged() && event.preventDefault());
  }

  /** Opens the formula with this id, or a new one; what was being written for it is still there. */
  async open(me, id = null) {
    this.#me = me;
    const chart = this.#chart.open();
    if (this.#shown !== id) await reporting(this.#problem, () => this.#leaveFor(id));
    if (this.#me !== me) return;
    await Promise.all([chart, this.#readOwn(), this.#code.check()]);
  }

  /** Leaves what is written where it is. */
  close() {
    this.#code.forget();
    this.#chart.close();
  }

  /** Lets go of everything: somebody else may sit down here. */
  forget() {
    this.#me = this.#formula = null;
    this.#shown = undefined;
    this.#fill(EMPTY);
    this.#list.replaceChildren();
    this.#backtest.close();
    this.#running.open(null);
  }

  #build() {
    this.#save = el('button', { type: 'submit', class: 'primary' }, 'Create formula');
    this.#delete = el('button', { type: 'button', class: 'quiet', hidden: true, on: { click: (event) => this.#remove(event.currentTarget) } }, 'Delete');
    const form = el('form', { novalidate: true, id: 'write-form' },
      errorLine(),
      field({ id: 'write-name', name: 'name', label: 'Name', maxlength: 120, autocomplete: 'off', required: true }),
      codeParts('write-code', 'Code'),
      el('div', { class: 'field' },
        el('label', { for: 'write-description' }, 'Description'),
        el('textarea', { id: 'write-description', name: 'description', rows: 3, maxlength: 5000 }),
        el('p', { class: 'field-error', 'data-error-for': 'description', hidden: true })),
      el('div', { class: 'pair' },
        field({ id: 'write-category', name: 'category', label: 'Category', maxlength: 50, autocapitalize: 'none', placeholder: 'trend' }),
        field({ id: 'write-tags', name: 'tags', label: 'Tags', autocapitalize: 'none', placeholder: 'ema, daily' })),
      el('div', { class: 'editor-foot' },
        el('label', { class: 'check' }, el('input', { type: 'checkbox', name: 'is_public' }), ' Public: listed in the marketplace')),
      el('div', { class: 'form-foot' }, this.#delete, this.#save));
    form.addEventListener('submit', (event) => { event.preventDefault(); whileBusy(this.#save, () => this.#store()); });
    form.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    return form;
  }

  /** Opens another formula, unless what is written for this one is to stay. */
  async #leaveFor(id) {
    if (await this.mayDrop()) return this.#choose(id);
    history.replaceState(null, '', this.#formula ? `#write/${this.#formula.id}` : '#write');
    return undefined;
  }

  /** Whether what is written may go: nothing is, it is saved, or its author says so. */
  async mayDrop() {
    if (this.#shown === undefined || !this.#isChanged()) return true;
    const name = this.#written().name || 'The formula that you are writing';
    return confirmed('Drop what is not saved?', `“${name}” has changes that were not saved.`, 'Drop them');
  }

  async #choose(id) {
    const formula = id === null ? null : await this.#session.get(`formulas/${id}`);
    this.#shown = id;
    this.#formula = formula;
    this.#fill(formula ?? EMPTY);
    this.#backtest.close();
    await this.#running.open(formula);
  }

  #fill({ name, description, category, tags, is_public: isPublic, formula_code: code }) {
    const { elements } = this.#form;
    clearErrors(this.#form);
    say(this.#done);
    Object.assign(elements.name, { value: name });
    elements.description.value = description;
    elements.category.value = category;
    elements.tags.value = tags.join(', ');
    elements.is_public.checked = isPublic;
    this.#code.value = code ?? '';
    this.#showState();
  }

  #showState() {
    this.#title.textContent = this.#formula ? this.#formula.name : 'Write a formula';
    this.#save.textContent = this.#formula ? 'Save' : 'Create formula';
    this.#delete.hidden = !this.#formula;
  }

  #written() {
    const { name, description, category, tags, is_public: isPublic } = this.#form.elements;
    return {
      name: name.value.trim(), description: description.value.trim(), category: category.value.trim().toLowerCase(),
      tags: tags.value.split(',').map((tag) => tag.trim().toLowerCase()).filter(Boolean), is_public: isPublic.checked,
      formula_code: this.#code.value,
    };
  }

  #isChanged() {
    const saved = this.#formula ?? EMPTY;
    const written = this.#written();
    return Object.entries(written).some(([name, now]) => String(name === 'tags' ? [...now].sort() : now) !== String(saved[name]));
  }

  /** The formula with what is written saved; undefined where it was refused. */
  #saved() {
    return this.#formula && !this.#isChanged() ? this.#formula : this.#store();
  }

  async #store() {
    clearErrors(this.#form);
    say(this.#done);
    try {
      const before = this.#formula;
      this.#formula = before
        ? await this.#session.patch(`formulas/${before.id}`, this.#written())
        : await this.#session.post('formulas/', this.#written());
      this.#told(before);
    } catch (error) {
      refused(this.#form, this.#code, error);
      return undefined;
    }
    await Promise.all([this.#readOwn(), this.#running.refresh(this.#formula)]);
    return this.#formula;
  }

  #told(before) {
    const { id, name, version } = this.#formula;
    this.#shown = String(id);
    if (!before) history.replaceState(null, '', `#write/${id}`);
    const words = before && before.version === version ? 'Saved. ' : `Version ${version} of “${name}” is saved. `;
    this.#done.replaceChildren(words, el('a', { href: pageOf(id) }, 'See its page'));
    this.#done.hidden = false;
    this.#showState();
    this.#onSaved(this.#formula);
  }

  async #remove(button) {
    const text = 'Where others follow it, it is retired: they keep it, nobody new finds it, and it runs no more.';
    if (!(await confirmed(`Delete “${this.#formula.name}”?`, text, 'Delete'))) return;
    const done = await whileBusy(button, () => reporting(this.#form.querySelector('[data-problem]'), async () => {
      await this.#session.delete(`formulas/${this.#formula.id}`);
      return true;
    }));
    if (!done) return;
    this.#formula = null;
    this.#fill(EMPTY);
    location.hash = 'write';
  }

  async #readOwn() {
    await reporting(this.#problem, async () => {
      const { results } = await this.#session.get('formulas/my/formulas', { size: 50 });
      this.#list.replaceChildren(...results.map((formula) => el('li', { class: 'row item' },
        el('div', { class: 'item-words' },
          el('h3', {}, el('a', { href: `#write/${formula.id}`, 'aria-current': formula.id === this.#formula?.id ? 'true' : null }, formula.name)),
          el('p', {}, about(formula, this.#me))),
        el('div', { class: 'listed-figures' }, formula.is_retired && el('span', { class: 'chip high' }, 'retired'),
          !formula.is_public && el('span', { class: 'chip' }, 'private'), scoreChip(formula.performance_score)))));
      if (!results.length) this.#list.replaceChildren(el('li', { class: 'empty' }, 'None yet.'));
    });
  }
}
