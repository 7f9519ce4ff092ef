// The formula editor: checks the code while it is typed, creates the formula, and offers to run it.

import { byId, el, reporting, say, whileBusy } from './dom.js';
import { clearErrors, sentence, showErrors } from './form-errors.js';
import { resolutionName } from './format.js';

const CHECK_AFTER = 350;
const SAMPLE = 'if rsi < 30:\n    buy()\nif rsi > 70:\n    sell()';

export class FormulaEditor {
  #session;
  #form = byId('editor');
  #code = byId('formula-code');
  #lines = byId('code-lines');
  #verdict = byId('code-verdict');
  #done = byId('editor-done');
  #onCreated;
  #deploy;
  #target = { symbol: '', resolution: '' };
  #timer = null;
  #asked = 0;
  #wrongLines = new Set();

  /** `onCreated(formula)` is told of a new formula; `deploy(formula)` runs it on what the chart shows. */
  constructor({ session, onCreated, deploy }) {
    this.#session = session;
    this.#onCreated = onCreated;
    this.#deploy = deploy;
    this.#code.value = SAMPLE;
    this.#code.addEventListener('input', () => this.#edited());
    this.#code.addEventListener('scroll', () => { this.#lines.scrollTop = this.#code.scrollTop; });
    this.#form.addEventListener('submit', (event) => this.#submitted(event));
    this.#number();
  }

  open() {
    this.#check();
  }

  close() {
    this.#asked += 1;
    clearTimeout(this.#timer);
    this.#form.reset();
    this.#code.value = SAMPLE;
    this.#showVerdict(null);
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

  #edited() {
    this.#wrongLines.clear();
    this.#number();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), CHECK_AFTER);
  }

  #number() {
    const count = this.#code.value.split('\n').length;
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    this.#lines.replaceChildren(...numbers.map((number) => (
      el('span', { class: this.#wrongLines.has(number) ? 'wrong' : null }, String(number))
    )));
    this.#lines.scrollTop = this.#code.scrollTop;
  }

  async #check() {
    const asked = (this.#asked += 1);
    if (!this.#code.value.trim()) return this.#showVerdict(null);
    try {
      const verdict = await this.#session.post('formulas/validate', { formula_code: this.#code.value });
      if (asked === this.#asked) this.#showVerdict(verdict);
    } catch (error) {
      if (asked === this.#asked) this.#showVerdict({ valid: false, errors: validationErrors(error) });
    }
    return undefined;
  }

  #showVerdict(verdict) {
    const errors = verdict?.valid === false ? verdict.errors ?? [] : [];
    this.#wrongLines = new Set(errors.map(({ line }) => line).filter(Boolean));
    this.#number();
    this.#verdict.classList.toggle('good', verdict?.valid === true);
    this.#code.setAttribute('aria-invalid', String(errors.length > 0));
    const lines = verdict?.valid ? [el('span', {}, summary(verdict))] : errors.map((error) => this.#complaint(error));
    this.#verdict.replaceChildren(...lines);
  }

  #complaint(error) {
    if (!error.line) return el('span', {}, sentence(error));
    return el('button', { type: 'button', class: 'link', on: { click: () => this.#goTo(error) } }, sentence(error));
  }

  #goTo({ line, column = 1 }) {
    const before = this.#code.value.split('\n').slice(0, line - 1);
    const position = before.reduce((sum, text) => sum + text.length + 1, 0) + Math.max(0, column - 1);
    this.#code.focus();
    this.#code.setSelectionRange(position, position + 1);
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
      this.#refused(error);
      return undefined;
    }
  }

  // What is wrong with the code stands once, in the verdict, where it leads to the place.
  #refused(error) {
    const { formula_code: complaints, ...others } = error.errors;
    if (!complaints) return showErrors(this.#form, error);
    this.#asked += 1;
    clearTimeout(this.#timer);
    this.#showVerdict({ valid: false, errors: validationErrors(error) });
    if (Object.keys(others).length) showErrors(this.#form, Object.assign(error, { errors: others }));
    else this.#code.focus();
    return undefined;
  }

  #created(formula) {
    this.#form.elements.name.value = '';
    const button = el('button', { type: 'button', class: 'small' }, this.#deployWords());
    button.addEventListener('click', () => whileBusy(button, () => this.#run(formula)));
    this.#done.replaceChildren(el('span', {}, `“${formula.name}” was created. `), button);
    this.#done.hidden = false;
    this.#onCreated(formula);
  }

  async #run(formula) {
    const top = this.#form.querySelector('[data-problem]');
    const deployment = await reporting(top, () => this.#deploy(formula));
    if (deployment) say(this.#done, `“${formula.name}” runs on ${deployment.symbol} ${resolutionName(deployment.resolution)} now.`);
  }
}

// The code may be refused before it is parsed (too long, wrong characters); then the answer is a problem, not a verdict.
function validationErrors(error) {
  const messages = error.errors?.formula_code ?? [error.message];
  return [messages].flat().map((message) => (typeof message === 'string' ? { message } : message));
}

function summary({ indicators = [], warmup_bars: warmup }) {
  const names = indicators.map((one) => (typeof one === 'string' ? one : one.expression ?? one.name)).filter(Boolean);
  const uses = names.length ? ` · uses ${names.join(', ')}` : '';
  return `Valid${uses}${warmup ? ` · first answer after ${warmup} bars` : ''}`;
}
