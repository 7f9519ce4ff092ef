// The small editor of the workspace: creates a formula and offers to run it on what the chart shows.

import { byId, el, reporting, say, whileBusy } from './dom.js';
import { clearErrors } from './form-errors.js';
import { resolutionName } from './format.js';
import { CodeField, refused } from './formulas/code-field.js';

const SAMPLE = 'if rsi < 30:\n    buy()\nif rsi > 70:\n    sell()';

export class FormulaEditor {
  #session;
  #form = byId('editor');
  #code;
  #done = byId('editor-done');
  #onCreated;
  #deploy;
  #target = { symbol: '', resolution: '' };

  /** `onCreated(formula)` is told of a new formula; `deploy(formula)` runs it on what the chart shows. */
  constructor({ session, onCreated, deploy }) {
    this.#session = session;
    this.#onCreated = onCreated;
    this.#deploy = deploy;
    this.#code = new CodeField({ session, field: byId('formula-code').closest('.field') });
    this.#code.value = SAMPLE;
    this.#form.addEventListener('submit', (event) => this.#submitted(event));
  }

  open() {
    this.#code.check();
  }

  close() {
    this.#form.reset();
    this.#code.value = SAMPLE;
    clearErrors(this.#form);
    say(this.#done);
  }

  aim(target) {
    this.#target = target;
    const button = this.#done.querySelector('button');
    if (button) button.textContent = this.#deployWords();
  }

  #deployWords() {
    return `Deploy on ${this.#target.symbol} ${resolutionName(this.#target.resolution)}`;
  }

  async #submitted(event) {
    event.preventDefault();
    const body = {
      name: this.#form.elements.name.value.trim(),
      formula_code: this.#code.value,
      is_public: this.#form.elements.is_public.checked,
    };
    clearErrors(this.#form);
    say(this.#done);
    const formula = await whileBusy(this.#form.querySelector('[type=submit]'), () => this.#create(body));
    if (formula) this.#created(formula);
  }

  async #create(body) {
    try {
      return await this.#session.post('formulas/', body);
    } catch (error) {
      refused(this.#form, this.#code, error);
      return undefined;
    }
  }

  #created(formula) {
    this.#form.elements.name.value = '';
    const button = el('button', { type: 'button', class: 'small' }, this.#deployWords());
    button.addEventListener('click', () => whileBusy(button, () => this.#run(formula)));
    this.#done.replaceChildren(el('span', {}, `“${formula.name}” was created. `), button,
      ' ', el('a', { href: `#write/${formula.id}` }, 'Backtest it'));
    this.#done.hidden = false;
    this.#onCreated(formula);
  }

  async #run(formula) {
    const top = this.#form.querySelector('[data-problem]');
    const deployment = await reporting(top, () => this.#deploy(formula));
    if (deployment) say(this.#done, `“${formula.name}” runs on ${deployment.symbol} ${resolutionName(deployment.resolution)} now.`);
  }
}
